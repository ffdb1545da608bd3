package delivery

import "time"

// MaxTries is how many tries a delivery has before it is exhausted.
const MaxTries = 12

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
	Tries   int     // since the last requeue: claims not released, and failed reports made without a claim
	Settled bool    // since the last requeue: some attempt succeeded or was skipped, no automatic retries
	Latest  *Latest // since the last requeue; nil when there is none
	Lease   *Lease  // the last claim's, until it is settled; may have run out

	// LastRecordedAt is when the newest attempt was recorded, requeues aside; zero when there is none.
	LastRecordedAt time.Time
}

// Record returns the standing after a has been recorded. claimed tells whether a's execution id was
// handed out by a claim of this delivery: that try was counted when it was claimed.
func (s Standing) Record(a Attempt, claimed bool) Standing {
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
	return s
}

// Claim returns the standing after the delivery was leased.
func (s Standing) Claim(lease Lease) Standing {
	s.Touched = true
	s.Tries++
	s.Lease = &lease
	return s
}

// Requeue returns the standing after the delivery was started anew.
func (s Standing) Requeue() Standing {
	return Standing{Touched: true, LastRecordedAt: s.LastRecordedAt}
}

// NextRecordedAt is the instant under which the next attempt is recorded at now: never at or before the
// one recorded last, whatever the clock did in between, so that recording order can be read off.
func (s Standing) NextRecordedAt(now time.Time) time.Time {
	if earliest := s.LastRecordedAt.Add(time.Microsecond); now.Before(earliest) {
		return earliest
	}
	return now
}

// State tells where the delivery stands at now.
func (s Standing) State(now time.Time) State {
	switch {
	case s.Lease != nil && now.Before(s.Lease.ExpiresAt):
		return Pending
	case s.Latest != nil && s.Latest.Status == Succeeded:
		return DeliverySucceeded
	case s.Latest != nil && s.Latest.Status == Skipped:
		return DeliverySkipped
	case s.Tries >= MaxTries:
		return Exhausted
	case s.Latest != nil:
		return DeliveryFailed
	default:
		return Ready
	}
}
