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

// event is one entry of a delivery's history: an attempt, a claim, or, when it is neither, a requeue.
type event struct {
	attempt *delivery.Attempt
	claim   *delivery.Lease
}

// wantStanding says what a history comes to in the words of the design, looking back over all of it,
// where Standing moves on from fact to fact.
func wantStanding(history []event) delivery.Standing {
	want := delivery.Standing{Touched: len(history) > 0}
	handedOut := map[string]bool{}
	current := 0 // index of the first event since the last requeue
	for i, e := range history {
		switch {
		case e.attempt != nil:
			want.LastRecordedAt = e.attempt.RecordedAt
		case e.claim != nil:
			handedOut[e.claim.ExecutionID] = true
		default:
			current = i + 1
		}
	}

	var attempts []*delivery.Attempt
	for i, e := range history[current:] {
		if a := e.attempt; a != nil {
			attempts = append(attempts, a)
			want.Settled = want.Settled || a.Status != failed
			if a.Status == failed && !handedOut[a.ExecutionID] {
				want.Tries++
			}
		} else {
			want.Tries++
			want.Lease = e.claim
			if slices.ContainsFunc(history[current+i+1:], func(later event) bool { return ends(later, e.claim) }) {
				want.Lease = nil
			}
		}
	}

	slices.SortStableFunc(attempts, func(a, b *delivery.Attempt) int { return effective(a).Compare(effective(b)) })
	if len(attempts) > 0 {
		latest := attempts[len(attempts)-1]
		want.Latest = &delivery.Latest{AttemptID: latest.ID, Status: latest.Status, EffectiveAt: effective(latest)}
	}
	return want
}

func effective(a *delivery.Attempt) time.Time {
	return slices.MinFunc([]time.Time{a.AttemptedAt, a.RecordedAt}, time.Time.Compare)
}

func ends(e event, lease *delivery.Lease) bool {
	return e.attempt != nil && (e.attempt.ExecutionID == lease.ExecutionID || e.attempt.Status != failed)
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
		var unreported []string // ids that claims handed out
		var got delivery.Standing
		clock := minute(0)
		for step := range 60 {
			// Steps are small, and sometimes backwards, so that equal instants are common.
			clock = clock.Add(time.Duration(source.IntN(6)-1) * time.Minute)
			var e event
			switch n := source.IntN(40); {
			case n == 0:
				got = got.Requeue()
			case n < 12:
				e.claim = &delivery.Lease{ExecutionID: fmt.Sprint("claim ", step), ExpiresAt: clock.Add(time.Duration(source.IntN(10)) * time.Minute)}
				unreported = append(unreported, e.claim.ExecutionID)
				got = got.Claim(*e.claim)
			default:
				id, onClaim := fmt.Sprint("own ", step), false
				if len(unreported) > 0 && n < 28 {
					i := source.IntN(len(unreported))
					id, onClaim = unreported[i], true
					unreported = slices.Delete(unreported, i, i+1)
				}
				status := []delivery.Status{failed, failed, failed, failed, failed, failed, failed, failed, succeeded, skipped}[source.IntN(10)]
				a := attempt(status, id, clock.Add(time.Duration(source.IntN(9)-6)*time.Minute), got.NextRecordedAt(clock))
				e.attempt = &a
				got = got.Record(a, onClaim)
			}
			history = append(history, e)

			want := wantStanding(history)
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
