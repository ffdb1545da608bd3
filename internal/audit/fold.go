package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// Claim is what is recorded of one claim.
type Claim struct {
	ExecutionID          string
	ClaimedAt, ExpiresAt time.Time
	Released             bool
}

// Fold makes a delivery's standing anew from what is recorded of it.
//
// That claims come first changes nothing: how often it was tried is a sum, and a report that settles a delivery comes after
// all of its claims.
type Fold struct {
	requeued time.Time
	claimed  map[string]bool
	standing delivery.Standing
}

// NewFold begins with the last requeue, zero when there is none, and with the claims since.
func NewFold(requeued time.Time, claims []Claim) *Fold {
	f := &Fold{requeued: requeued, claimed: make(map[string]bool, len(claims))}
	f.standing.Touched = !requeued.IsZero() || len(claims) > 0
	slices.SortFunc(claims, func(a, b Claim) int {
		switch order := a.ClaimedAt.Compare(b.ClaimedAt); {
		case order != 0 || a.Released == b.Released:
			return order
		case a.Released: // it was given back before it was claimed again
			return -1
		}
		return 1
	})
	for _, c := range claims {
		f.standing.Lease = nil
		if !c.Released {
			f.claimed[c.ExecutionID] = true
			f.standing.Tries++
			f.standing.Lease = &delivery.Lease{ExecutionID: c.ExecutionID, ExpiresAt: c.ExpiresAt}
		}
	}
	return f
}

// Attempt adds an attempt. They come in the order in which they were recorded.
func (f *Fold) Attempt(a delivery.Attempt) {
	if a.RecordedAt.Before(f.requeued) {
		f.standing.LastRecordedAt = a.RecordedAt
		return
	}
	f.standing = f.standing.Record(a, f.claimed[a.ExecutionID], delivery.DefaultRetry)
}

// Differs tells where a standing that was kept is not what the facts come to, empty when nowhere. When a delivery is due, and
// whether its tries are used up, depends on settings that nobody kept: of these it is only looked whether they fit each other.
func (f *Fold) Differs(kept delivery.Standing) string {
	folded := f.standing
	exhausted := folded.Under(delivery.RetryPolicy{MaxTries: folded.Tries})
	folded = folded.Under(delivery.RetryPolicy{MaxTries: folded.Tries + 1})
	if kept.Resting == delivery.Exhausted && folded.Tries > 0 {
		folded = exhausted
	}
	if kept.Since = folded.Since; kept.DueAt.IsZero() == folded.DueAt.IsZero() {
		kept.DueAt = folded.DueAt
	}
	if same(kept, folded) {
		return "" // as nearly always
	}
	for _, c := range []struct {
		what         string
		kept, folded any
	}{
		{"whether it was touched", kept.Touched, folded.Touched},
		{"tries", kept.Tries, folded.Tries},
		{"whether it is settled", kept.Settled, folded.Settled},
		{"the attempt that decides", latest(kept.Latest), latest(folded.Latest)},
		{"when its last attempt was recorded", instantOf(kept.LastRecordedAt), instantOf(folded.LastRecordedAt)},
		{"lease", lease(kept.Lease), lease(folded.Lease)},
		{"state", kept.Resting, folded.Resting},
		{"whether it is ever due", !kept.DueAt.IsZero(), !kept.Settled && kept.Resting != delivery.Exhausted},
	} {
		if c.kept != c.folded {
			return fmt.Sprintf("%s: %v is kept, and what is recorded comes to %v", c.what, c.kept, c.folded)
		}
	}
	return ""
}

func same(a, b delivery.Standing) bool {
	pointed := func(s *delivery.Standing) (latest delivery.Latest, lease delivery.Lease) {
		if s.Latest != nil {
			latest = *s.Latest
		}
		if s.Lease != nil {
			lease = *s.Lease
		}
		s.Latest, s.Lease = nil, nil
		return latest, lease
	}
	latestA, leaseA := pointed(&a)
	latestB, leaseB := pointed(&b)
	return a == b && latestA == latestB && leaseA == leaseB
}

func latest(l *delivery.Latest) string {
	if l == nil {
		return "none"
	}
	return fmt.Sprintf("%s (%s, %s)", l.AttemptID, l.Status, instantOf(l.EffectiveAt))
}

func lease(l *delivery.Lease) string {
	if l == nil {
		return "none"
	}
	return l.ExecutionID + " until " + instantOf(l.ExpiresAt)
}

func instantOf(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(delivery.InstantLayout)
}
