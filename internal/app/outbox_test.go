package app_test

import (
	"fmt"
	"net/http"
	"slices"
)

// due is an item of an outbox, or of a claim.
type due struct {
	DocumentID     string `json:"document_id"`
	Status         string
	Tries          int
	DueAt          string `json:"due_at"`
	ExecutionID    string `json:"execution_id"`
	DeliveryKey    string `json:"delivery_key"`
	LeaseExpiresAt string `json:"lease_expires_at"`
}

type dueList struct {
	Data       []due
	NextCursor *string `json:"next_cursor"`
}

// The whole way of a delivery that its first worker gives back, its second fails at, and a person sends again.
func takesFromTheOutbox(u users) {
	const path, claims = "/v1/documents/invoice-6", "/v1/delivery/claims"
	u.registrar.gets(http.StatusCreated, http.MethodPut, path, `{"schema":"invoice","status":"reviewed","metadata":{"total":12},"providers":["odoo"]}`)
	claim := func() due {
		u.Helper()
		got := u.worker.gets(http.StatusOK, http.MethodPost, claims, `{"provider":"odoo","limit":5,"lease_seconds":60,"worker":"odoo-1"}`)
		claimed := decode[dueList](u.T, got).Data
		if len(claimed) != 1 || claimed[0].DocumentID != "invoice-6" || claimed[0].Status != "push_pending" {
			u.Fatalf("claimed %s", got.body)
		}
		return claimed[0]
	}
	report := func(execution, outcome string) {
		u.Helper()
		u.worker.gets(http.StatusCreated, http.MethodPost, path+"/delivery", fmt.Sprintf(
			`{"provider":"odoo","execution_id":%q,"attempted_at":"2026-03-24T03:00:00Z",%s}`, execution, outcome))
	}
	shows := func(status string, deliveries ...string) {
		u.Helper()
		got := decode[document](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, path, ""))
		if got.Status != status || !slices.Equal(got.deliveries(), deliveries) {
			u.Errorf("it is %s with %q, want %s with %q", got.Status, got.deliveries(), status, deliveries)
		}
	}

	listed := u.auditor.gets(http.StatusOK, http.MethodGet, "/v1/delivery/outbox?provider=odoo", "")
	if items := decode[dueList](u.T, listed); len(items.Data) != 1 || items.Data[0].Status != "reviewed" || items.NextCursor != nil {
		u.Errorf("the outbox is %s", listed.body)
	}
	first := claim()
	shows("push_pending", "odoo pending after 1 by nothing")
	if none := u.worker.gets(http.StatusOK, http.MethodPost, claims, `{"provider":"odoo"}`); len(decode[dueList](u.T, none).Data) > 0 {
		u.Errorf("claimed twice: %s", none.body)
	}
	u.operator.gets(http.StatusConflict, http.MethodPost, path+"/actions/retry-push", `{"provider":"odoo"}`)
	u.worker.gets(http.StatusOK, http.MethodPost, claims+"/"+first.ExecutionID+"/extend", `{"lease_seconds":600}`)
	u.worker.gets(http.StatusOK, http.MethodPost, claims+"/"+first.ExecutionID+"/release", "")
	u.worker.gets(http.StatusConflict, http.MethodPost, claims+"/"+first.ExecutionID+"/extend", `{}`)
	shows("push_pending", "odoo ready after 0 by nothing")

	second := claim()
	if second.DeliveryKey != first.DeliveryKey || second.ExecutionID == first.ExecutionID || second.DueAt != first.DueAt {
		u.Errorf("claimed as %+v, then as %+v", first, second)
	}
	report(second.ExecutionID, `"status":"failed","error_code":"odoo_busy"`)
	shows("push_failed", "odoo failed after 1 by "+second.ExecutionID)
	u.operator.gets(http.StatusOK, http.MethodPost, path+"/actions/retry-push", `{"provider":"odoo","reason":"It is back."}`)
	shows("push_pending", "odoo ready after 0 by nothing")

	third := claim()
	if third.DeliveryKey == first.DeliveryKey {
		u.Errorf("requeued, it has the key %s still", third.DeliveryKey)
	}
	report(third.ExecutionID, `"status":"succeeded","external_record_id":"odoo-row-1"`)
	shows("push_succeeded", "odoo succeeded after 1 by "+third.ExecutionID)
	u.worker.gets(http.StatusConflict, http.MethodPost, claims+"/"+third.ExecutionID+"/release", "")
	u.operator.gets(http.StatusConflict, http.MethodPost, path+"/actions/retry-push", `{"provider":"odoo"}`)

	// What was requeued away stays in the history, of this document and of all.
	want := []string{third.ExecutionID, second.ExecutionID}
	for _, history := range []string{path + "/delivery?provider=odoo", "/v1/delivery/attempts?provider=odoo"} {
		if got := u.history(history, ""); !slices.Equal(got, want) {
			u.Errorf("%s finds %v, want %v", history, got, want)
		}
	}
	found := u.auditor.gets(http.StatusOK, http.MethodGet, "/v1/deliveries?provider=odoo&state=succeeded", "")
	if data := decode[dueList](u.T, found).Data; len(data) != 1 || data[0].DocumentID != "invoice-6" || data[0].Tries != 1 {
		u.Errorf("listed as %s", found.body)
	}
}
