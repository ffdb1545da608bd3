package storetest

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// model is what a store holds, in the words of the rules: of each delivery it keeps the plain list of what happened,
// and answers every question by looking back over all of it. Nothing in it is derived beforehand, and it knows nothing
// of delivery.Standing, which moves on from fact to fact.
type model struct {
	now       time.Time // by the store's clock, when it was last heard of
	policies  map[string]delivery.RetryPolicy
	documents map[string]*modelDocument
	attempts  map[string]delivery.Attempt // by execution id
}

// modelDocument is a registered document.
type modelDocument struct {
	id         string
	stage      delivery.Stage
	externalID string
	createdAt  time.Time
	updatedAt  time.Time
	deliveries map[string]*modelDelivery // by provider, retired ones too
}

// modelDelivery is what happened to one delivery.
type modelDelivery struct {
	document  *modelDocument
	provider  string
	policy    delivery.RetryPolicy
	retired   bool
	offeredAt time.Time // when it last came to be offered
	updatedAt time.Time
	facts     []fact // oldest first
}

// fact is one thing that happened to a delivery: exactly one member besides at and until is set.
type fact struct {
	at       time.Time
	attempt  *delivery.Attempt
	claimed  *delivery.Claim // as it was handed out
	extended string          // the claim's execution id
	until    time.Time       // its lease's new end
	released string          // the claim's execution id
	requeued *delivery.Requeued
}

// hold is a claim as it is by now, and what became of its lease.
type hold struct {
	claim delivery.Claim
	ended string // by what: "" while it is open
}

// The ways a lease ends.
const (
	byRelease = "release"
	byReport  = "report"
	byExpiry  = "expiry"
)

// holdOf follows the lease that facts[i] handed out.
func holdOf(facts []fact, i int, now time.Time) hold {
	h := hold{claim: *facts[i].claimed}
	for _, f := range facts[i+1:] {
		if !f.at.Before(h.claim.ExpiresAt) {
			break // it had run out before this
		}
		switch id := h.claim.ExecutionID; {
		case f.extended == id:
			h.claim.ExpiresAt = f.until
		case f.released == id:
			h.claim.ReleasedAt, h.ended = f.at, byRelease
			return h
		case f.attempt != nil && (f.attempt.ExecutionID == id || f.attempt.Status != delivery.Failed):
			h.ended = byReport
			return h
		}
	}
	if !now.Before(h.claim.ExpiresAt) {
		h.ended = byExpiry
	}
	return h
}

// holds returns all claims among facts.
func holds(facts []fact, now time.Time) []hold {
	var all []hold
	for i, f := range facts {
		if f.claimed != nil {
			all = append(all, holdOf(facts, i, now))
		}
	}
	return all
}

// current returns what happened since the last requeue, which started the delivery anew.
func (d *modelDelivery) current() []fact {
	facts := d.facts
	for i, f := range d.facts {
		if f.requeued != nil {
			facts = d.facts[i+1:]
		}
	}
	return facts
}

func (d *modelDelivery) offered() bool { return d.document.stage == delivery.Reviewed && !d.retired }

// lease returns the claim whose lease is open; nil when there is none.
func (d *modelDelivery) lease(now time.Time) *delivery.Claim {
	for _, h := range holds(d.current(), now) {
		if h.ended == "" {
			return &h.claim
		}
	}
	return nil
}

// attempts returns those since the last requeue, in recording order.
func (d *modelDelivery) attempts() []*delivery.Attempt {
	var attempts []*delivery.Attempt
	for _, f := range d.current() {
		if f.attempt != nil {
			attempts = append(attempts, f.attempt)
		}
	}
	return attempts
}

// settled tells whether the delivery was delivered or deliberately skipped.
func (d *modelDelivery) settled() bool {
	return slices.ContainsFunc(d.attempts(), func(a *delivery.Attempt) bool { return a.Status != delivery.Failed })
}

// tries counts the claims that were not released, and the failed reports that none of those handed out.
func (d *modelDelivery) tries(now time.Time) int {
	tried := make(map[string]bool)
	for _, h := range holds(d.current(), now) {
		if h.ended != byRelease {
			tried[h.claim.ExecutionID] = true
		}
	}
	for _, a := range d.attempts() {
		if a.Status == delivery.Failed {
			tried[a.ExecutionID] = true
		}
	}
	return len(tried)
}

func (d *modelDelivery) exhausted(now time.Time) bool { return d.tries(now) >= d.policy.MaxTries }

// triedAt is when a try was made: never after it was reported.
func triedAt(a *delivery.Attempt) time.Time {
	return slices.MinFunc([]time.Time{a.AttemptedAt, a.RecordedAt}, time.Time.Compare)
}

// latest returns the attempt of the latest try; nil when there is none.
func (d *modelDelivery) latest() *delivery.Attempt {
	attempts := d.attempts()
	if len(attempts) == 0 {
		return nil
	}
	slices.SortStableFunc(attempts, func(a, b *delivery.Attempt) int { return triedAt(a).Compare(triedAt(b)) })
	return attempts[len(attempts)-1]
}

func (d *modelDelivery) state(now time.Time) delivery.State {
	latest := d.latest()
	switch {
	case d.lease(now) != nil:
		return delivery.Pending
	case latest != nil && latest.Status == delivery.Succeeded:
		return delivery.DeliverySucceeded
	case latest != nil && latest.Status == delivery.Skipped:
		return delivery.DeliverySkipped
	case d.exhausted(now):
		return delivery.Exhausted
	case latest != nil:
		return delivery.DeliveryFailed
	}
	return delivery.Ready
}

// dueAt is when the delivery is due by itself; zero when it is not.
func (d *modelDelivery) dueAt(now time.Time) time.Time {
	if !d.offered() || d.lease(now) != nil || d.settled() || d.exhausted(now) {
		return time.Time{}
	}
	instants := []time.Time{d.offeredAt}
	if requeued := d.requeued(); requeued != nil {
		instants = append(instants, requeued.At)
	}
	rest := min(d.policy.MaxDelay, d.policy.Delay<<max(0, d.tries(now)-1))
	for _, a := range d.attempts() {
		instants = append(instants, a.RecordedAt.Add(rest)) // failed all of them
	}
	for _, h := range holds(d.current(), now) {
		if h.ended == byExpiry {
			instants = append(instants, h.claim.ExpiresAt.Add(rest))
		}
	}
	return slices.MaxFunc(instants, time.Time.Compare)
}

func (d *modelDelivery) isDue(now time.Time) bool {
	due := d.dueAt(now)
	return !due.IsZero() && !due.After(now)
}

// requeued returns the last requeue; nil when there was none.
func (d *modelDelivery) requeued() *delivery.Requeued {
	var last *delivery.Requeued
	for _, f := range d.facts {
		if f.requeued != nil {
			last = f.requeued
		}
	}
	return last
}

// key is the delivery key that claims hand out since the last requeue; empty before the first of them.
func (d *modelDelivery) key() string {
	for _, f := range d.current() {
		if f.claimed != nil {
			return f.claimed.DeliveryKey
		}
	}
	return ""
}

// requeue tells whether a requeue starts the delivery anew, or finds nothing to do; an error says why it must not.
func (d *modelDelivery) requeue(force bool, now time.Time) (bool, error) {
	switch {
	case d.lease(now) != nil:
		return false, delivery.ErrLeased
	case d.isDue(now) || len(d.current()) == 0:
		return false, nil
	case d.settled() && !force:
		return false, delivery.ErrSettled
	}
	return true, nil
}

// named returns the deliveries that are not retired, by provider.
func (d *modelDocument) named() []*modelDelivery {
	var named []*modelDelivery
	for _, provider := range slices.Sorted(maps.Keys(d.deliveries)) {
		if one := d.deliveries[provider]; !one.retired {
			named = append(named, one)
		}
	}
	return named
}

// status is the document's public status.
func (d *modelDocument) status(now time.Time) delivery.DocumentStatus {
	if d.stage != delivery.Reviewed {
		return delivery.DocumentStatus(d.stage)
	}
	happened, states := false, make(map[delivery.State]bool)
	for _, one := range d.named() {
		happened = happened || len(one.facts) > 0
		states[one.state(now)] = true
	}
	switch {
	case !happened:
		return delivery.StatusReviewed
	case states[delivery.Pending]:
		return delivery.PushPending
	case states[delivery.DeliveryFailed] || states[delivery.Exhausted]:
		return delivery.PushFailed
	case states[delivery.Ready]:
		return delivery.PushPending
	}
	return delivery.PushSucceeded
}

// each returns the deliveries to a provider that are not retired and meet a condition.
func (m *model) each(provider string, condition func(*modelDelivery) bool) []*modelDelivery {
	var found []*modelDelivery
	for _, id := range slices.Sorted(maps.Keys(m.documents)) {
		if d := m.documents[id].deliveries[provider]; d != nil && !d.retired && condition(d) {
			found = append(found, d)
		}
	}
	return found
}

// due returns what is due for a provider, oldest due first.
func (m *model) due(provider string, now time.Time) []*modelDelivery {
	due := m.each(provider, func(d *modelDelivery) bool { return d.isDue(now) })
	slices.SortFunc(due, func(a, b *modelDelivery) int {
		return cmp.Or(a.dueAt(now).Compare(b.dueAt(now)), cmp.Compare(a.document.id, b.document.id))
	})
	return due
}

// claim finds the claim that handed out an execution id to a principal. An error says that there is none.
func (m *model) claim(executionID string, by delivery.Principal, now time.Time) (*modelDelivery, hold, error) {
	for _, document := range m.documents {
		for _, d := range document.deliveries {
			for _, h := range holds(d.facts, now) {
				if h.claim.ExecutionID == executionID && h.claim.By == by {
					return d, h, nil
				}
			}
		}
	}
	return nil, hold{}, delivery.ErrClaimNotFound
}

// extend tells on which delivery a lease is prolonged; an error says why it is not.
func (m *model) extend(executionID string, by delivery.Principal, now time.Time) (*modelDelivery, error) {
	d, h, err := m.claim(executionID, by, now)
	if err == nil && h.ended != "" {
		err = delivery.ErrClaimOver
	}
	return d, err
}

// release tells on which delivery a lease is given back, and whether it was before; an error says why it is not.
func (m *model) release(executionID string, by delivery.Principal, now time.Time) (d *modelDelivery, again bool, err error) {
	d, h, err := m.claim(executionID, by, now)
	if err == nil && h.ended != "" && h.ended != byRelease {
		err = delivery.ErrClaimOver
	}
	return d, h.ended == byRelease, err
}

// record tells what becomes of an attempt, whether or not unknown documents are registered.
func (m *model) record(a delivery.Attempt, register bool) (delivery.Result, []string) {
	original, recorded := m.attempts[a.ExecutionID]
	switch {
	case m.documents[a.DocumentID] == nil && !register:
		return delivery.UnknownDocument, nil
	case !recorded:
		return delivery.Created, nil
	}
	var differing []string
	for _, field := range []struct {
		name string
		same bool
	}{
		{"document_id", a.DocumentID == original.DocumentID},
		{"provider", a.Provider == original.Provider},
		{"status", a.Status == original.Status},
		{"attempted_at", a.AttemptedAt.Equal(original.AttemptedAt)},
		{"error_code", a.ErrorCode == original.ErrorCode}, // no more fields are ever set here
	} {
		if !field.same {
			differing = append(differing, field.name)
		}
	}
	if len(differing) > 0 {
		return delivery.Conflicting, differing
	}
	return delivery.Replayed, nil
}
