package history

import (
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

var simBegan = time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC)

// simulation is clients that ask a simulated server, in simulated time. Answers get lost, and requests come late.
type simulation struct {
	random  *rand.Rand
	server  *simServer
	events  events
	run     *Run
	stopped bool
	ids     int
	setting

	documents []string
	sent      []*Report
	held      map[int][]Lease // by client
}

// setting is what is simulated.
type setting struct {
	bug       bug
	seed      uint64
	size      int // operations
	newcomers int // of a hundred operations, registrations
	among     int // documents that clients work on at the same time
	loss      int // of a hundred operations, that are lost, whose answers are lost, and that come late, each
}

// quiet is a setting in which a delivery sees some thirty operations.
func quiet(b bug, seed uint64, size int) setting { return setting{b, seed, size, 8, 150, 2} }

type event struct {
	at   time.Duration
	what func()
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// simulate returns a history.
func simulate(of setting) *Run {
	s := &simulation{
		random: rand.New(rand.NewPCG(of.seed, 1)), server: newSimServer(of.bug), setting: of, held: make(map[int][]Lease),
		run: &Run{Began: simBegan, Clients: 12, Deadline: 5 * time.Second},
	}
	for client := range s.run.Clients {
		s.at(s.upTo(time.Millisecond), func() { s.next(client, 0) })
	}
	var now time.Duration
	for len(s.events) > 0 {
		e := heap.Pop(&s.events).(event)
		now, s.server.now = e.at, simBegan.Add(e.at).Truncate(time.Microsecond)
		e.what()
		if !s.stopped && len(s.run.Operations) >= s.size {
			s.stopped, s.run.Lasted = true, now
		}
	}
	s.server.now = simBegan.Add(now).Truncate(time.Microsecond)
	s.run.Attempts = s.server.rows
	for _, id := range slices.Sorted(maps.Keys(s.server.documents)) {
		s.run.Documents = append(s.run.Documents, *s.server.document(id))
	}
	return s.run
}

func (s *simulation) at(when time.Duration, what func()) { heap.Push(&s.events, event{when, what}) }

func (s *simulation) upTo(d time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(d)))
}

func (s *simulation) newID(kind string) string {
	s.ids++
	return fmt.Sprintf("%s-%05d", kind, s.ids)
}

func one[T any](s *simulation, of []T) T { return of[s.random.IntN(len(of))] }

// next lets a client do its next operation.
func (s *simulation) next(client int, now time.Duration) {
	if s.stopped {
		return
	}
	o := s.choose(client, now)
	o.Client, o.Call = client, now
	arrives := now + s.upTo(4*time.Millisecond)
	returns := arrives + s.upTo(4*time.Millisecond)
	switch fate := s.random.IntN(100); {
	case fate < s.loss: // never arrives, and nobody knows
		s.giveUp(o, returns)
	case fate < 2*s.loss: // arrives, and the answer gets lost
		lost := *o
		s.at(arrives, func() { s.server.do(&lost) })
		s.giveUp(o, returns)
	case fate < 3*s.loss: // arrives when nobody waits any more
		late := *o
		s.at(arrives+s.upTo(3*time.Second), func() { s.server.do(&late) })
		s.giveUp(o, returns)
	case fate < 3*s.loss+2:
		o.Outcome, o.HTTP, o.Says, o.RetryAfter = NotExecuted, 503, "not_executed", "1"
		s.at(returns, func() { s.finish(o, returns) })
	case o.Kind == Outbox:
		s.at(arrives, func() { s.turn(o, arrives) })
	default:
		s.at(arrives, func() { s.server.do(o) })
		s.at(returns, func() { s.finish(o, returns) })
	}
}

// turn reads an outbox page by page.
func (s *simulation) turn(o *Operation, now time.Duration) {
	later := now + s.upTo(4*time.Millisecond)
	if s.server.page(o) {
		s.at(later, func() { s.turn(o, later) })
		return
	}
	s.at(later, func() { s.finish(o, later) })
}

func (s *simulation) giveUp(o *Operation, at time.Duration) {
	o.Outcome, o.Halted = Unknown, true
	s.at(at, func() { s.finish(o, at) })
}

func (s *simulation) finish(o *Operation, now time.Duration) {
	o.Return = now
	s.run.Operations = append(s.run.Operations, *o)
	switch {
	case o.Outcome != Done:
	case o.Kind == Register:
		s.documents = append(s.documents, o.DocumentID)
	case o.Kind == Claim:
		s.held[o.Client] = append(s.held[o.Client], o.Leases...)
	}
	s.next(o.Client, now)
}

func (s *simulation) choose(client int, now time.Duration) *Operation {
	if len(s.documents) == 0 {
		return s.register()
	}
	held := s.held[client]
	provider := one(s, []string{"crm", "erp"})
	document := s.documents[len(s.documents)-1-s.random.IntN(min(len(s.documents), s.among))]
	switch choice := s.random.IntN(100); {
	case choice < s.newcomers:
		return s.register()
	case choice < 25:
		return s.report(s.newReport(now, document, provider, s.newID("exe")))
	case choice < 33 && len(s.sent) > 0:
		return s.report(s.again(one(s, s.sent[max(0, len(s.sent)-200):])))
	case choice < 37 && len(s.sent) > 0:
		other := *one(s, s.sent[max(0, len(s.sent)-200):])
		other.ErrorMessage = s.newID("other")
		return &Operation{Kind: Record, ExecutionID: other.ExecutionID, DocumentID: other.DocumentID, Provider: other.Provider, Sent: &other}
	case choice < 47:
		return &Operation{Kind: Claim, Provider: provider, Limit: 1 + s.random.IntN(3), LeaseSeconds: 1 + s.random.IntN(3), Worker: s.newID("worker")}
	case choice < 70 && len(held) > 0:
		return s.work(client, held, now)
	case choice < 78:
		return &Operation{Kind: Requeue, DocumentID: document, Provider: provider, Force: s.random.IntN(2) == 0}
	case choice < 90:
		return &Operation{Kind: Read, DocumentID: document}
	case choice < 98:
		return &Operation{Kind: List, DocumentID: document}
	default:
		return &Operation{Kind: Outbox, Provider: provider}
	}
}

// work does something with a lease: reports, extends, gives back, or forgets it.
func (s *simulation) work(client int, held []Lease, now time.Duration) *Operation {
	i := s.random.IntN(len(held))
	l := held[i]
	choice := s.random.IntN(10)
	if choice > 3 && s.random.IntN(4) > 0 { // else it is used again, though it is over
		s.held[client] = slices.Delete(held, i, i+1)
	}
	switch {
	case choice < 4:
		return &Operation{Kind: Extend, ExecutionID: l.ExecutionID, LeaseSeconds: 1 + s.random.IntN(3)}
	case choice < 5:
		return &Operation{Kind: Release, ExecutionID: l.ExecutionID}
	case choice < 6:
		return &Operation{Kind: Read, DocumentID: l.DocumentID}
	case choice < 7: // somebody else failed
		return s.report(s.newReport(now, l.DocumentID, l.Provider, s.newID("exe")))
	default:
		return s.report(s.newReport(now, l.DocumentID, l.Provider, l.ExecutionID))
	}
}

func (s *simulation) register() *Operation {
	return &Operation{Kind: Register, DocumentID: fmt.Sprintf("doc-%04x-%d", s.random.IntN(1<<16), s.ids+len(s.run.Operations)), Providers: []string{"crm", "erp"}}
}

func (s *simulation) newReport(now time.Duration, document, provider, id string) *Report {
	at := simBegan.Add(now - time.Second + s.upTo(1200*time.Millisecond))
	r := &Report{
		DocumentID: document, Provider: provider, Status: one(s, []string{"succeeded", "failed", "failed", "skipped"}),
		ExecutionID: id, AttemptedAt: at.Format(time.RFC3339Nano),
	}
	if r.Status == "succeeded" {
		r.ExternalRecordID = s.newID("record")
	}
	s.sent = append(s.sent, r)
	return r
}

// again is a report with its instant written in another way.
func (s *simulation) again(r *Report) *Report {
	same := *r
	at, err := time.Parse(time.RFC3339, r.AttemptedAt)
	if err != nil {
		panic(err)
	}
	same.AttemptedAt = at.Truncate(time.Microsecond).Add(s.upTo(time.Microsecond)).In(time.FixedZone("", 3600)).Format(time.RFC3339Nano)
	return &same
}

func (s *simulation) report(r *Report) *Operation {
	return &Operation{Kind: Record, DocumentID: r.DocumentID, Provider: r.Provider, ExecutionID: r.ExecutionID, Sent: r}
}
