package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// event is one entry of a delivery's history: an attempt, a claim, the release of one, or, when it is none of them,
// a requeue.
type event struct {
	at       time.Time
	attempt  *delivery.Attempt
	claim    *delivery.Lease
	released string    // the claim's execution id
	due      time.Time // of a claim after a lease that ran out: since when the delivery was due
}

// wantStanding says what a history comes to in the words of the design, looking back over all of it,
// where Standing moves on from fact to fact.
func wantStanding(history []event) delivery.Standing {
	want := delivery.Standing{Touched: len(history) > 0}
	current := 0 // index of the first event since the last requeue
	for i, e := range history {
		switch {
		case e.attempt != nil:
			want.LastRecordedAt = e.attempt.RecordedAt
		case e.claim == nil && e.released == "":
			current = i + 1
			want.Since = e.at
		}
	}

	var attempts []*delivery.Attempt
	tries := map[string]bool{} // by execution id: each counts once
	for i, e := range history[current:] {
		switch {
		case e.attempt != nil:
			attempts = append(attempts, e.attempt)
			want.Settled = want.Settled || e.attempt.Status != failed
			if e.attempt.Status == failed {
				tries[e.attempt.ExecutionID] = true
			}
		case e.claim != nil:
			want.Lease = e.claim
			if !e.due.IsZero() {
				want.Since = e.due
			}
			if slices.ContainsFunc(history[current+i+1:], func(later event) bool { return ends(later, e.claim) }) {
				want.Lease = nil
			}
			tries[e.claim.ExecutionID] = true
		default:
			delete(tries, e.released)
		}
	}
	want.Tries = len(tries)

	slices.SortStableFunc(attempts, func(a, b *delivery.Attempt) int { return effective(a).Compare(effective(b)) })
	if len(attempts) > 0 {
		latest := attempts[len(attempts)-1]
		want.Latest = &delivery.Latest{AttemptID: latest.ID, Status: latest.Status, EffectiveAt: effective(latest)}
	}
	want.Resting = wantState(want, farFuture)
	if !want.Settled && want.Tries < 12 {
		want.DueAt = want.Since
		if n := len(attempts); n > 0 {
			want.DueAt = later(want.DueAt, attemptsByRecording(attempts)[n-1].Add(wantBackoff(want.Tries)))
		}
		if want.Lease != nil {
			want.DueAt = later(want.DueAt, want.Lease.ExpiresAt.Add(wantBackoff(want.Tries)))
		}
	}
	return want
}

var farFuture = minute(0).AddDate(1, 0, 0)

// wantBackoff is thirty seconds, doubled for each further try, and an hour at most.
func wantBackoff(tries int) time.Duration {
	return min(time.Hour, 30*time.Second<<(tries-1))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func attemptsByRecording(attempts []*delivery.Attempt) []time.Time {
	var recorded []time.Time
	for _, a := range attempts {
		recorded = append(recorded, a.RecordedAt)
	}
	slices.SortFunc(recorded, time.Time.Compare)
	return recorded
}

func effective(a *delivery.Attempt) time.Time {
	return slices.MinFunc([]time.Time{a.AttemptedAt, a.RecordedAt}, time.Time.Compare)
}

func ends(e event, lease *delivery.Lease) bool {
	return e.released == lease.ExecutionID || e.attempt != nil && (e.attempt.ExecutionID == lease.ExecutionID || e.attempt.Status != failed)
}

func wantState(s delivery.Standing, now time.Time) delivery.State {
	if s.Lease != nil && s.Lease.ExpiresAt.After(now) {
		return delivery.Pending
	}
	if s.Latest != nil && s.Latest.Status != failed {
		return map[delivery.Status]delivery.State{succeeded: delivery.DeliverySucceeded, skipped: delivery.DeliverySkipped}[s.Latest.Status]
	}
	if s.Tries >= 12 {
		return delivery.Exhausted
	}
	if s.Latest != nil {
		return delivery.DeliveryFailed
	}
	return delivery.Ready
}

func TestStanding_EqualsItsDefinitionOnRandomHistories(t *testing.T) {
	seen := map[delivery.State]int{}
	for seed := range uint64(400) {
		source := rand.New(rand.NewPCG(seed, 1))
		var history []event
		var unreported []string       // ids that claims handed out
		counting := map[string]bool{} // those of them that count as tries
		var got, want delivery.Standing
		clock := minute(0)
		for step := range 60 {
			// Steps are small, and sometimes backwards, so that equal instants are common.
			clock = clock.Add(time.Duration(source.IntN(6)-1) * time.Minute)
			e := event{at: clock}
			switch n := source.IntN(40); {
			case n == 0:
				got = got.Requeue(clock, delivery.DefaultRetry)
				counting = map[string]bool{}
			case n == 1 && got.Lease != nil:
				e.released = got.Lease.ExecutionID
				delete(counting, e.released)
				got = got.Release(delivery.DefaultRetry)
			case n < 12:
				e.claim = &delivery.Lease{ExecutionID: fmt.Sprint("claim ", step), ExpiresAt: clock.Add(time.Duration(source.IntN(10)) * time.Minute)}
				if want.Lease != nil {
					e.due = want.DueAt
				}
				unreported = append(unreported, e.claim.ExecutionID)
				counting[e.claim.ExecutionID] = true
				got = got.Claim(*e.claim, delivery.DefaultRetry)
			default:
				id := fmt.Sprint("own ", step)
				if len(unreported) > 0 && n < 28 {
					i := source.IntN(len(unreported))
					id = unreported[i]
					unreported = slices.Delete(unreported, i, i+1)
				}
				status := []delivery.Status{failed, failed, failed, failed, failed, failed, failed, failed, succeeded, skipped}[source.IntN(10)]
				a := attempt(status, id, clock.Add(time.Duration(source.IntN(9)-6)*time.Minute), got.NextRecordedAt(clock))
				e.attempt = &a
				got = got.Record(a, counting[id], delivery.DefaultRetry)
			}
			history = append(history, e)

			want = wantStanding(history)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, step %d: standing\n got %+v\nwant %+v", seed, step, got, want)
			}
			if got.State(clock) != wantState(want, clock) {
				t.Fatalf("seed %d, step %d: state is %s, want %s", seed, step, got.State(clock), wantState(want, clock))
			}
			seen[got.State(clock)]++
		}
	}
	// Histories that never come to some state would prove nothing of it.
	for _, state := range []delivery.State{
		delivery.Ready, delivery.Pending, delivery.DeliverySucceeded, delivery.DeliverySkipped, delivery.DeliveryFailed, delivery.Exhausted,
	} {
		if seen[state] < 100 {
			t.Errorf("the histories came to %s only %d times", state, seen[state])
		}
	}
}
