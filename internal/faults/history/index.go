package history

import (
	"math"
	"slices"
	"time"
)

// never is later than anything in a run.
const never = time.Duration(math.MaxInt64)

// index is a run, found by what its operations are about. It is made once, and only read by the checks.
type index struct {
	*Run
	reports    map[string]*report      // by execution id
	attempts   map[string]*report      // by attempt id
	documents  map[string]*document    // by id
	deliveries map[target]*deliveries  // by document and provider
	leases     map[string]*lease       // by execution id
	claims     map[string]*Operation   // by worker: those whose answer is not known
	ghosts     map[string][]*Operation // the same, by provider
	end        time.Duration           // when the load was over, and the last operation had returned
}

// target names a delivery.
type target struct{ documentID, provider string }

// report is all there is about an execution id that somebody reported under, or that is recorded.
type report struct {
	id    string
	sends []*Operation
	rows  []*Attempt // more than one is wrong
	order int        // of its first row among all

	// When its first row was recorded: not before from, and surely by until, since somebody was told.
	from, until time.Duration
}

// document is what was asked of a document as a whole.
type document struct {
	registers []*Operation
	lists     []*Operation
	reports   []*report // recorded ones
	knownBy   time.Duration
}

// deliveries is all there is about one delivery.
type deliveries struct {
	target
	reports  []*report // recorded ones, in the order of recorded_at
	leases   []*lease  // that clients were handed
	requeues []*Operation
	reads    []reading
	final    *Delivery
}

// reading is what an operation was told of a delivery.
type reading struct {
	operation *Operation
	delivery  *Delivery
}

// lease is what a claim handed out.
type lease struct {
	*Lease
	of       *deliveries
	claim    *Operation
	extends  []*Operation
	releases []*Operation
}

// mayHaveDone tells whether the operation had, or may have had, or may still have, an effect.
func (o *Operation) mayHaveDone() bool { return o.Outcome != NotExecuted && o.Outcome != Refused }

// doneBy is when the operation has certainly had its effect, if it has one.
func (o *Operation) doneBy() time.Duration {
	if o.Outcome == Done {
		return o.Return
	}
	return never
}

// since is an instant as operations tell theirs.
func (r *Run) since(t time.Time) time.Duration { return t.Sub(r.Began) }

func newIndex(run *Run) *index {
	x := &index{
		Run: run, reports: make(map[string]*report), attempts: make(map[string]*report), documents: make(map[string]*document),
		deliveries: make(map[target]*deliveries), leases: make(map[string]*lease), claims: make(map[string]*Operation),
		ghosts: make(map[string][]*Operation), end: run.Lasted,
	}
	for i := range run.Attempts {
		x.addRow(i, &run.Attempts[i])
	}
	for i := range run.Operations {
		if o := &run.Operations[i]; o.Kind == Claim {
			x.addClaim(o)
		}
	}
	for i := range run.Operations {
		x.add(&run.Operations[i])
		x.end = max(x.end, run.Operations[i].Return)
	}
	for i := range run.Documents {
		for j := range run.Documents[i].Deliveries {
			d := &run.Documents[i].Deliveries[j]
			x.delivery(run.Documents[i].ID, d.Provider).final = d
		}
	}
	for _, r := range x.reports {
		r.findTime()
	}
	for i := range run.Operations {
		x.witness(&run.Operations[i])
	}
	for _, d := range x.deliveries {
		slices.SortStableFunc(d.reports, func(a, b *report) int {
			return a.rows[0].RecordedAt.Compare(b.rows[0].RecordedAt)
		})
	}
	return x
}

func (x *index) report(id string) *report {
	r := x.reports[id]
	if r == nil {
		r = &report{id: id, from: never, until: never}
		x.reports[id] = r
	}
	return r
}

func (x *index) document(id string) *document {
	d := x.documents[id]
	if d == nil {
		d = &document{knownBy: never}
		x.documents[id] = d
	}
	return d
}

func (x *index) delivery(documentID, provider string) *deliveries {
	key := target{documentID, provider}
	d := x.deliveries[key]
	if d == nil {
		d = &deliveries{target: key}
		x.deliveries[key] = d
	}
	return d
}

func (x *index) addRow(order int, row *Attempt) {
	r := x.report(row.ExecutionID)
	r.rows = append(r.rows, row)
	if x.attempts[row.ID] == nil {
		x.attempts[row.ID] = r
	}
	if len(r.rows) > 1 {
		return
	}
	r.order = order
	document, delivery := x.document(row.DocumentID), x.delivery(row.DocumentID, row.Provider)
	document.reports = append(document.reports, r)
	delivery.reports = append(delivery.reports, r)
}

func (x *index) addClaim(o *Operation) {
	if o.mayHaveDone() && o.Outcome != Done {
		x.claims[o.Worker] = o
		x.ghosts[o.Provider] = append(x.ghosts[o.Provider], o)
	}
	for i := range o.Leases {
		handed := &o.Leases[i]
		l := &lease{Lease: handed, of: x.delivery(handed.DocumentID, handed.Provider), claim: o}
		l.of.leases = append(l.of.leases, l)
		if x.leases[handed.ExecutionID] == nil {
			x.leases[handed.ExecutionID] = l
		}
	}
}

func (x *index) add(o *Operation) {
	switch o.Kind {
	case Record:
		r := x.report(o.ExecutionID)
		r.sends = append(r.sends, o)
	case Extend:
		if l := x.leases[o.ExecutionID]; l != nil {
			l.extends = append(l.extends, o)
		}
	case Release:
		if l := x.leases[o.ExecutionID]; l != nil {
			l.releases = append(l.releases, o)
		}
	case Requeue:
		d := x.delivery(o.DocumentID, o.Provider)
		d.requeues = append(d.requeues, o)
	case List:
		d := x.document(o.DocumentID)
		d.lists = append(d.lists, o)
	case Register:
		d := x.document(o.DocumentID)
		d.registers = append(d.registers, o)
		if o.Outcome == Done {
			d.knownBy = min(d.knownBy, o.Return)
		}
	}
	if (o.Kind == Read || o.Kind == Register) && o.Outcome == Done && o.Document != nil {
		for i := range o.Document.Deliveries {
			told := &o.Document.Deliveries[i]
			d := x.delivery(o.DocumentID, told.Provider)
			d.reads = append(d.reads, reading{o, told})
		}
	}
}

// findTime tells from what was answered to the report itself when it was recorded.
func (r *report) findTime() {
	if len(r.rows) == 0 {
		return
	}
	for _, o := range r.sends {
		if o.Outcome == Done {
			r.until = min(r.until, o.Return)
		}
		if o.mayHaveDone() && o.Sent != nil && r.rows[0].sameAs(o.Sent) {
			r.from = min(r.from, o.Call)
		}
	}
}

// witness tells from what others were told by when reports were recorded.
func (x *index) witness(o *Operation) {
	if o.Outcome != Done {
		return
	}
	for i := range o.Attempts {
		if r := x.reports[o.Attempts[i].ExecutionID]; r != nil && len(r.rows) > 0 {
			r.until = min(r.until, o.Return)
		}
	}
	if o.Document == nil {
		return
	}
	for _, d := range o.Document.Deliveries {
		if r := x.reports[d.LastAttempt]; r != nil && len(r.rows) > 0 {
			r.until = min(r.until, o.Return)
		}
	}
}
