package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

func recordStoresAsGiven(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	record(t, s) // nothing, which is no mistake
	full := attempt("full")
	bare := attempt("bare", failed, func(a *delivery.Attempt) {
		a.ExternalRecordID, a.ExternalURL, a.ErrorCode, a.ErrorMessage = "", "", "", ""
	})
	before := time.Now().Add(-time.Minute)
	for _, given := range []delivery.Attempt{full, bare} {
		stored := created(t, s, given)[0]
		if stored.RecordedAt.Before(before) || stored.RecordedAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("recorded at %v, now is %v", stored.RecordedAt, time.Now())
		}
		given.RecordedAt = stored.RecordedAt
		equal(t, "what Record returns", stored, given)
		read, err := s.Attempt(t.Context(), given.ID)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "what Attempt reads", read, stored)
	}
}

func replayReturnsOriginal(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	original := created(t, s, attempt("one"))[0]
	before := document(t, s, documentID)
	again := attempt("one", func(a *delivery.Attempt) {
		a.RequestID, a.RecordedBy.Name = "request-2", "another worker"
		a.AttemptedAt = a.AttemptedAt.In(time.FixedZone("", 3600))
	})
	replay := record(t, s, again)[0]
	equal(t, "result", replay.Result, delivery.Replayed)
	equal(t, "attempt", replay.Attempt, original)
	equal(t, "history", history(t, s, delivery.AttemptQuery{}), []delivery.Attempt{original})
	equal(t, "document", asStored(document(t, s, documentID)), asStored(before))
}

func conflictNamesFields(t *testing.T, s Store) {
	reviewed(t, s, documentID, "other")
	original := created(t, s, attempt("one"))[0]
	before := document(t, s, documentID)
	for field, change := range map[string]func(*delivery.Attempt){
		"document_id":        func(a *delivery.Attempt) { a.DocumentID = "other" },
		"provider":           func(a *delivery.Attempt) { a.Provider = "sap" },
		"status":             func(a *delivery.Attempt) { a.Status = delivery.Skipped },
		"attempted_at":       func(a *delivery.Attempt) { a.AttemptedAt = a.AttemptedAt.Add(time.Microsecond) },
		"external_record_id": func(a *delivery.Attempt) { a.ExternalRecordID = "CRM-row-001" },
		"external_url":       func(a *delivery.Attempt) { a.ExternalURL = "" },
		"error_code":         func(a *delivery.Attempt) { a.ErrorCode += " " },
		"error_message":      func(a *delivery.Attempt) { a.ErrorMessage = "" },
	} {
		r := record(t, s, attempt("one", change))[0]
		equal(t, field, r, delivery.Recorded{Result: delivery.Conflicting, Differing: []string{field}})
	}
	equal(t, "history", history(t, s, delivery.AttemptQuery{}), []delivery.Attempt{original})
	equal(t, "history of the other document", len(history(t, s, delivery.AttemptQuery{DocumentID: "other"})), 0)
	equal(t, "document", asStored(document(t, s, documentID)), asStored(before))
}

func conflictAddsNoDelivery(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	created(t, s, attempt("one"))
	record(t, s, attempt("one", on(documentID, "sap")))
	equal(t, "providers", providersOf(document(t, s, documentID)), []string{"dynamics365"})
}

func unknownDocument(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	created(t, s, attempt("one"))
	for _, executionID := range []string{"one", "two"} {
		r := record(t, s, attempt(executionID, on("nobody", "dynamics365")))[0]
		equal(t, executionID, r, delivery.Recorded{Result: delivery.UnknownDocument})
	}
	_, err := s.Document(t.Context(), "nobody")
	isError(t, err, delivery.ErrDocumentNotFound)
	// What was refused left nothing behind: the same id can be recorded now.
	created(t, s, attempt("two"))
}

func unknownDocumentRegistered(t *testing.T, s Store) {
	unknown := &delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}}
	results, err := s.Record(t.Context(), []delivery.Attempt{attempt("one"), attempt("two", failed)}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		equal(t, "result", r.Result, delivery.Created)
	}
	d := document(t, s, documentID)
	equal(t, "stage", d.Stage, delivery.Reviewed)
	equal(t, "providers", providersOf(d), []string{"dynamics365", "sap"})

	// A conflict registers nothing.
	results, err = s.Record(t.Context(), []delivery.Attempt{attempt("one", on("other", "dynamics365"))}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "result", results[0].Result, delivery.Conflicting)
	_, err = s.Document(t.Context(), "other")
	isError(t, err, delivery.ErrDocumentNotFound)
}

func executionIDsAreCaseSensitive(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	created(t, s, attempt("a"), attempt("A"))
}

func sliceResults(t *testing.T, s Store) {
	reviewed(t, s, documentID, "other")
	original := created(t, s, attempt("recorded"))[0]
	results := record(t, s,
		attempt("recorded"),
		attempt("recorded", failed),
		attempt("new", on(documentID, "sap")),
		attempt("new", on(documentID, "sap")),
		attempt("new", on("other", "sap")),
		attempt("lost", on("nobody", "sap")),
		attempt("new", on("nobody", "sap")),
		attempt("another", on("other", "dynamics365")),
	)
	var got []delivery.Result
	for _, r := range results {
		got = append(got, r.Result)
	}
	equal(t, "results", got, []delivery.Result{
		delivery.Replayed, delivery.Conflicting, delivery.Created, delivery.Replayed, delivery.Conflicting,
		delivery.UnknownDocument, delivery.UnknownDocument, delivery.Created,
	})
	equal(t, "the replay", results[0].Attempt, original)
	equal(t, "the twin within the slice", results[3].Attempt, results[2].Attempt)
	equal(t, "the conflict within the slice", results[4].Differing, []string{"document_id"})
	equal(t, "history", len(history(t, s, delivery.AttemptQuery{})), 2)
	equal(t, "the other's history", len(history(t, s, delivery.AttemptQuery{DocumentID: "other"})), 1)
}

func newProviderAddsDelivery(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	created(t, s, attempt("one", on(documentID, "sap")))
	equal(t, "providers", providersOf(document(t, s, documentID)), []string{"dynamics365", "sap"})
}

func retiredProviderStaysRetired(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	put(t, s, documentID, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{}})
	created(t, s, attempt("one"))
	equal(t, "providers", providersOf(document(t, s, documentID)), []string{})
	equal(t, "history", len(history(t, s, delivery.AttemptQuery{})), 1)
}

func lateReport(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	stored := created(t, s,
		attempt("newer", at(attemptedAt.Add(time.Hour))),
		attempt("older, reported late", failed, at(attemptedAt)))
	d := theDelivery(t, s)
	equal(t, "last attempt", *d.LastAttempt, stored[0])
	equal(t, "tries", d.Standing.Tries, 1)
	equal(t, "state", d.Standing.State(time.Now()), delivery.DeliverySucceeded)
}

func clockAhead(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	stored := created(t, s,
		attempt("ahead", failed, at(delivery.NewInstant(time.Now().Add(23*time.Hour)))),
		attempt("right", at(delivery.NewInstant(time.Now().Add(time.Hour)))))
	equal(t, "last attempt", *theDelivery(t, s).LastAttempt, stored[1])
}

func hostileText(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	text := "'; DROP TABLE documents; --\r\n\x1b[31m<script>\u202e\u2028\U0001F4A3 \\u0041 %s ?"
	stored := created(t, s, attempt("'\"?$1", func(a *delivery.Attempt) { a.ErrorMessage, a.ErrorCode = text, text }))[0]
	equal(t, "message", stored.ErrorMessage, text)
	read, err := s.Attempt(t.Context(), stored.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "attempt", read, stored)
}

func recordedAtIncreases(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	var attempts []delivery.Attempt
	for i := range 20 {
		attempts = append(attempts, attempt(fmt.Sprint("together ", i)))
	}
	results := record(t, s, attempts...)
	for i := range results[1:] {
		if !results[i].Attempt.RecordedAt.Before(results[i+1].Attempt.RecordedAt) {
			t.Errorf("attempt %d was recorded at %v, the next at %v", i, results[i].Attempt.RecordedAt, results[i+1].Attempt.RecordedAt)
		}
	}
	// Among equals the one recorded last decides.
	equal(t, "last attempt", *theDelivery(t, s).LastAttempt, results[19].Attempt)
}

func everyStageRecords(t *testing.T, s Store) {
	for _, stage := range []delivery.Stage{delivery.Processing, delivery.ReviewRequired, delivery.Reviewed, delivery.StageFailed} {
		id := "document-" + string(stage)
		put(t, s, id, delivery.Registration{Stage: stage})
		created(t, s, attempt("in "+string(stage), on(id, "dynamics365")))
		d := document(t, s, id)
		equal(t, "stage", d.Stage, stage)
		equal(t, "state", d.Deliveries[0].Standing.State(time.Now()), delivery.DeliverySucceeded)
	}
}

// standingEqualsFold holds what is stored for speed against the pure function of the recorded facts.
func standingEqualsFold(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	source := rand.New(rand.NewPCG(1, 2))
	statuses := []delivery.Status{delivery.Succeeded, delivery.Failed, delivery.Skipped}
	want := delivery.Standing{Since: document(t, s, documentID).CreatedAt} // offered since it was registered
	for i := range 60 {
		a := attempt(fmt.Sprint("fold ", i), func(a *delivery.Attempt) {
			a.Status = statuses[source.IntN(len(statuses))]
			a.AttemptedAt = delivery.NewInstant(time.Now().Add(time.Duration(source.IntN(40)-30) * time.Minute))
		})
		want = want.Record(created(t, s, a)[0], false, delivery.DefaultRetry)
		equal(t, "standing", theDelivery(t, s).Standing, want)
	}
}
