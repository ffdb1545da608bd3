package delivery

import (
	"cmp"
	"time"
)

// State is where one delivery stands; the package comment has the table.
type State string

// The states of a delivery.
const (
	Ready             State = "ready"
	Pending           State = "pending"
	DeliverySucceeded State = "succeeded"
	DeliverySkipped   State = "skipped"
	DeliveryFailed    State = "failed"
	Exhausted         State = "exhausted"
)

// Lease is a claim's hold on a delivery.
type Lease struct {
	ExecutionID string
	ExpiresAt   time.Time
}

// Latest is the attempt that decides a delivery's state.
type Latest struct {
	AttemptID   string
	Status      Status
	EffectiveAt time.Time
}

// Standing is what the recorded facts of one delivery come to. It is made by applying the facts one by
// one, in recording order, to the zero value; a store keeps it beside the facts so that nobody has to
// fold them again, and tests hold the two against each other.
type Standing struct {
	Touched bool    // was ever claimed, attempted or requeued
	Tries   int     // since the last requeue: claims not released, and failed reports under any other id
	Settled bool    // since the last requeue: some attempt succeeded or was skipped, no automatic retries
	Latest  *Latest // since the last requeue; nil when there is none
	Lease   *Lease  // the last claim's, until it is settled or released; may have run out

	// Since is when it last came into the outbox's sight: added, offered again, or requeued; or since when it was due
	// when it was claimed after a lease that had run out.
	Since time.Time

	// LastRecordedAt is when the newest attempt was recorded, requeues aside; zero when there is none.
	LastRecordedAt time.Time

	// What follows from the above under the policy of the last fact, see Under.
	Resting State     // the state while no lease is open
	DueAt   time.Time // when it is due by itself, if nothing else is recorded; zero when never
}

// Under returns the standing with what follows from its facts under a policy.
func (s Standing) Under(policy RetryPolicy) Standing {
	switch {
	case s.Latest != nil && s.Latest.Status == Succeeded:
		s.Resting = DeliverySucceeded
	case s.Latest != nil && s.Latest.Status == Skipped:
		s.Resting = DeliverySkipped
	case s.Tries >= policy.MaxTries:
		s.Resting = Exhausted
	case s.Latest != nil:
		s.Resting = DeliveryFailed
	default:
		s.Resting = Ready
	}
	s.DueAt = s.dueAt(policy)
	return s
}

// dueAt counts the backoff from the last failed report or, where that is later, from the lease's end.
func (s Standing) dueAt(policy RetryPolicy) time.Time {
	if s.Settled || s.Tries >= policy.MaxTries {
		return time.Time{}
	}
	var last time.Time
	if s.Latest != nil {
		last = s.LastRecordedAt
	}
	if s.Lease != nil && s.Lease.ExpiresAt.After(last) {
		last = s.Lease.ExpiresAt
	}
	if last.IsZero() {
		return s.Since
	}
	if due := last.Add(policy.Backoff(s.Tries)); due.After(s.Since) {
		return due
	}
	return s.Since
}

// Record returns the standing after a has been recorded. claimed tells whether a's execution id was handed
// out by a claim of this delivery that counts among its tries: one since the last requeue, and not released.
func (s Standing) Record(a Attempt, claimed bool, policy RetryPolicy) Standing {
	s.Touched = true
	s.LastRecordedAt = a.RecordedAt
	if a.Status == Failed {
		if !claimed {
			s.Tries++
		}
	} else {
		s.Settled = true
	}
	// A failed report under another id says nothing about the worker that holds the lease.
	if s.Lease != nil && (s.Lease.ExecutionID == a.ExecutionID || a.Status != Failed) {
		s.Lease = nil
	}
	if at := a.EffectiveAt(); s.Latest == nil || !at.Before(s.Latest.EffectiveAt) {
		s.Latest = &Latest{AttemptID: a.ID, Status: a.Status, EffectiveAt: at}
	}
	return s.Under(policy)
}

// Claim returns the standing after the delivery was leased.
func (s Standing) Claim(lease Lease, policy RetryPolicy) Standing {
	s.Touched = true
	s.Tries++
	if s.Lease != nil && !s.DueAt.IsZero() {
		s.Since = s.DueAt // of the lease before, which ran out, nothing else is kept: what is released is due as it was before
	}
	s.Lease = &lease
	return s.Under(policy)
}

// Extend returns the standing after its lease was given another end.
func (s Standing) Extend(expiresAt time.Time, policy RetryPolicy) Standing {
	s.Lease = &Lease{ExecutionID: s.Lease.ExecutionID, ExpiresAt: expiresAt}
	return s.Under(policy)
}

// Release returns the standing after its lease was given back: it was no try.
func (s Standing) Release(policy RetryPolicy) Standing {
	s.Tries--
	s.Lease = nil
	return s.Under(policy)
}

// Requeue returns the standing after the delivery was started anew.
func (s Standing) Requeue(at time.Time, policy RetryPolicy) Standing {
	return Standing{Touched: true, LastRecordedAt: s.LastRecordedAt, Since: at}.Under(policy)
}

// Offer returns the standing of a delivery that is offered from now on: its document was reviewed, or its
// provider named.
func (s Standing) Offer(at time.Time, policy RetryPolicy) Standing {
	s.Since = at
	return s.Under(policy)
}

// NextRecordedAt is the instant under which the next attempt or requeue is recorded at now: never at or before the attempt
// recorded last, nor before the requeue, whatever the clock did in between, so that recording order can be read off.
func (s Standing) NextRecordedAt(now time.Time) time.Time {
	if earliest := s.LastRecordedAt.Add(time.Microsecond); now.Before(earliest) {
		now = earliest
	}
	if s.Touched && now.Before(s.Since) {
		return s.Since
	}
	return now
}

// Leased tells whether a lease is open at now.
func (s Standing) Leased(now time.Time) bool {
	return s.Lease != nil && now.Before(s.Lease.ExpiresAt)
}

// State tells where the delivery stands at now.
func (s Standing) State(now time.Time) State {
	if s.Leased(now) {
		return Pending
	}
	return cmp.Or(s.Resting, Ready)
}
