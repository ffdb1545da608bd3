package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// bug is what a simulated server does wrong.
type bug string

const (
	ackWithoutRecord bug = "acknowledges without recording"
	twoRows          bug = "records twice"
	falseConflict    bug = "refuses a replay"
	sharedLease      bug = "claims what is leased"
	foreignEnds      bug = "lets a foreign failed report end a lease"
	unguarded        bug = "takes the last attempt for the latest"
	subMicrosecond   bug = "compares instants below the microsecond"
	pagedByID        bug = "pages the outbox by id"
	staleLists       bug = "lists what was there a while ago"
	lostRequeue      bug = "forgets a requeue"
	claimsSettled    bug = "claims what is settled"
)

var simPolicy = delivery.RetryPolicy{Delay: 500 * time.Millisecond, MaxDelay: 2 * time.Second, MaxTries: 5}

// simServer is the service in memory. What it is asked happens at once, at now.
type simServer struct {
	bug   bug
	now   time.Time
	count int

	rows       []Attempt
	byID       map[string]int // of rows, by execution id
	documents  map[string][]string
	deliveries map[target]*simDelivery
	claims     map[string]*simClaim
}

type simDelivery struct {
	target
	standing delivery.Standing
	key      string
	requeued *time.Time
}

type simClaim struct {
	Lease
	worker   string
	released bool
}

func newSimServer(b bug) *simServer {
	return &simServer{
		bug: b, byID: make(map[string]int), documents: make(map[string][]string),
		deliveries: make(map[target]*simDelivery), claims: make(map[string]*simClaim),
	}
}

func (s *simServer) newID(kind string) string {
	s.count++
	return fmt.Sprintf("%s-%d", kind, s.count)
}

func (s *simServer) delivery(documentID, provider string) *simDelivery {
	key := target{documentID, provider}
	d := s.deliveries[key]
	if d == nil {
		d = &simDelivery{target: key, standing: delivery.Standing{}.Offer(s.now, simPolicy)}
		s.deliveries[key] = d
		s.documents[documentID] = append(s.documents[documentID], provider)
	}
	return d
}

// do executes an operation and fills in its answer.
func (s *simServer) do(o *Operation) {
	o.Outcome, o.HTTP = Done, 200
	switch o.Kind {
	case Register:
		for _, provider := range o.Providers {
			s.delivery(o.DocumentID, provider)
		}
		o.Document = s.document(o.DocumentID)
	case Record:
		s.record(o)
	case Claim:
		s.claim(o)
	case Extend, Release:
		s.change(o)
	case Requeue:
		s.requeue(o)
	case Read:
		o.Document = s.document(o.DocumentID)
	case List:
		s.list(o)
	}
}

func (o *Operation) refuse(code string) { o.Outcome, o.HTTP, o.Code = Refused, 409, code }

func (s *simServer) record(o *Operation) {
	if i, there := s.byID[o.ExecutionID]; there {
		row := s.rows[i]
		different := row.Report.differing(o.Sent)
		if s.bug == subMicrosecond && row.AttemptedAt != o.Sent.AttemptedAt && len(different) == 0 {
			different = []string{"attempted_at"}
		}
		if s.bug == falseConflict && len(different) == 0 && s.count%9 == 0 {
			different = []string{"status"}
		}
		switch {
		case s.bug == twoRows && len(different) == 0 && s.count%9 == 0:
			s.insert(o)
		case len(different) > 0:
			o.refuse("conflict")
			o.Differing = different
		default:
			o.Attempt, o.Replayed = &row, true
		}
		return
	}
	s.insert(o)
}

func (s *simServer) insert(o *Operation) {
	d := s.delivery(o.Sent.DocumentID, o.Sent.Provider)
	row := Attempt{Report: *o.Sent, ID: s.newID("att"), RecordedAt: d.standing.NextRecordedAt(s.now)}
	claim := s.claims[o.ExecutionID]
	claimed := claim != nil && !claim.released && claim.DeliveryKey == d.key && d.key != ""
	before := d.standing
	d.standing = before.Record(row.attempt(), claimed, simPolicy)
	if s.bug == foreignEnds {
		d.standing.Lease = nil
		d.standing = d.standing.Under(simPolicy)
	}
	if s.bug == unguarded {
		d.standing.Latest = &delivery.Latest{AttemptID: row.ID, Status: row.data().Status, EffectiveAt: row.RecordedAt}
		d.standing = d.standing.Under(simPolicy)
	}
	o.HTTP, o.Attempt = 201, &row
	if s.bug == ackWithoutRecord && s.count%50 == 0 {
		d.standing = before
		return
	}
	if _, there := s.byID[o.ExecutionID]; !there {
		s.byID[o.ExecutionID] = len(s.rows)
	}
	s.rows = append(s.rows, row)
}

func (s *simServer) isDue(d *simDelivery) bool {
	return !d.standing.DueAt.IsZero() && !d.standing.DueAt.After(s.now)
}

// due returns what is due for a provider, or what can be claimed, oldest due first.
func (s *simServer) due(provider string, claiming bool) []*simDelivery {
	var due []*simDelivery
	for _, d := range s.deliveries {
		wrongly := s.bug == sharedLease && d.standing.Leased(s.now) || s.bug == claimsSettled && d.standing.Settled
		if d.provider == provider && (s.isDue(d) || claiming && wrongly && s.count%20 == 0) {
			due = append(due, d)
		}
	}
	slices.SortFunc(due, func(a, b *simDelivery) int {
		return cmp.Or(a.standing.DueAt.Compare(b.standing.DueAt), cmp.Compare(a.documentID, b.documentID))
	})
	return due
}

func (s *simServer) claim(o *Operation) {
	due := s.due(o.Provider, true)
	for _, d := range due[:min(len(due), o.Limit)] {
		d.key = cmp.Or(d.key, s.newID("key"))
		claim := &simClaim{worker: o.Worker, Lease: Lease{
			ExecutionID: s.newID("clm"), DocumentID: d.documentID, Provider: d.provider, DeliveryKey: d.key,
			ExpiresAt: s.now.Add(time.Duration(o.LeaseSeconds) * time.Second),
		}}
		s.claims[claim.ExecutionID] = claim
		d.standing = d.standing.Claim(delivery.Lease{ExecutionID: claim.ExecutionID, ExpiresAt: claim.ExpiresAt}, simPolicy)
		o.Leases = append(o.Leases, claim.Lease)
	}
}

func (s *simServer) change(o *Operation) {
	claim := s.claims[o.ExecutionID]
	d := s.delivery(claim.DocumentID, claim.Provider)
	open := d.standing.Leased(s.now) && d.standing.Lease.ExecutionID == o.ExecutionID
	switch {
	case o.Kind == Release && claim.released:
	case !open:
		o.refuse("claim_over")
		return
	case o.Kind == Release:
		claim.released = true
		d.standing = d.standing.Release(simPolicy)
	default:
		claim.ExpiresAt = s.now.Add(time.Duration(o.LeaseSeconds) * time.Second)
		d.standing = d.standing.Extend(claim.ExpiresAt, simPolicy)
	}
	o.Leases = []Lease{claim.Lease}
}

func (s *simServer) requeue(o *Operation) {
	d := s.delivery(o.DocumentID, o.Provider)
	isNew := d.standing.Latest == nil && d.standing.Tries == 0 && d.key == ""
	switch {
	case d.standing.Leased(s.now):
		o.refuse("conflict")
		return
	case isNew || s.isDue(d):
	case d.standing.Settled && !o.Force:
		o.refuse("conflict")
		return
	default:
		at := d.standing.NextRecordedAt(s.now)
		d.requeued = &at
		before := *d
		d.standing, d.key = d.standing.Requeue(at, simPolicy), ""
		if s.bug == lostRequeue {
			defer func() { *d = before; d.requeued = nil }()
		}
	}
	shown := s.show(d)
	o.Delivery = &shown
}

func (s *simServer) list(o *Operation) {
	for _, row := range s.rows {
		if row.DocumentID == o.DocumentID && (s.bug != staleLists || row.RecordedAt.Before(s.now.Add(-time.Second))) {
			o.Attempts = append(o.Attempts, row)
		}
	}
	slices.SortFunc(o.Attempts, func(a, b Attempt) int {
		return cmp.Or(b.RecordedAt.Compare(a.RecordedAt), cmp.Compare(b.ID, a.ID))
	})
}

// page reads one page of an outbox behind the last item of those before, and tells whether there may be another.
func (s *simServer) page(o *Operation) bool {
	o.Outcome, o.HTTP = Done, 200
	due := s.due(o.Provider, false)
	if n := len(o.Due); n > 0 {
		last := o.Due[n-1]
		due = slices.DeleteFunc(due, func(d *simDelivery) bool {
			place := cmp.Or(d.standing.DueAt.Compare(*last.DueAt), cmp.Compare(d.documentID, last.DocumentID))
			if s.bug == pagedByID {
				place = cmp.Compare(d.documentID, last.DocumentID)
			}
			return place <= 0
		})
	}
	const size = 7
	for _, d := range due[:min(len(due), size)] {
		o.Due = append(o.Due, s.show(d))
	}
	return len(due) > size
}

func (s *simServer) show(d *simDelivery) Delivery {
	shown := Delivery{
		DocumentID: d.documentID, Provider: d.provider, State: string(d.standing.State(s.now)), Tries: d.standing.Tries,
		RequeuedAt: d.requeued,
	}
	if latest := d.standing.Latest; latest != nil {
		for _, row := range s.rows {
			if row.ID == latest.AttemptID {
				shown.LastAttempt = row.ExecutionID
			}
		}
	}
	if d.standing.Leased(s.now) {
		expires := d.standing.Lease.ExpiresAt
		shown.ClaimedBy, shown.LeaseExpiresAt = s.claims[d.standing.Lease.ExecutionID].worker, &expires
	} else if due := d.standing.DueAt; !due.IsZero() {
		shown.DueAt = &due
	}
	return shown
}

func (s *simServer) document(id string) *Document {
	document := &Document{ID: id}
	var standings []delivery.Standing
	for _, provider := range s.documents[id] {
		d := s.delivery(id, provider)
		standings = append(standings, d.standing)
		document.Deliveries = append(document.Deliveries, s.show(d))
	}
	document.Status = string(delivery.PushStatus(delivery.Reviewed, standings, s.now))
	return document
}
