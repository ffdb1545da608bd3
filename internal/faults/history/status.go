package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// patient is a policy under which no tries are ever used up: how many there are is checked apart.
var patient = delivery.RetryPolicy{MaxTries: math.MaxInt}

// checkStatus: what documents show follows from what is recorded.
func checkStatus(x *index, f *findings) {
	for i := range x.Operations {
		if o := &x.Operations[i]; o.Document != nil && o.Outcome == Done {
			x.checkPushStatus(o.Document, o.Return, f)
		}
	}
	there := make(map[string]bool, len(x.Documents))
	policies := make(map[string]*seenTries)
	for i := range x.Documents {
		document := &x.Documents[i]
		if there[document.ID] {
			f.add("document %s is there twice", document.ID)
		}
		there[document.ID] = true
		x.checkPushStatus(document, never, f)
		shown := make(map[string]bool, len(document.Deliveries))
		for j := range document.Deliveries {
			d := &document.Deliveries[j]
			shown[d.Provider] = true
			known := x.deliveries[target{document.ID, d.Provider}]
			x.checkStanding(known, d, f)
			if policies[d.Provider] == nil {
				policies[d.Provider] = &seenTries{fewest: math.MaxInt}
			}
			policies[d.Provider].see(known)
		}
		x.checkMissing(document.ID, shown, f)
	}
	for provider, seen := range policies {
		if seen.fewest <= seen.most {
			f.add("with %s, %d tries are exhausted and %d are not", provider, seen.fewest, seen.most)
		}
		x.checkGhosts(provider, seen, f)
	}
	for id, d := range x.documents {
		if !there[id] && (d.knownBy != never || len(d.reports) > 0) {
			f.add("document %s was registered or reported on, and is not there in the end", id)
		}
	}
}

// checkStanding holds a delivery, as it is in the end, against its recorded attempts.
func (x *index) checkStanding(d *deliveries, shown *Delivery, f *findings) {
	x.checkRequeued(d, shown, f)
	reports := d.sinceRequeue(shown.RequeuedAt)
	standing := delivery.Standing{}.Under(patient)
	for _, r := range reports {
		standing = standing.Record(r.rows[0].attempt(), true, patient)
	}
	if shown.LastAttempt != x.latest(standing) {
		f.add("delivery %s of document %s shows report %q as its last, and the last recorded is %q",
			d.provider, d.documentID, shown.LastAttempt, x.latest(standing))
	}
	state, want := delivery.State(shown.State), standing.State(time.Time{})
	switch {
	case state == delivery.Pending:
		if why := x.notLeased(d, shown); why != "" {
			f.add("delivery %s of document %s is pending in the end, claimed by %q, but %s", d.provider, d.documentID, shown.ClaimedBy, why)
		}
	case state == want:
	case state == delivery.Exhausted && (want == delivery.DeliveryFailed || want == delivery.Ready):
	default:
		f.add("delivery %s of document %s is %s, and by its attempts it is %s", d.provider, d.documentID, state, want)
	}
	if least, _ := d.triesSince(x, reports); shown.Tries < least {
		f.add("delivery %s of document %s has %d tries, and at least %d were made", d.provider, d.documentID, shown.Tries, least)
	}
}

// sinceRequeue returns the reports recorded since a requeue.
func (d *deliveries) sinceRequeue(requeued *time.Time) []*report {
	if requeued == nil {
		return d.reports
	}
	first, _ := slices.BinarySearchFunc(d.reports, *requeued, func(r *report, at time.Time) int {
		return r.rows[0].RecordedAt.Compare(at)
	})
	return d.reports[first:]
}

func (x *index) latest(s delivery.Standing) string {
	if s.Latest == nil {
		return ""
	}
	return x.attempts[s.Latest.AttemptID].id
}

func (a *Attempt) attempt() delivery.Attempt {
	return delivery.Attempt{ID: a.ID, Report: a.data(), RecordedAt: a.RecordedAt}
}

// notLeased says why nobody can have a lease on a delivery in the end, by the worker who is shown to have it.
func (x *index) notLeased(d *deliveries, shown *Delivery) string {
	if shown.LeaseExpiresAt == nil {
		return "without an end of its lease"
	}
	if x.since(*shown.LeaseExpiresAt) <= x.Lasted {
		return "its lease had run out"
	}
	for _, l := range d.leases {
		if l.claim.Worker == shown.ClaimedBy {
			return x.endedBy(l)
		}
	}
	if x.claims[shown.ClaimedBy] == nil {
		return "that worker never claimed it"
	}
	return ""
}

// endedBy says what has certainly ended a lease, other than time.
func (x *index) endedBy(l *lease) string {
	if anyOf(l.releases, func(o *Operation) bool { return o.Outcome == Done }) {
		return l.ExecutionID + " was released"
	}
	for _, r := range l.of.reports {
		if row := r.rows[0]; r.id == l.ExecutionID || row.Status != failed && r.from > l.claim.Return {
			return "report " + r.id + " had ended the lease of " + l.ExecutionID
		}
	}
	return ""
}

// checkRequeued checks that the last requeue is the last that anybody was told, or one that may have been made.
func (x *index) checkRequeued(d *deliveries, shown *Delivery, f *findings) {
	var told *time.Time
	for _, o := range d.requeues {
		if o.Delivery != nil && o.Delivery.RequeuedAt != nil && (told == nil || o.Delivery.RequeuedAt.After(*told)) {
			told = o.Delivery.RequeuedAt
		}
	}
	at := shown.RequeuedAt
	switch {
	case told == nil && at == nil || told != nil && at != nil && told.Equal(*at):
	case told != nil && (at == nil || at.Before(*told)):
		f.add("delivery %s of document %s was requeued at %s, which is lost", d.provider, d.documentID, x.since(*told))
	case !anyOf(d.requeues, func(o *Operation) bool { return o.mayHaveDone() && o.Call-instant <= x.since(*at) }):
		f.add("delivery %s of document %s was requeued at %s by nobody", d.provider, d.documentID, x.since(*at))
	}
}

// checkMissing checks that a document shows every delivery that was reported on.
func (x *index) checkMissing(id string, shown map[string]bool, f *findings) {
	d := x.documents[id]
	if d == nil {
		return
	}
	for _, r := range d.reports {
		provider := r.rows[0].Provider
		retired := anyOf(d.registers, func(o *Operation) bool {
			return o.Providers != nil && !slices.Contains(o.Providers, provider) && o.mayHaveDone() && o.doneBy() >= r.from
		})
		if !shown[provider] && !retired {
			f.add("document %s does not show its delivery %s, which report %s is of", id, provider, r.id)
			shown[provider] = true
		}
	}
}

// checkPushStatus checks that a document's status follows from the deliveries that it shows.
func (x *index) checkPushStatus(document *Document, by time.Duration, f *findings) {
	var standings []delivery.Standing
	maybe := -1 // a delivery that may be touched or not, when no other is
	for i := range document.Deliveries {
		d := &document.Deliveries[i]
		s := delivery.Standing{Resting: delivery.State(d.State), Touched: d.Tries > 0 || d.LastAttempt != "" || d.RequeuedAt != nil}
		if s.Resting == delivery.Pending {
			s.Touched, s.Lease = true, &delivery.Lease{ExpiresAt: time.Unix(0, 0)}
		}
		if known := x.deliveries[target{document.ID, d.Provider}]; !s.Touched && known != nil {
			for _, l := range known.leases {
				if by == never {
					s.Touched = true // and given back
				} else if l.claim.Call <= by {
					maybe = i
				}
			}
		}
		standings = append(standings, s)
	}
	stage := delivery.Reviewed
	if s := delivery.Stage(document.Status); s == delivery.Processing || s == delivery.ReviewRequired || s == delivery.StageFailed {
		stage = s
	}
	want := delivery.PushStatus(stage, standings, time.Time{})
	if string(want) == document.Status {
		return
	}
	if maybe >= 0 {
		standings[maybe].Touched = true
		if string(delivery.PushStatus(stage, standings, time.Time{})) == document.Status {
			return
		}
	}
	f.add("document %s is %s, and by the deliveries that it shows it is %s", document.ID, document.Status, want)
}

// seenTries is what the documents show of how many tries a provider's policy allows.
type seenTries struct {
	most, fewest int // of one that is not exhausted; of one that is
	shown        []*deliveries
}

func (s *seenTries) see(d *deliveries) {
	s.shown = append(s.shown, d)
	switch delivery.State(d.final.State) {
	case delivery.Exhausted:
		s.fewest = min(s.fewest, d.final.Tries)
	case delivery.DeliveryFailed, delivery.Ready:
		s.most = max(s.most, d.final.Tries)
	}
}

// checkGhosts checks that tries nobody knows of were made by claims whose answers nobody knows.
func (x *index) checkGhosts(provider string, seen *seenTries, f *findings) {
	may := 0
	for _, o := range x.ghosts[provider] {
		may += cmp.Or(o.Limit, delivery.MaxClaims)
	}
	var unexplained int
	for _, d := range seen.shown {
		_, most := d.triesSince(x, d.sinceRequeue(d.final.RequeuedAt))
		if more := d.final.Tries - most; more > len(x.ghosts[provider]) {
			f.add("delivery %s of document %s has %d tries, and at most %d can have been made", provider, d.documentID,
				d.final.Tries, most+len(x.ghosts[provider]))
		} else if more > 0 {
			unexplained += more
		}
	}
	if unexplained > may {
		f.add("deliveries to %s have %d tries that nobody knows of, and claims without an answer can have made %d", provider, unexplained, may)
	}
}
