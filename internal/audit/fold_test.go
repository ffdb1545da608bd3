package audit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// tried is an attempt of one minute, recorded at another.
func tried(status delivery.Status, id string, attempted, recorded int) delivery.Attempt {
	return delivery.Attempt{
		ID:         "attempt " + id,
		Report:     delivery.Report{ExecutionID: id, Status: status, AttemptedAt: minute(attempted)},
		RecordedAt: minute(recorded),
	}
}

func claimed(id string, at, until int) audit.Claim {
	return audit.Claim{ExecutionID: id, ClaimedAt: minute(at), ExpiresAt: minute(until)}
}

func released(id string, at, until int) audit.Claim {
	c := claimed(id, at, until)
	c.Released = true
	return c
}

func latest(status delivery.Status, id string, at int) *delivery.Latest {
	return &delivery.Latest{AttemptID: "attempt " + id, Status: status, EffectiveAt: minute(at)}
}

func leased(id string, until int) *delivery.Lease {
	return &delivery.Lease{ExecutionID: id, ExpiresAt: minute(until)}
}

const (
	succeeded = delivery.Succeeded
	failed    = delivery.Failed
	skipped   = delivery.Skipped
)

func TestFold_ComesToTheStandingThatIsKept(t *testing.T) {
	due := minute(59) // when it is due is not compared, that it is is
	for name, test := range map[string]struct {
		requeued time.Time
		claims   []audit.Claim
		attempts []delivery.Attempt
		want     delivery.Standing
	}{
		"NothingHappened": {want: delivery.Standing{Resting: delivery.Ready, DueAt: due}},
		"Succeeded": {
			attempts: []delivery.Attempt{tried(succeeded, "a", 1, 2)},
			want:     delivery.Standing{Touched: true, Settled: true, Latest: latest(succeeded, "a", 1), LastRecordedAt: minute(2), Resting: delivery.DeliverySucceeded},
		},
		"Skipped": {
			attempts: []delivery.Attempt{tried(skipped, "a", 1, 2)},
			want:     delivery.Standing{Touched: true, Settled: true, Latest: latest(skipped, "a", 1), LastRecordedAt: minute(2), Resting: delivery.DeliverySkipped},
		},
		"Failed": {
			attempts: []delivery.Attempt{tried(failed, "a", 1, 2)},
			want:     delivery.Standing{Touched: true, Tries: 1, Latest: latest(failed, "a", 1), LastRecordedAt: minute(2), Resting: delivery.DeliveryFailed, DueAt: due},
		},
		"FailedAndNoTriesLeft": {
			attempts: []delivery.Attempt{tried(failed, "a", 1, 2)},
			want:     delivery.Standing{Touched: true, Tries: 1, Latest: latest(failed, "a", 1), LastRecordedAt: minute(2), Resting: delivery.Exhausted},
		},
		"FailedAfterSucceeded": {
			attempts: []delivery.Attempt{tried(succeeded, "a", 1, 2), tried(failed, "b", 3, 3)},
			want:     delivery.Standing{Touched: true, Tries: 1, Settled: true, Latest: latest(failed, "b", 3), LastRecordedAt: minute(3), Resting: delivery.DeliveryFailed},
		},
		"FailedEarlierAndRecordedLater": {
			attempts: []delivery.Attempt{tried(succeeded, "a", 2, 2), tried(failed, "b", 1, 3)},
			want:     delivery.Standing{Touched: true, Tries: 1, Settled: true, Latest: latest(succeeded, "a", 2), LastRecordedAt: minute(3), Resting: delivery.DeliverySucceeded},
		},
		"Claimed": {
			claims: []audit.Claim{claimed("c", 1, 9)},
			want:   delivery.Standing{Touched: true, Tries: 1, Lease: leased("c", 9), Resting: delivery.Ready, DueAt: due},
		},
		"ClaimedAndReported": {
			claims:   []audit.Claim{claimed("c", 1, 9)},
			attempts: []delivery.Attempt{tried(failed, "c", 2, 3)},
			want:     delivery.Standing{Touched: true, Tries: 1, Latest: latest(failed, "c", 2), LastRecordedAt: minute(3), Resting: delivery.DeliveryFailed, DueAt: due},
		},
		"ClaimedAndReportedByAnother": {
			claims:   []audit.Claim{claimed("c", 1, 9)},
			attempts: []delivery.Attempt{tried(failed, "d", 2, 3)},
			want:     delivery.Standing{Touched: true, Tries: 2, Latest: latest(failed, "d", 2), LastRecordedAt: minute(3), Lease: leased("c", 9), Resting: delivery.DeliveryFailed, DueAt: due},
		},
		"ClaimedAndDoneByAnother": {
			claims:   []audit.Claim{claimed("c", 1, 9)},
			attempts: []delivery.Attempt{tried(succeeded, "d", 2, 3)},
			want:     delivery.Standing{Touched: true, Tries: 1, Settled: true, Latest: latest(succeeded, "d", 2), LastRecordedAt: minute(3), Resting: delivery.DeliverySucceeded},
		},
		"ClaimedAndReleased": {
			claims: []audit.Claim{released("c", 1, 9)},
			want:   delivery.Standing{Touched: true, Resting: delivery.Ready, DueAt: due},
		},
		"ReleasedAndYetReported": {
			claims:   []audit.Claim{released("c", 1, 9)},
			attempts: []delivery.Attempt{tried(failed, "c", 2, 3)},
			want:     delivery.Standing{Touched: true, Tries: 1, Latest: latest(failed, "c", 2), LastRecordedAt: minute(3), Resting: delivery.DeliveryFailed, DueAt: due},
		},
		"ReleasedAndClaimedAtTheSameInstant": {
			claims: []audit.Claim{claimed("d", 1, 8), released("c", 1, 9)},
			want:   delivery.Standing{Touched: true, Tries: 1, Lease: leased("d", 8), Resting: delivery.Ready, DueAt: due},
		},
		"RanOutAndReleased": {
			claims: []audit.Claim{released("d", 20, 30), claimed("c", 1, 9)}, // in whatever order they are read
			want:   delivery.Standing{Touched: true, Tries: 1, Resting: delivery.Ready, DueAt: due},
		},
		"RanOutAndClaimed": {
			claims: []audit.Claim{claimed("d", 20, 30), claimed("c", 1, 9)},
			want:   delivery.Standing{Touched: true, Tries: 2, Lease: leased("d", 30), Resting: delivery.Ready, DueAt: due},
		},
		"RanOutAndNoTriesLeft": {
			claims: []audit.Claim{claimed("c", 1, 9)},
			want:   delivery.Standing{Touched: true, Tries: 1, Lease: leased("c", 9), Resting: delivery.Exhausted},
		},
		"RequeuedOnly": {
			requeued: minute(5),
			want:     delivery.Standing{Touched: true, Since: minute(5), Resting: delivery.Ready, DueAt: minute(5)},
		},
		"RequeuedAfterAttempts": {
			requeued: minute(5),
			attempts: []delivery.Attempt{tried(failed, "a", 1, 2), tried(succeeded, "b", 1, 4)},
			want:     delivery.Standing{Touched: true, LastRecordedAt: minute(4), Since: minute(5), Resting: delivery.Ready, DueAt: minute(5)},
		},
		"RequeuedAndTriedAgain": {
			requeued: minute(5),
			claims:   []audit.Claim{claimed("c", 6, 9)},
			attempts: []delivery.Attempt{tried(succeeded, "a", 1, 2), tried(failed, "old", 1, 5), tried(failed, "c", 7, 8)},
			want:     delivery.Standing{Touched: true, Tries: 2, Latest: latest(failed, "c", 7), LastRecordedAt: minute(8), Resting: delivery.DeliveryFailed, DueAt: due},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fold := audit.NewFold(test.requeued, test.claims)
			for _, a := range test.attempts {
				fold.Attempt(a)
			}
			if differs := fold.Differs(test.want); differs != "" {
				t.Errorf("differs: %s", differs)
			}
			requireMutationsFound(t, fold, test.want)
		})
	}
}

// mutations are standings that differ from one in what is compared, by how they differ.
func mutations(s delivery.Standing) map[string][]delivery.Standing {
	all := map[string][]delivery.Standing{}
	add := func(how string, mutate func(*delivery.Standing)) {
		m := s
		if s.Latest != nil {
			copied := *s.Latest
			m.Latest = &copied
		}
		if s.Lease != nil {
			copied := *s.Lease
			m.Lease = &copied
		}
		mutate(&m)
		all[how] = append(all[how], m)
	}
	add("whether it was touched", func(m *delivery.Standing) { m.Touched = !m.Touched })
	add("tries", func(m *delivery.Standing) { m.Tries++ })
	add("tries", func(m *delivery.Standing) { m.Tries-- })
	add("whether it is settled", func(m *delivery.Standing) { m.Settled = !m.Settled })
	add("when its last attempt was recorded", func(m *delivery.Standing) { m.LastRecordedAt = m.LastRecordedAt.Add(time.Microsecond) })
	if s.Latest == nil {
		add("the attempt that decides", func(m *delivery.Standing) { m.Latest = latest(failed, "x", 1) })
	} else {
		add("the attempt that decides", func(m *delivery.Standing) { m.Latest = nil })
		add("the attempt that decides", func(m *delivery.Standing) { m.Latest.AttemptID += "x" })
		add("the attempt that decides", func(m *delivery.Standing) { m.Latest.Status += "x" })
		add("the attempt that decides", func(m *delivery.Standing) { m.Latest.EffectiveAt = m.Latest.EffectiveAt.Add(time.Microsecond) })
	}
	if s.Lease == nil {
		add("lease", func(m *delivery.Standing) { m.Lease = leased("x", 9) })
	} else {
		add("lease", func(m *delivery.Standing) { m.Lease = nil })
		add("lease", func(m *delivery.Standing) { m.Lease.ExecutionID += "x" })
		add("lease", func(m *delivery.Standing) { m.Lease.ExpiresAt = m.Lease.ExpiresAt.Add(time.Microsecond) })
	}
	for _, state := range []delivery.State{"", "x", delivery.Ready, delivery.Pending, delivery.DeliverySucceeded, delivery.DeliverySkipped, delivery.DeliveryFailed} {
		// That tries are used up depends on settings that nobody kept, unless they are not and it is due.
		if state != s.Resting && (s.Resting != delivery.Exhausted || state == "x" || state == delivery.Pending) {
			add("state", func(m *delivery.Standing) { m.Resting = state })
		}
	}
	if s.DueAt.IsZero() {
		add("whether it is ever due", func(m *delivery.Standing) { m.DueAt = minute(1) })
	} else {
		if s.Latest != nil || s.Lease != nil { // else it is due since an instant that no fact tells
			add("whether it is ever due", func(m *delivery.Standing) { m.DueAt = time.Time{} })
		}
		how := "whether it is ever due"
		if s.Tries == 0 {
			how = "state" // none can be used up
		}
		add(how, func(m *delivery.Standing) { m.Resting = delivery.Exhausted })
	}
	return all
}

func requireMutationsFound(t *testing.T, fold *audit.Fold, kept delivery.Standing) {
	t.Helper()
	for how, mutated := range mutations(kept) {
		for _, m := range mutated {
			if differs := fold.Differs(m); !strings.HasPrefix(differs, how+": ") || !strings.Contains(differs, " is kept, and what is recorded comes to ") {
				t.Errorf("of another %s it is said %q: kept %+v, mutated %+v", how, differs, kept, m)
			}
		}
	}
}

// What is kept of a lease, or of the attempt that decides, is told in words, and not as an address.
func TestFold_Differs_TellsBoth(t *testing.T) {
	fold := audit.NewFold(time.Time{}, []audit.Claim{claimed("c", 1, 9)})
	fold.Attempt(tried(failed, "a", 2, 3))
	kept := delivery.Standing{Touched: true, Tries: 2, Latest: latest(failed, "a", 2), LastRecordedAt: minute(3), Lease: leased("c", 9), Resting: delivery.DeliveryFailed, DueAt: minute(10)}
	if differs := fold.Differs(kept); differs != "" {
		t.Fatal(differs)
	}
	for want, mutate := range map[string]func(*delivery.Standing){
		"tries: 3 is kept, and what is recorded comes to 2":                                                                     func(s *delivery.Standing) { s.Tries = 3 },
		"lease: none is kept, and what is recorded comes to c until 2026-03-24T12:09:00.000000Z":                                func(s *delivery.Standing) { s.Lease = nil },
		"the attempt that decides: none is kept, and what is recorded comes to attempt a (failed, 2026-03-24T12:02:00.000000Z)": func(s *delivery.Standing) { s.Latest = nil },
		"when its last attempt was recorded: never is kept, and what is recorded comes to 2026-03-24T12:03:00.000000Z":          func(s *delivery.Standing) { s.LastRecordedAt = time.Time{} },
		"state: succeeded is kept, and what is recorded comes to failed":                                                        func(s *delivery.Standing) { s.Resting = delivery.DeliverySucceeded },
		"whether it is ever due: false is kept, and what is recorded comes to true":                                             func(s *delivery.Standing) { s.DueAt = time.Time{} },
		"tries: 0 is kept, and what is recorded comes to 2":                                                                     func(s *delivery.Standing) { *s = delivery.Standing{Touched: true} },
		"whether it was touched: false is kept, and what is recorded comes to true":                                             func(s *delivery.Standing) { *s = delivery.Standing{} },
		"whether it is settled: true is kept, and what is recorded comes to false":                                              func(s *delivery.Standing) { s.Settled = true },
	} {
		mutated := kept
		mutate(&mutated)
		if got := fold.Differs(mutated); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// simulated is one delivery as a store moves it on, with what it keeps of the facts.
type simulated struct {
	random   *rand.Rand
	clock    time.Time
	policy   delivery.RetryPolicy
	standing delivery.Standing
	offered  bool
	requeued time.Time
	claims   []audit.Claim // since the requeue
	before   []string      // ids that were handed out, and not reported
	attempts []delivery.Attempt
	done     map[string]int
}

func (s *simulated) setPolicy() {
	delay := []time.Duration{100 * time.Millisecond, time.Second, 30 * time.Second, 10 * time.Minute}[s.random.IntN(4)]
	s.policy = delivery.RetryPolicy{Delay: delay, MaxDelay: delay * time.Duration(1+s.random.IntN(20)), MaxTries: 1 + s.random.IntN(6)}
}

// tick goes on a while, or not at all, and now and then to when it is due or the lease ends.
func (s *simulated) tick() {
	steps := []time.Duration{0, time.Microsecond, time.Second, time.Minute, time.Duration(s.random.Int64N(int64(time.Hour/time.Microsecond))) * time.Microsecond}
	s.clock = s.clock.Add(steps[s.random.IntN(len(steps))])
	if due := s.standing.DueAt; due.After(s.clock) && s.random.IntN(3) == 0 {
		s.clock = due
	}
	if l := s.standing.Lease; l != nil && l.ExpiresAt.After(s.clock) && s.random.IntN(4) == 0 {
		s.clock = l.ExpiresAt
	}
}

func (s *simulated) step(number int) {
	s.tick()
	leased := s.standing.Leased(s.clock)
	isDue := s.offered && !s.standing.DueAt.IsZero() && !s.standing.DueAt.After(s.clock)
	switch n := s.random.IntN(100); {
	case n < 4:
		s.setPolicy() // of the next fact
	case n < 6:
		s.standing = s.standing.Under(s.policy)
		s.done["under"]++
	case n < 10:
		if s.offered = !s.offered; s.offered {
			s.standing = s.standing.Offer(s.clock, s.policy)
			s.done["offer"]++
		}
	case n < 45:
		if !isDue {
			return
		}
		c := audit.Claim{ExecutionID: fmt.Sprint("claim ", number), ClaimedAt: s.clock, ExpiresAt: s.clock.Add(time.Duration(1+s.random.IntN(900)) * time.Second)}
		if s.standing.Lease != nil {
			s.done["claim after a lease that ran out"]++
		}
		s.standing = s.standing.Claim(delivery.Lease{ExecutionID: c.ExecutionID, ExpiresAt: c.ExpiresAt}, s.policy)
		s.claims, s.before = append(s.claims, c), append(s.before, c.ExecutionID)
		s.done["claim"]++
	case n < 60:
		if !leased {
			return
		}
		last := &s.claims[len(s.claims)-1]
		if s.random.IntN(2) == 0 {
			last.ExpiresAt = s.clock.Add(time.Duration(1+s.random.IntN(900)) * time.Second)
			s.standing = s.standing.Extend(last.ExpiresAt, s.policy)
			s.done["extend"]++
			return
		}
		last.Released = true
		s.standing = s.standing.Release(s.policy)
		s.done["release"]++
	case n < 92:
		s.report(number)
	default:
		isNew := s.standing.Latest == nil && s.standing.Tries == 0 && len(s.claims) == 0
		force := s.random.IntN(2) == 0
		if leased || isNew || isDue || s.standing.Settled && !force {
			return
		}
		s.requeued = s.standing.NextRecordedAt(s.clock)
		s.standing, s.claims = s.standing.Requeue(s.requeued, s.policy), nil
		s.done["requeue"]++
	}
}

// report records an attempt under an id that a claim handed out, perhaps long ago, or another one.
func (s *simulated) report(number int) {
	id := fmt.Sprint("own ", number)
	if n := len(s.before); n > 0 && s.random.IntN(4) > 0 {
		i := n - 1
		if s.random.IntN(3) == 0 {
			i = s.random.IntN(n)
		}
		id = s.before[i]
		s.before = slices.Delete(s.before, i, i+1)
	}
	counts := slices.ContainsFunc(s.claims, func(c audit.Claim) bool { return c.ExecutionID == id && !c.Released })
	a := delivery.Attempt{
		ID: fmt.Sprint("attempt ", number),
		Report: delivery.Report{
			ExecutionID: id, Status: []delivery.Status{failed, failed, failed, failed, failed, failed, succeeded, skipped}[s.random.IntN(8)],
			AttemptedAt: s.clock.Add(time.Duration(s.random.IntN(40)-30) * time.Minute),
		},
		RecordedAt: s.standing.NextRecordedAt(s.clock),
	}
	s.standing = s.standing.Record(a, counts, s.policy)
	s.attempts = append(s.attempts, a)
	s.done["report"]++
	if s.standing.Lease != nil {
		s.done["report beside a lease"]++
	}
}

// fold is what the facts come to, the claims read in any order.
func (s *simulated) fold() *audit.Fold {
	claims := slices.Clone(s.claims)
	s.random.Shuffle(len(claims), func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
	fold := audit.NewFold(s.requeued, claims)
	for _, a := range s.attempts {
		fold.Attempt(a)
	}
	return fold
}

func TestFold_ComesToWhatIsKept_OnRandomHistories(t *testing.T) {
	done, states := map[string]int{}, map[delivery.State]int{}
	for seed := range uint64(700) {
		s := &simulated{random: rand.New(rand.NewPCG(seed, 2)), clock: minute(0), done: done}
		s.setPolicy()
		if s.random.IntN(3) > 0 {
			s.offered = true
		}
		s.standing = s.standing.Offer(s.clock, s.policy)
		for step := range 60 {
			s.step(step)
			fold := s.fold()
			if differs := fold.Differs(s.standing); differs != "" {
				t.Fatalf("seed %d, step %d: %s\nstanding %+v\nclaims %+v\nattempts %+v", seed, step, differs, s.standing, s.claims, s.attempts)
			}
			if step%7 == 0 {
				requireMutationsFound(t, fold, s.standing)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
			states[s.standing.State(s.clock)]++
		}
	}
	// Histories in which something never happens would prove nothing of it.
	for _, what := range []string{"under", "offer", "claim", "claim after a lease that ran out", "extend", "release", "report", "report beside a lease", "requeue"} {
		if done[what] < 50 {
			t.Errorf("in the histories is %q only %d times", what, done[what])
		}
	}
	for _, state := range []delivery.State{
		delivery.Ready, delivery.Pending, delivery.DeliverySucceeded, delivery.DeliverySkipped, delivery.DeliveryFailed, delivery.Exhausted,
	} {
		if states[state] < 100 {
			t.Errorf("the histories came to %s only %d times", state, states[state])
		}
	}
}
