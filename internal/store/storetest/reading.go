package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/numora/delivery/internal/delivery"
)

func attemptUnknown(t *testing.T, s Store) {
	_, err := s.Attempt(t.Context(), "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55")
	isError(t, err, delivery.ErrAttemptNotFound)
}

func attemptsFilterAndPage(t *testing.T, s Store) {
	reviewed(t, s, documentID, "other")
	created(t, s, attempt("elsewhere", on("other", "dynamics365")))
	var all []delivery.Attempt
	for i := range 7 {
		a := attempt(fmt.Sprint("run-", i), func(a *delivery.Attempt) {
			if i%2 == 1 {
				a.Status = delivery.Failed
			}
			if i >= 5 {
				a.Provider = "sap"
			}
		})
		all = append(all, created(t, s, a)...)
	}
	newestFirst := slices.Clone(all)
	slices.Reverse(newestFirst)

	equal(t, "by another's external record", len(history(t, s, delivery.AttemptQuery{ExternalRecordID: "crm-row-002"})), 0)
	equal(t, "by external record, and the rest", history(t, s, delivery.AttemptQuery{
		ExternalRecordID: "crm-row-001", ErrorCode: "none", RequestID: "request-1", ExecutionID: "run-4", Provider: "dynamics365",
	}), []delivery.Attempt{all[4]})
	for name, query := range map[string]delivery.AttemptQuery{
		"external record": {ExternalRecordID: "crm-row-001", Limit: 100}, "error code": {ErrorCode: "none", Limit: 100},
		"request": {RequestID: "request-1", Limit: 100}, "nothing": {Limit: 100},
	} {
		page, err := s.Attempts(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "across documents, by "+name, page.Attempts[:7], newestFirst)
		equal(t, "how many across documents, by "+name, len(page.Attempts), 8)
	}

	equal(t, "all", history(t, s, delivery.AttemptQuery{}), newestFirst)
	equal(t, "by provider", history(t, s, delivery.AttemptQuery{Provider: "sap"}), newestFirst[:2])
	equal(t, "by status", history(t, s, delivery.AttemptQuery{Status: delivery.Failed}), []delivery.Attempt{all[5], all[3], all[1]})
	equal(t, "by execution id", history(t, s, delivery.AttemptQuery{ExecutionID: "run-3"}), []delivery.Attempt{all[3]})
	equal(t, "by another document's execution id", len(history(t, s, delivery.AttemptQuery{ExecutionID: "elsewhere"})), 0)
	equal(t, "since is inclusive", history(t, s, delivery.AttemptQuery{Since: all[4].RecordedAt}), newestFirst[:3])
	equal(t, "until is exclusive", history(t, s, delivery.AttemptQuery{Until: all[4].RecordedAt}), newestFirst[3:])

	for limit := 1; limit <= 8; limit++ {
		var paged []delivery.Attempt
		query := delivery.AttemptQuery{DocumentID: documentID, Limit: limit}
		for {
			page, err := s.Attempts(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Attempts) > limit {
				t.Fatalf("a page of %d holds %d", limit, len(page.Attempts))
			}
			paged = append(paged, page.Attempts...)
			// What arrives meanwhile is newer, and does not disturb the pages.
			if len(paged) == limit {
				created(t, s, attempt(fmt.Sprint("meanwhile ", limit), on(documentID, "meanwhile")))
			}
			if page.Next == nil {
				break
			}
			query.After = page.Next
		}
		paged = slices.DeleteFunc(paged, func(a delivery.Attempt) bool { return a.Provider == "meanwhile" })
		equal(t, fmt.Sprint("pages of ", limit), paged, newestFirst)
	}
}

func attemptsUnknownDocument(t *testing.T, s Store) {
	query := delivery.AttemptQuery{DocumentID: "nobody", Limit: 1}
	page, err := s.Attempts(t.Context(), query)
	if err != nil || len(page.Attempts) > 0 {
		t.Errorf("across documents: %+v, error %v", page, err)
	}
	query.OfDocument = true
	_, err = s.Attempts(t.Context(), query)
	isError(t, err, delivery.ErrDocumentNotFound)
	reviewed(t, s, documentID)
	equal(t, "a document without attempts", len(history(t, s, delivery.AttemptQuery{})), 0)
}

func putDocument(t *testing.T, s Store) {
	metadata := []byte(`{"b":1.0,"a":12345678901234567891,"t":"\u003c<é\u0041"}`)
	full := delivery.Registration{
		Schema: "invoice", Stage: delivery.Processing, ExternalID: "erp-1", Metadata: metadata,
		ResultURL: "https://numora.example/r/1", Providers: []string{"sap", "dynamics365"},
	}
	d, isNew, err := s.PutDocument(t.Context(), documentID, full, []string{"default"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "new", isNew, true)
	equal(t, "what Document reads", asStored(document(t, s, documentID)), asStored(d))
	equal(t, "metadata", string(d.Metadata), string(metadata))
	equal(t, "providers, in order", []string{d.Deliveries[0].Provider, d.Deliveries[1].Provider}, []string{"dynamics365", "sap"})
	equal(t, "a new delivery", d.Deliveries[0], delivery.Delivery{
		DocumentID: documentID, Provider: "dynamics365", UpdatedAt: d.CreatedAt, AsOf: d.AsOf, // it is not reviewed yet
		Standing: delivery.Standing{Since: d.CreatedAt, Resting: delivery.Ready, DueAt: d.CreatedAt},
	})

	refreshed, isNew, err := s.PutDocument(t.Context(), documentID, delivery.Registration{Stage: delivery.Reviewed}, []string{"default"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "new", isNew, false)
	if !refreshed.UpdatedAt.After(d.UpdatedAt) {
		t.Errorf("updated at %v, after %v", refreshed.UpdatedAt, d.UpdatedAt)
	}
	for i := range d.Deliveries {
		reviewed := refreshed.Deliveries[i].UpdatedAt
		d.Deliveries[i].UpdatedAt, d.Deliveries[i].Offered = reviewed, true
		d.Deliveries[i].Standing.Since, d.Deliveries[i].Standing.DueAt = reviewed, reviewed
	}
	equal(t, "refreshed", asStored(refreshed), asStored(delivery.Document{
		ID: documentID, Stage: delivery.Reviewed, CreatedAt: d.CreatedAt, UpdatedAt: refreshed.UpdatedAt, Deliveries: d.Deliveries,
	}))

	defaulted, _, err := s.PutDocument(t.Context(), "other", delivery.Registration{Stage: delivery.Reviewed}, []string{"default"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "default providers", providersOf(defaulted), []string{"default"})
	none := put(t, s, "third", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{}})
	equal(t, "no providers", providersOf(none), []string{})
}

func putEqual(t *testing.T, s Store) {
	registration := delivery.Registration{Schema: "invoice", Stage: delivery.Reviewed, Metadata: []byte(`{}`), Providers: []string{"sap"}}
	first := put(t, s, documentID, registration)
	equal(t, "document", asStored(put(t, s, documentID, registration)), asStored(first))
	registration.Providers = nil
	equal(t, "document, providers left out", asStored(put(t, s, documentID, registration)), asStored(first))
}

func putProviders(t *testing.T, s Store) {
	registration := func(providers ...string) delivery.Registration {
		return delivery.Registration{Stage: delivery.Reviewed, Providers: providers}
	}
	first := put(t, s, documentID, registration("dynamics365", "sap"))
	a := created(t, s, attempt("one", failed))[0]
	before := theDeliveryOf(t, s, "dynamics365")

	retired := put(t, s, documentID, registration("sap", "odoo"))
	equal(t, "providers", providersOf(retired), []string{"odoo", "sap"})
	equal(t, "status", retired.Status(), delivery.StatusReviewed)
	equal(t, "attempts stay readable", history(t, s, delivery.AttemptQuery{}), []delivery.Attempt{a})
	if !retired.UpdatedAt.After(first.UpdatedAt) {
		t.Error("retiring a provider does not count as a change")
	}

	back := put(t, s, documentID, registration("dynamics365", "sap"))
	equal(t, "providers", providersOf(back), []string{"dynamics365", "sap"})
	equal(t, "status", back.Status(), delivery.PushFailed)
	after := theDeliveryOf(t, s, "dynamics365")
	before.Standing.Since = after.Standing.Since // it is offered from now on
	equal(t, "standing", after.Standing, before.Standing)
	equal(t, "last attempt", after.LastAttempt, before.LastAttempt)
}

func theDeliveryOf(t *testing.T, s Store, provider string) delivery.Delivery {
	t.Helper()
	for _, d := range document(t, s, documentID).Deliveries {
		if d.Provider == provider {
			return d
		}
	}
	t.Fatalf("no delivery to %s", provider)
	return delivery.Delivery{}
}

func documentUnknown(t *testing.T, s Store) {
	_, err := s.Document(t.Context(), "nobody")
	isError(t, err, delivery.ErrDocumentNotFound)
}

func ready(t *testing.T, s Store) {
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
