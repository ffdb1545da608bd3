package storetest

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/numora/delivery/internal/delivery"
)

// reportClaim reports on the delivery of a claim under its execution id, for the first time, whatever has become of the
// claim by now.
func (m *machine) reportClaim(t *rapid.T) {
	var unreported []claimed
	for _, c := range m.claims {
		if _, reported := m.model.attempts[c.executionID]; !reported {
			unreported = append(unreported, c)
		}
	}
	if len(unreported) == 0 {
		m.claim(t)
		return
	}
	i := rapid.SampledFrom([]int{0, 0, 0, 1, 2, len(unreported) - 1}).Draw(t, "unreported claim, from the last")
	c := unreported[max(0, len(unreported)-1-i)]
	m.record(t, false, m.drawReport(t, c.executionID, c.documentID, c.provider))
}

// reportAnything reports on any delivery under any execution id.
func (m *machine) reportAnything(t *rapid.T) {
	m.record(t, rapid.Bool().Draw(t, "register"), m.drawAnything(t, fmt.Sprint(m.prefix, "own-", m.step)))
}

// reportMany records several reports at once; often some of them are twins.
func (m *machine) reportMany(t *rapid.T) {
	var reports []delivery.Attempt
	for i := range rapid.IntRange(2, 3).Draw(t, "reports") {
		a := m.drawAnything(t, fmt.Sprint(m.prefix, "own-", m.step, "-", i))
		if i > 0 && rapid.IntRange(0, 3).Draw(t, "twin") == 3 {
			a.ExecutionID = reports[i-1].ExecutionID
			if rapid.Bool().Draw(t, "identical") {
				a.Report = reports[i-1].Report
			}
		}
		reports = append(reports, a)
	}
	m.record(t, rapid.Bool().Draw(t, "register"), reports...)
}

// drawAnything draws a report under the execution id fresh, or one that was recorded or handed out before.
func (m *machine) drawAnything(t *rapid.T, fresh string) delivery.Attempt {
	documentID, provider := m.prefix+m.drawDocument(t), m.drawProvider(t)
	switch rapid.SampledFrom([]string{"fresh", "fresh", "fresh", "claim", "recorded"}).Draw(t, "execution id") {
	case "claim":
		fresh = m.drawClaim(t).executionID
	case "recorded":
		if len(m.recorded) == 0 {
			break
		}
		again := m.recorded[rapid.IntRange(0, len(m.recorded)-1).Draw(t, "recorded")]
		switch rapid.SampledFrom([]string{"same", "same", "document", "provider", "status", "attempted", "code"}).Draw(t, "what differs") {
		case "document":
			again.DocumentID = documentID
		case "provider":
			again.Provider = provider
		case "status":
			again.Status = drawStatus(t)
		case "attempted":
			again.AttemptedAt = again.AttemptedAt.Add(time.Microsecond)
		case "code":
			again.ErrorCode = "another"
		}
		again.RequestID, again.ID = "request-2", attempt("for its id").ID
		return again
	}
	return m.drawReport(t, fresh, documentID, provider)
}

func drawStatus(t *rapid.T) delivery.Status {
	return rapid.SampledFrom([]delivery.Status{
		delivery.Failed, delivery.Failed, delivery.Failed, delivery.Failed, delivery.Succeeded, delivery.Skipped,
	}).Draw(t, "status")
}

func (m *machine) drawReport(t *rapid.T, executionID, documentID, provider string) delivery.Attempt {
	a := attempt(executionID, on(documentID, provider), func(a *delivery.Attempt) {
		a.Status = drawStatus(t)
	})
	// As a worker says that has a clock which is right, behind or ahead, or one that has tried at the very instant of
	// another.
	a.AttemptedAt = m.model.now.Add(minutes(t, "attempted", 0, -1, -2, -8, -60, 1, 5))
	if rapid.IntRange(0, 4).Draw(t, "at the instant of another") == 4 {
		for _, other := range m.recorded {
			if other.DocumentID == documentID && other.Provider == provider {
				a.AttemptedAt = triedAt(&other)
			}
		}
	}
	return a
}

// record records reports, and keeps in the model what has to come of them: as if they had come one after the other.
func (m *machine) record(t *rapid.T, register bool, reports ...delivery.Attempt) {
	var unknown *delivery.Registration
	if register {
		unknown = &delivery.Registration{Stage: delivery.Reviewed, Providers: []string{m.providers["erp"]}}
	}
	got, err := m.store.Record(t.Context(), slices.Clone(reports), unknown)
	m.sameError(t, "record", err, nil)
	if len(got) != len(reports) {
		t.Fatalf("%d results of %d reports", len(got), len(reports))
	}
	before := m.model.now
	for i, a := range reports {
		result, differing := m.model.record(a, register)
		m.seen.add("record: " + string(result))
		want := delivery.Recorded{Result: result, Differing: differing}
		switch result {
		case delivery.Replayed:
			want.Attempt = m.model.attempts[a.ExecutionID]
		case delivery.Created:
			want.Attempt = a
			want.Attempt.RecordedAt = got[i].Attempt.RecordedAt
		}
		m.same(t, fmt.Sprint("result of report ", i), got[i], want)
		if result == delivery.Created {
			m.created(t, want.Attempt, before)
		}
	}
	for _, a := range reports {
		m.registered(t, a.DocumentID)
	}
}

// created keeps an attempt that was recorded since before.
func (m *machine) created(t *rapid.T, a delivery.Attempt, before time.Time) {
	m.passes(t, "record", later(a.RecordedAt, m.model.now))
	if !a.RecordedAt.After(before) {
		t.Fatal("an attempt is recorded before it came")
	}
	document := m.model.documents[a.DocumentID]
	if document == nil { // by this report
		m.seen.add("record: registers the document")
		document = &modelDocument{id: a.DocumentID, stage: delivery.Reviewed, deliveries: make(map[string]*modelDelivery)}
		m.model.documents[document.id] = document
		m.model.add(document, m.providers["erp"])
	}
	d := document.deliveries[a.Provider]
	if d == nil {
		m.seen.add("record: adds the delivery")
		d = m.model.add(document, a.Provider)
		d.offeredAt = a.RecordedAt // a moment before, which nobody gets to see
	}
	for _, earlier := range d.facts {
		if earlier.attempt != nil && !earlier.attempt.RecordedAt.Before(a.RecordedAt) {
			t.Fatal("an attempt is not recorded later than the one before")
		}
	}
	m.seen.report(m.model, d, a)
	d.add(fact{at: a.RecordedAt, attempt: &a})
	m.model.attempts[a.ExecutionID] = a
	m.recorded = append(m.recorded, a)
}

// registered asks since when a document is registered that a report has registered.
func (m *machine) registered(t *rapid.T, id string) {
	document := m.model.documents[id]
	if document == nil || !document.createdAt.IsZero() {
		return
	}
	got, err := m.store.Document(t.Context(), id)
	m.sameError(t, "read a document", err, nil)
	document.createdAt, document.updatedAt = got.CreatedAt, got.CreatedAt
	for _, d := range document.deliveries {
		if len(d.facts) == 0 {
			d.offeredAt, d.updatedAt = got.CreatedAt, got.CreatedAt
		}
	}
}

// add adds a delivery.
func (m *model) add(document *modelDocument, provider string) *modelDelivery {
	d := &modelDelivery{document: document, provider: provider, policy: m.policies[provider]}
	document.deliveries[provider] = d
	return d
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
