package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// situations counts what the histories came to: those that never come to something would prove nothing of it.
type situations map[string]int

func (s situations) add(situation string) { s[situation]++ }

func (s situations) when(is bool, situation string) {
	if is {
		s.add(situation)
	}
}

// wanted are the situations that histories have to come to: those that a hundred checks come to ten times or more, so
// that none is missed by chance.
var wanted = []string{
	"state: ready", "state: pending", "state: succeeded", "state: skipped", "state: failed", "state: exhausted",
	"status: processing", "status: review_required", "status: failed", "status: reviewed", "status: push_pending",
	"status: push_succeeded", "status: push_failed", "exhausted without a report", "failed, and settled all the same",

	"put: nothing changes", "put: retires", "put: takes back", "put: retires what is leased", "put: into review what is leased",
	"put: back from review after a report",

	"record: created", "record: replayed", "record: conflict", "record: unknown_document",
	"record: registers the document", "record: adds the delivery", "record: retired", "record: not reviewed",
	"record: settles its lease", "record: settles another's lease", "record: leaves another's lease", "record: of an expired claim",
	"record: of a released claim", "record: of a claim before the requeue", "record: of a claim with another one open",
	"record: under another delivery's claim", "record: an older try", "record: clock ahead", "record: at the same instant",

	"claim: first", "claim: after a failed report", "claim: after an expiry", "claim: after a release", "claim: after a requeue",
	"claim: nothing is due", "claim: more is due than asked for",
	"extend: claim not found", "extend: " + delivery.ErrClaimOver.Error(),
	"release: claim not found", "release: " + delivery.ErrClaimOver.Error(), "release: again", "release: after an expiry",

	"requeue: begins", "requeue: begins, not reviewed", "requeue: by force", "requeue: due already", "requeue: nothing happened",
	"requeue: exhausted", "requeue: an expiry alone",
	"requeue: " + delivery.ErrLeased.Error(), "requeue: " + delivery.ErrSettled.Error(), "requeue: " + delivery.ErrDocumentNotFound.Error(),
	"requeue: " + delivery.ErrDeliveryNotFound.Error(), "requeue: retired",
}

// require fails when wanted situations were not come to. A few checks need not come to all of them.
func (s situations) require(t *testing.T, checks int) {
	var counted []string
	for _, situation := range slices.Sorted(maps.Keys(s)) {
		counted = append(counted, fmt.Sprintf("%s: %d", situation, s[situation]))
	}
	t.Logf("%d checks came to\n%s", checks, strings.Join(counted, "\n"))
	for _, situation := range wanted {
		if s[situation] == 0 && checks >= 100 {
			t.Errorf("%d checks never came to %q", checks, situation)
		}
	}
}

// put counts what a registration makes of a delivery that was old before.
func (s situations) put(d *modelDelivery, old modelDelivery, known bool) {
	leased := d.lease(d.updatedAt) != nil
	s.when(known && d.retired && !old.retired, "put: retires")
	s.when(known && !d.retired && old.retired, "put: takes back")
	s.when(known && d.retired && !old.retired && leased, "put: retires what is leased")
	s.when(known && old.offered() && !d.offered() && !d.retired && leased, "put: into review what is leased")
	s.when(known && !old.offered() && d.offered() && len(d.attempts()) > 0, "put: back from review after a report")
}

// claim counts after what a claim is handed out on d.
func (s situations) claim(d *modelDelivery, now time.Time) {
	last := "first"
	for _, f := range d.facts {
		switch {
		case f.attempt != nil:
			last = "after a failed report"
		case f.released != "":
			last = "after a release"
		case f.requeued != nil:
			last = "after a requeue"
		}
	}
	if n := len(d.facts); n > 0 {
		if all := holds(d.facts, now); len(all) > 0 && all[len(all)-1].ended == byExpiry && d.facts[n-1].claimed != nil {
			last = "after an expiry"
		}
	}
	s.add("claim: " + last)
}

// release counts what lies behind a lease on d that is given back.
func (s situations) release(d *modelDelivery, now time.Time) {
	expired := slices.ContainsFunc(holds(d.current(), now), func(h hold) bool { return h.ended == byExpiry })
	s.when(expired, "release: after an expiry")
}

// requeue counts what a requeue finds.
func (s situations) requeue(d *modelDelivery, begins bool, now time.Time) {
	s.when(begins, "requeue: begins")
	s.when(begins && !d.offered(), "requeue: begins, not reviewed")
	s.when(begins && d.settled(), "requeue: by force")
	s.when(begins && d.exhausted(now), "requeue: exhausted")
	s.when(begins && d.latest() == nil && d.tries(now) > 0, "requeue: an expiry alone")
	s.when(len(d.current()) > 0 && d.latest() == nil && d.tries(now) == 0 && !d.isDue(now), "requeue: a release alone")
	s.when(d.isDue(now), "requeue: due already")
	s.when(len(d.current()) == 0 && !d.offered(), "requeue: nothing happened")
}

// report counts what a report is to its delivery, before it is added.
func (s situations) report(m *model, d *modelDelivery, a delivery.Attempt) {
	s.when(d.retired, "record: retired")
	s.when(d.document.stage != delivery.Reviewed, "record: not reviewed")
	s.when(a.AttemptedAt.After(a.RecordedAt), "record: clock ahead")
	if latest := d.latest(); latest != nil {
		s.when(triedAt(&a).Before(triedAt(latest)), "record: an older try")
		s.when(triedAt(&a).Equal(triedAt(latest)), "record: at the same instant")
	}
	if lease := d.lease(a.RecordedAt); lease != nil {
		own := lease.ExecutionID == a.ExecutionID
		s.when(own, "record: settles its lease")
		s.when(!own && a.Status == delivery.Failed, "record: leaves another's lease")
		s.when(!own && a.Status != delivery.Failed, "record: settles another's lease")
	}
	for _, document := range m.documents {
		for _, other := range document.deliveries {
			for _, h := range holds(other.facts, a.RecordedAt) {
				if h.claim.ExecutionID != a.ExecutionID {
					continue
				}
				if other != d {
					s.add("record: under another delivery's claim")
					continue
				}
				s.when(h.ended == byExpiry, "record: of an expired claim")
				s.when(h.ended == byRelease, "record: of a released claim")
				s.when(h.ended == byReport, "record: of a claim that another report settled")
				s.when(h.ended != "" && d.lease(a.RecordedAt) != nil, "record: of a claim with another one open")
				s.when(!slices.ContainsFunc(d.current(), func(f fact) bool {
					return f.claimed != nil && f.claimed.ExecutionID == a.ExecutionID
				}), "record: of a claim before the requeue")
			}
		}
	}
}
