package history

import (
	"time"
)

func ms(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// middle is when the operation at a place has its effect, in milliseconds: half of one after its call, and before its return.
func middle(place int) float64 { return 2*float64(place) + 0.5 }

// at is the instant of an operation's effect, some seconds later.
func at(place, seconds int) time.Time { return simBegan.Add(ms(middle(place) + float64(1000*seconds))) }

func pointer[T any](value T) *T { return &value }

// The places of the operations in the small history.
const (
	registerD = iota
	registerE
	recordFailed
	replay
	conflict
	listD
	claimErp
	extendErp
	recordForeign
	readD
	recordOwn
	extendOver
	outboxEarly
	requeueCrm
	claimCrm
	releaseCrm
	outboxLate
	recordLost
	recordShed
	readShed
)

// newSmallHistory returns a right history that is small enough to be told.
func newSmallHistory() *Run {
	failedReport := Report{
		DocumentID: "d", Provider: "crm", Status: "failed", ExecutionID: "r1",
		AttemptedAt: "2026-03-24T03:00:00.0010009Z", ErrorMessage: "no",
	}
	sameReport := failedReport
	sameReport.AttemptedAt = "2026-03-24T04:00:00.001+01:00"
	otherReport := failedReport
	otherReport.ErrorMessage = "other"
	foreign := Report{DocumentID: "d", Provider: "erp", Status: "failed", ExecutionID: "f1", AttemptedAt: "2026-03-24T03:00:00.0145Z"}
	own := Report{DocumentID: "d", Provider: "erp", Status: "succeeded", ExecutionID: "c1", AttemptedAt: "2026-03-24T03:00:00.019Z", ExternalRecordID: "1"}
	lost := Report{DocumentID: "d", Provider: "crm", Status: "failed", ExecutionID: "r3", AttemptedAt: "2026-03-24T03:00:00Z"}
	shed := Report{DocumentID: "d", Provider: "crm", Status: "failed", ExecutionID: "r4", AttemptedAt: "2026-03-24T03:00:00Z"}
	a1 := Attempt{Report: failedReport, ID: "a1", RecordedAt: at(recordFailed, 0)}
	a2 := Attempt{Report: foreign, ID: "a2", RecordedAt: at(recordForeign, 0)}
	a3 := Attempt{Report: own, ID: "a3", RecordedAt: at(recordOwn, 0)}

	ready := func(documentID, provider string) Delivery {
		return Delivery{DocumentID: documentID, Provider: provider, State: "ready"}
	}
	c1 := Lease{ExecutionID: "c1", DocumentID: "d", Provider: "erp", DeliveryKey: "k1", ExpiresAt: at(claimErp, 10)}
	c1Extended := c1
	c1Extended.ExpiresAt = at(extendErp, 10)
	c2 := Lease{ExecutionID: "c2", DocumentID: "e", Provider: "crm", DeliveryKey: "k2", ExpiresAt: at(claimCrm, 10)}
	c3 := Lease{ExecutionID: "c3", DocumentID: "d", Provider: "crm", DeliveryKey: "k3", ExpiresAt: at(claimCrm, 10)}

	requeued := Delivery{DocumentID: "d", Provider: "crm", State: "ready", RequeuedAt: pointer(at(requeueCrm, 0)), DueAt: pointer(at(requeueCrm, 0))}
	crmFailed := Delivery{DocumentID: "d", Provider: "crm", State: "failed", Tries: 1, LastAttempt: "r1"}
	erpPending := Delivery{
		DocumentID: "d", Provider: "erp", State: "pending", Tries: 2, LastAttempt: "f1",
		ClaimedBy: "w1", LeaseExpiresAt: &c1Extended.ExpiresAt,
	}
	erpSucceeded := Delivery{DocumentID: "d", Provider: "erp", State: "succeeded", Tries: 2, LastAttempt: "c1"}
	crmPending := Delivery{DocumentID: "e", Provider: "crm", State: "pending", Tries: 1, ClaimedBy: "w2", LeaseExpiresAt: &c2.ExpiresAt}
	dueE := Delivery{DocumentID: "e", Provider: "crm", State: "ready", DueAt: pointer(at(registerE, 0))}

	operations := []Operation{
		registerD:     {Kind: Register, HTTP: 201, DocumentID: "d", Document: &Document{ID: "d", Status: "reviewed", Deliveries: []Delivery{ready("d", "crm"), ready("d", "erp")}}},
		registerE:     {Kind: Register, HTTP: 201, DocumentID: "e", Document: &Document{ID: "e", Status: "reviewed", Deliveries: []Delivery{ready("e", "crm")}}},
		recordFailed:  {Kind: Record, HTTP: 201, Sent: &failedReport, Attempt: &a1},
		replay:        {Kind: Record, HTTP: 200, Sent: &sameReport, Attempt: &a1, Replayed: true},
		conflict:      {Kind: Record, HTTP: 409, Outcome: Refused, Code: "conflict", Sent: &otherReport, Differing: []string{"error_message"}},
		listD:         {Kind: List, DocumentID: "d", Attempts: []Attempt{a1}},
		claimErp:      {Kind: Claim, Provider: "erp", Worker: "w1", Limit: 1, LeaseSeconds: 10, Leases: []Lease{c1}},
		extendErp:     {Kind: Extend, ExecutionID: "c1", LeaseSeconds: 10, Leases: []Lease{c1Extended}},
		recordForeign: {Kind: Record, HTTP: 201, Sent: &foreign, Attempt: &a2},
		readD:         {Kind: Read, DocumentID: "d", Document: &Document{ID: "d", Status: "push_pending", Deliveries: []Delivery{crmFailed, erpPending}}},
		recordOwn:     {Kind: Record, HTTP: 201, Sent: &own, Attempt: &a3},
		extendOver:    {Kind: Extend, HTTP: 409, Outcome: Refused, Code: "claim_over", ExecutionID: "c1", LeaseSeconds: 10},
		outboxEarly:   {Kind: Outbox, Provider: "crm", Due: []Delivery{dueE}},
		requeueCrm:    {Kind: Requeue, DocumentID: "d", Provider: "crm", Delivery: &requeued},
		claimCrm:      {Kind: Claim, Provider: "crm", Worker: "w2", Limit: 5, LeaseSeconds: 10, Leases: []Lease{c2, c3}},
		releaseCrm:    {Kind: Release, ExecutionID: "c3", Leases: []Lease{c3}},
		outboxLate:    {Kind: Outbox, Provider: "crm", Due: []Delivery{requeued}},
		recordLost:    {Kind: Record, Outcome: Unknown, Halted: true, Sent: &lost},
		recordShed:    {Kind: Record, HTTP: 503, Outcome: NotExecuted, Says: "not_executed", RetryAfter: "1", Sent: &shed},
		readShed:      {Kind: Read, HTTP: 429, Outcome: NotExecuted, RetryAfter: "2", DocumentID: "d"},
	}
	for i := range operations {
		o := &operations[i]
		o.Call, o.Return = ms(middle(i)-0.5), ms(middle(i)+0.5)
		if o.Outcome == "" {
			o.Outcome = Done
		}
		if o.HTTP == 0 && o.Outcome == Done {
			o.HTTP = 200
		}
		if o.Sent != nil {
			o.DocumentID, o.Provider, o.ExecutionID = o.Sent.DocumentID, o.Sent.Provider, o.Sent.ExecutionID
		}
	}
	return &Run{
		Began: simBegan, Lasted: ms(40), Clients: 8, Deadline: 5 * time.Second, Operations: operations,
		Attempts: []Attempt{a1, a2, a3},
		Documents: []Document{
			{ID: "d", Status: "push_pending", Deliveries: []Delivery{requeued, erpSucceeded}},
			{ID: "e", Status: "push_pending", Deliveries: []Delivery{crmPending}},
		},
	}
}
