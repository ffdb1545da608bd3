package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// wrongs are what can be wrong with the small history, by the check that has to find it and a part of what it says.
var wrongs = map[string]struct {
	check, says string
	change      func(*Run)
}{
	"ServerError": {"answers", "the contract does not have that", func(r *Run) {
		r.Operations[readD].HTTP, r.Operations[readD].Outcome, r.Operations[readD].Problem = 500, Broken, "internal_error"
	}},
	"Teapot":          {"answers", "does not have that status", func(r *Run) { r.Operations[conflict].HTTP = 418 }},
	"Late":            {"answers", "after 6.001s", func(r *Run) { r.Operations[readShed].Return += 6 * time.Second }},
	"LatePage":        {"answers", "after 6.001s", func(r *Run) { r.Operations[outboxLate].Slowest = 6001 * time.Millisecond }},
	"NoAnswer":        {"answers", "which did not answer: EOF", func(r *Run) { o := &r.Operations[recordLost]; o.Halted, o.Problem = false, "EOF" }},
	"NoRetryAfter":    {"answers", `Retry-After is ""`, func(r *Run) { r.Operations[recordShed].RetryAfter = "" }},
	"RetryAfterZero":  {"answers", `Retry-After is "0"`, func(r *Run) { r.Operations[readShed].RetryAfter = "0" }},
	"NoOutcome":       {"answers", `its outcome is ""`, func(r *Run) { r.Operations[recordShed].Says = "" }},
	"WrongOutcome":    {"answers", "taken for not_executed", func(r *Run) { r.Operations[recordShed].Says = "outcome_unknown" }},
	"ClaimOverReport": {"answers", "never refused as claim_over", func(r *Run) { r.Operations[conflict].Code = "claim_over" }},
	"NoAttempt":       {"answers", "no attempt", func(r *Run) { r.Operations[replay].Attempt = nil }},

	"NotRecorded": {"lost", "report c1 of document d was acknowledged", func(r *Run) { r.Attempts = r.Attempts[:2] }},
	"RecordedAtDiffers": {"lost", "different recorded_at", func(r *Run) {
		r.Attempts[2].RecordedAt = r.Attempts[2].RecordedAt.Add(time.Microsecond)
	}},
	"DataDiffers": {"lost", "different error_message", func(r *Run) { r.Attempts[0].ErrorMessage = "another" }},
	"DocumentGone": {"lost", "document d was registered and is not found", func(r *Run) {
		o := &r.Operations[readShed]
		o.HTTP, o.Outcome, o.Code = 404, Refused, "not_found"
	}},

	"TwoRows": {"duplicated", "execution id r1 is recorded twice", func(r *Run) {
		twin := r.Attempts[0]
		twin.ID = "a9"
		r.Attempts = append(r.Attempts, twin)
	}},
	"TwoRowsOfOneID": {"duplicated", "attempt id a1 is recorded twice", func(r *Run) { r.Attempts[1].ID = "a1" }},
	"CreatedTwice": {"duplicated", "created twice", func(r *Run) {
		r.Operations[replay].HTTP = 201
	}},
	"TwoAttempts": {"duplicated", "as attempt a1 and as attempt a9", func(r *Run) {
		other := *r.Operations[replay].Attempt
		other.ID = "a9"
		r.Operations[replay].Attempt = &other
	}},
	"CreatedLater": {"duplicated", "after it had been acknowledged", func(r *Run) {
		r.Operations[recordFailed].HTTP, r.Operations[replay].HTTP = 200, 201
	}},
	"ReplayOfNothing": {"duplicated", "before anything was sent", func(r *Run) {
		r.Operations[recordFailed].HTTP, r.Operations[replay].Outcome = 200, NotExecuted
		r.Operations[conflict].Call = r.Operations[recordFailed].Return + 1
	}},

	"Recorded503": {"invented", "was told that it was not", func(r *Run) { record(r, *r.Operations[recordShed].Sent) }},
	"RecordedFromNowhere": {"invented", "data that nobody sent", func(r *Run) {
		record(r, Report{DocumentID: "d", Provider: "crm", Status: "failed", ExecutionID: "x", AttemptedAt: "2026-03-24T03:00:00Z"})
	}},

	"FalseConflict": {"conflict", "is recorded with just that data", func(r *Run) {
		r.Operations[conflict].Sent, r.Operations[conflict].Differing = r.Operations[replay].Sent, []string{"attempted_at"}
	}},
	"WrongField":      {"conflict", "for its status, and differs in its error_message", func(r *Run) { r.Operations[conflict].Differing = []string{"status"} }},
	"ConflictOfNone":  {"conflict", "nothing is recorded under its id", func(r *Run) { r.Attempts = r.Attempts[1:] }},
	"ConflictTooSoon": {"conflict", "before what is recorded was sent", func(r *Run) { r.Operations[conflict].Return = 1 }},
	"AnotherTaken": {"conflict", "though it is recorded with a different error_message", func(r *Run) {
		r.Operations[replay].Sent = r.Operations[conflict].Sent
	}},

	"ListLacks":    {"reads", "lacks report r1", func(r *Run) { r.Operations[listD].Attempts = nil }},
	"ListsTwice":   {"reads", "has attempt a1 twice", func(r *Run) { l := &r.Operations[listD]; l.Attempts = append(l.Attempts, l.Attempts[0]) }},
	"OldestFirst":  {"reads", "behind an older one", func(r *Run) { listLater(r, 0, 1, 2) }},
	"ListShrinks":  {"reads", "lacks report f1", func(r *Run) { listLater(r, 2, 0) }},
	"FromNowhere":  {"reads", "is not recorded", func(r *Run) { r.Operations[listD].Attempts[0].ID = "a9" }},
	"ListedOther":  {"reads", "a different status than is recorded", func(r *Run) { r.Operations[listD].Attempts[0].Status = "skipped" }},
	"FromFuture":   {"reads", "was not sent before", func(r *Run) { l := &r.Operations[listD]; l.Attempts = []Attempt{r.Attempts[1], r.Attempts[0]} }},
	"NotItsOwn":    {"reads", "of another delivery", func(r *Run) { r.Operations[readD].Document.Deliveries[0].LastAttempt = "f1" }},
	"LastUnknown":  {"reads", "which is not recorded", func(r *Run) { r.Operations[readD].Document.Deliveries[0].LastAttempt = "x" }},
	"LastTooEarly": {"reads", "was not sent before", func(r *Run) { r.Operations[readD].Document.Deliveries[1].LastAttempt = "c1" }},

	"WrongLast":       {"status", `shows report "f1" as its last`, func(r *Run) { erp(r).LastAttempt = "f1" }},
	"WrongState":      {"status", "is failed, and by its attempts it is succeeded", func(r *Run) { erp(r).State = "failed" }},
	"TooFewTries":     {"status", "has 1 tries, and at least 2", func(r *Run) { erp(r).Tries = 1 }},
	"TooManyTries":    {"status", "has 3 tries, and at most 2", func(r *Run) { erp(r).Tries = 3 }},
	"WrongStatus":     {"status", "document d is push_succeeded", func(r *Run) { r.Documents[0].Status = "push_succeeded" }},
	"WrongReadStatus": {"status", "document d is reviewed", func(r *Run) { r.Operations[readD].Document.Status = "reviewed" }},
	"LeasedByNobody":  {"status", "that worker never claimed it", func(r *Run) { r.Documents[1].Deliveries[0].ClaimedBy = "w9" }},
	"LeaseRanOut":     {"status", "had run out", func(r *Run) { r.Documents[1].Deliveries[0].LeaseExpiresAt = pointer(at(readShed, 0)) }},
	"RequeueLost":     {"status", "which is lost", func(r *Run) { r.Documents[0].Deliveries[0].RequeuedAt = nil }},
	"RequeueInvented": {"status", "by nobody", func(r *Run) { erp(r).RequeuedAt = pointer(at(registerD, 0)) }},
	"DocumentLost":    {"status", "document e was registered or reported on, and is not there", func(r *Run) { r.Documents = r.Documents[:1] }},
	"DeliveryLost":    {"status", "does not show its delivery erp", func(r *Run) { d := &r.Documents[0]; d.Deliveries = d.Deliveries[:1] }},
	"Exhausted": {"status", "with crm, 1 tries are exhausted and 1 are not", func(r *Run) {
		r.Documents[0].Deliveries[0].State, r.Documents[0].Deliveries[0].Tries = "exhausted", 1
		r.Documents[1].Deliveries[0].State = "ready"
	}},

	"TwoHolders": {"leases", "was with c1 and with c9 at once", func(r *Run) {
		claimErpAgain(r, "c9", "k1", r.Operations[extendErp].Return+1)
	}},
	"TwoHoldersAtOnce": {"leases", "was with c1 and with c9 at once", func(r *Run) {
		claimErpAgain(r, "c9", "k1", r.Operations[claimErp].Call+1)
	}},
	"LeasedRequeued": {"porcupine", "delivery crm of document e: no order", func(r *Run) {
		r.Operations[readShed] = Operation{
			Kind: Requeue, DocumentID: "e", Provider: "crm", HTTP: 200, Outcome: Done, Call: r.Operations[readShed].Call, Return: r.Operations[readShed].Return,
			Delivery: &Delivery{DocumentID: "e", Provider: "crm", State: "ready", RequeuedAt: pointer(at(readShed, 0))},
		}
	}},
	"HandedOutTwice": {"leases", "c2 was handed out twice", func(r *Run) { r.Operations[claimCrm].Leases[1].ExecutionID = "c2" }},
	"OtherKey": {"leases", "was not requeued between them", func(r *Run) {
		claimErpAgain(r, "c9", "k9", r.Operations[outboxLate].Return)
	}},
	"SettledClaimed": {"leases", "though report c1 had settled it", func(r *Run) {
		claimErpAgain(r, "c9", "k1", r.Operations[outboxLate].Return)
	}},
	"SettledDue": {"leases", "though report c1 had settled it", func(r *Run) {
		r.Operations[outboxLate].Due = append(r.Operations[outboxLate].Due, Delivery{DocumentID: "d", Provider: "erp", DueAt: pointer(at(outboxLate, 0))})
	}},
	"LeasedDue": {"leases", "while it was with c2", func(r *Run) {
		r.Operations[outboxLate].Due = append(r.Operations[outboxLate].Due, Delivery{DocumentID: "e", Provider: "crm", DueAt: pointer(at(outboxLate, 0))})
	}},

	"EndedByForeign": {"foreign", "nothing had ended the lease", func(r *Run) {
		o := &r.Operations[recordOwn]
		*o = r.Operations[extendOver]
		o.Call, o.Return = ms(middle(recordOwn)-0.5), ms(middle(recordOwn)+0.5)
		r.Operations[extendOver].Outcome = NotExecuted
	}},

	"OutboxLacks":    {"paging", "lacks document e", func(r *Run) { r.Operations[outboxEarly].Due = nil }},
	"OutboxTwice":    {"paging", "lists document e twice", func(r *Run) { o := &r.Operations[outboxEarly]; o.Due = append(o.Due, o.Due[0]) }},
	"NotDueYet":      {"paging", "is not due yet", func(r *Run) { r.Operations[outboxEarly].Due[0].DueAt = pointer(at(outboxEarly, 1)) }},
	"OutboxShuffled": {"paging", "behind one that is due later", func(r *Run) { shuffle(&r.Operations[outboxLate]) }},

	"StaleRead": {"porcupine", "delivery erp of document d: no order", func(r *Run) {
		r.Operations[readD].Document.Deliveries[1].LastAttempt = ""
	}},
	"ReadBeforeClaim": {"porcupine", "delivery erp of document d: no order", func(r *Run) {
		d := &r.Operations[readD].Document.Deliveries[1]
		d.State, d.ClaimedBy, d.LeaseExpiresAt = "failed", "", nil
	}},
	"ExtendedOver": {"porcupine", "delivery erp of document d: no order", func(r *Run) {
		o := &r.Operations[extendOver]
		o.HTTP, o.Outcome, o.Leases = 200, Done, []Lease{{ExecutionID: "c1", ExpiresAt: at(extendOver, 10)}}
	}},
	"RequeueRefused": {"porcupine", "delivery erp of document d: no order", func(r *Run) {
		o := &r.Operations[readShed] // a failed one, and nobody has it
		o.Kind, o.Provider, o.HTTP, o.Outcome, o.Force = Requeue, "erp", 409, Refused, true
	}},
	"ReleasedTaken": {"porcupine", "delivery erp of document d: no order", func(r *Run) {
		r.Operations[readShed] = Operation{
			Kind: Release, ExecutionID: "c1", HTTP: 200, Outcome: Done,
			Call: r.Operations[readShed].Call, Return: r.Operations[readShed].Return,
		}
	}},
}

func erp(r *Run) *Delivery { return &r.Documents[0].Deliveries[1] }

func record(r *Run, report Report) {
	r.Attempts = append(r.Attempts, Attempt{Report: report, ID: "a9", RecordedAt: at(readShed, 0)})
}

// listLater makes the last read one of the list, of these rows.
func listLater(r *Run, rows ...int) {
	o := &r.Operations[readShed]
	o.Kind, o.HTTP, o.Outcome = List, 200, Done
	for _, row := range rows {
		o.Attempts = append(o.Attempts, r.Attempts[row])
	}
}

// claimErpAgain hands out the delivery to erp once more.
func claimErpAgain(r *Run, executionID, key string, call time.Duration) {
	r.Operations = append(r.Operations, Operation{
		Kind: Claim, Provider: "erp", Worker: "w9", Limit: 1, LeaseSeconds: 10, HTTP: 200, Outcome: Done, Call: call, Return: call + ms(0.2),
		Leases: []Lease{{ExecutionID: executionID, DocumentID: "d", Provider: "erp", DeliveryKey: key, ExpiresAt: simBegan.Add(call + 10*time.Second)}},
	})
}

func shuffle(o *Operation) {
	o.Due = append(o.Due, Delivery{DocumentID: "f", Provider: o.Provider, DueAt: pointer(at(registerD, 0))})
}

func TestCheck_RightHistory(t *testing.T) {
	for _, f := range newSmallHistory().Check() {
		t.Errorf("%s: %s", f.Check, f.What)
	}
}

// TestCheck_SlowClaims: who claimed first, but was held up, may have got a lease after the one that was claimed later.
func TestCheck_SlowClaims(t *testing.T) {
	claim := func(id string, call, at, back time.Duration) Operation {
		return Operation{
			Kind: Claim, Provider: "crm", Worker: id, Limit: 1, LeaseSeconds: 10, HTTP: 200, Outcome: Done, Call: call, Return: back,
			Leases: []Lease{{ExecutionID: id, DocumentID: "d", Provider: "crm", DeliveryKey: "k", ExpiresAt: simBegan.Add(at + 10*time.Second)}},
		}
	}
	run := &Run{Began: simBegan, Lasted: time.Minute, Deadline: 20 * time.Second, Operations: []Operation{
		claim("c2", 1*time.Second, 1500*time.Millisecond, 2*time.Second),
		claim("c1", 0, 14*time.Second, 15*time.Second),
	}}
	for _, f := range run.Check() {
		t.Errorf("%s: %s", f.Check, f.What)
	}
}

// TestCheck_GivenBack: a claim that was given back leaves nothing that a document shows, but that it was touched.
func TestCheck_GivenBack(t *testing.T) {
	for status, findings := range map[string]int{"push_pending": 0, "push_failed": 1} {
		run := newSmallHistory()
		o := &run.Operations[requeueCrm] // so that nothing but the claim has happened to it
		*o = Operation{Kind: Register, HTTP: 201, Outcome: Done, Call: o.Call, Return: o.Return, DocumentID: "g", Document: &Document{
			ID: "g", Status: "reviewed", Deliveries: []Delivery{{DocumentID: "g", Provider: "fax", State: "ready"}},
		}}
		o = &run.Operations[claimCrm]
		o.Provider, o.Leases = "fax", []Lease{{ExecutionID: "c3", DocumentID: "g", Provider: "fax", DeliveryKey: "k3", ExpiresAt: at(claimCrm, 10)}}
		run.Operations[outboxLate] = Operation{Kind: Read, HTTP: 200, Outcome: Done, DocumentID: "g", Document: &Document{
			ID: "g", Status: status, Deliveries: []Delivery{{DocumentID: "g", Provider: "fax", State: "ready"}},
		}, Call: run.Operations[outboxLate].Call, Return: run.Operations[outboxLate].Return}
		run.Documents = []Document{
			{ID: "d", Status: "push_failed", Deliveries: []Delivery{{DocumentID: "d", Provider: "crm", State: "failed", Tries: 1, LastAttempt: "r1"}, *erp(run)}},
			{ID: "e", Status: "reviewed", Deliveries: []Delivery{{DocumentID: "e", Provider: "crm", State: "ready"}}},
			{ID: "g", Status: "push_pending", Deliveries: []Delivery{{DocumentID: "g", Provider: "fax", State: "ready"}}},
		}
		if found := run.Check(); len(found) != findings {
			t.Errorf("%s: got %+v", status, found)
		}
	}
}

func TestCheck_Wrong(t *testing.T) {
	for name, wrong := range wrongs {
		t.Run(name, func(t *testing.T) {
			run := newSmallHistory()
			wrong.change(run)
			found := run.Check()
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.Check == wrong.check && strings.Contains(f.What, wrong.says) }) {
				t.Errorf("%s did not say %q, but: %+v", wrong.check, wrong.says, found)
			}
		})
	}
}

func TestCheck_CountsWhatItDoesNotTell(t *testing.T) {
	run := newSmallHistory()
	for i := range perCheck + 3 {
		run.Operations = append(run.Operations, Operation{Kind: Read, DocumentID: fmt.Sprint(i), HTTP: 500, Outcome: Broken})
	}
	found := run.Check()
	if len(found) != perCheck+1 || found[perCheck].What != "and 3 more" {
		t.Errorf("got %+v", found)
	}
}

// TestOrders_OutOfTime: what Porcupine has no time for is not taken for right.
func TestOrders_OutOfTime(t *testing.T) {
	f := &findings{check: "porcupine"}
	newIndex(newSmallHistory()).checkOrdersWithin(f, time.Hour, 0)
	if len(f.found) != 3 || !strings.Contains(f.found[0].What, "no time is left") {
		t.Errorf("got %+v", f.found)
	}
}
