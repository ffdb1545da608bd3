package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

const unknownClaim = "clm_AAAAAAAAAAAAAAAAAAAAAAAAAA"

func (a *api) post(path, body string, changes ...change) answer {
	a.t.Helper()
	return a.do(http.MethodPost, path, []byte(body), changes...)
}

// claims claims what is due for dynamics365, as the members say.
func (a *api) claims(members string, changes ...change) []map[string]any {
	a.t.Helper()
	return objects(a.post("/v1/delivery/claims", `{"provider":"dynamics365"`+members+`}`, changes...).wants(a.t, http.StatusOK)["data"])
}

func objects(list any) []map[string]any {
	var all []map[string]any
	for _, one := range list.([]any) {
		all = append(all, one.(map[string]any))
	}
	return all
}

func (a *api) extend(executionID, body string, changes ...change) answer {
	a.t.Helper()
	return a.post("/v1/delivery/claims/"+executionID+"/extend", body, changes...)
}

func (a *api) release(executionID string, changes ...change) answer {
	a.t.Helper()
	return a.do(http.MethodPost, "/v1/delivery/claims/"+executionID+"/release", nil, changes...)
}

func (a *api) requeue(members string, changes ...change) answer {
	a.t.Helper()
	return a.post("/v1/documents/"+documentID+"/actions/retry-push", `{"provider":"dynamics365"`+members+`}`, changes...)
}

// delivery reads the one delivery of documentID.
func (a *api) delivery() map[string]any {
	a.t.Helper()
	return objects(a.get("/v1/documents/"+documentID).wants(a.t, http.StatusOK)["deliveries"])[0]
}

// all reads a list page by page, and returns one member of each.
func (a *api) all(path, member string) (values []string) {
	a.t.Helper()
	for cursor := ""; ; {
		page := a.get(path+cursor).wants(a.t, http.StatusOK)
		for _, one := range objects(page["data"]) {
			values = append(values, one[member].(string))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			return values
		}
		cursor = "&cursor=" + next
	}
}

func TestOutbox_ListsOldestDueFirstAndClaimsNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		want := []string{documentID}
		for i := range 4 {
			id := fmt.Sprint("doc_", i)
			a.register(id)
			want = append(want, id)
		}
		a.put("not-reviewed", `{"status":"processing","providers":["dynamics365"]}`).wants(t, http.StatusCreated)
		for _, limit := range []string{"1", "2", "5", "100", "2"} {
			if got := a.all("/v1/delivery/outbox?provider=dynamics365&limit="+limit, "document_id"); !slices.Equal(got, want) {
				t.Errorf("by %s: %v, want %v", limit, got, want)
			}
		}
		if got := a.all("/v1/delivery/outbox?provider=sap", "document_id"); got != nil {
			t.Errorf("sap has %v", got)
		}
	})
}

func TestLists_RefuseCursorsOfOtherLists(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for i := range 2 {
			a.register(fmt.Sprint("doc_", i))
			a.report(good(fmt.Sprint("run-", i), "")).wants(t, http.StatusCreated)
		}
		lists := []string{
			"/v1/delivery/outbox?provider=dynamics365", "/v1/delivery/outbox?provider=sap",
			"/v1/deliveries?provider=dynamics365", "/v1/deliveries?provider=dynamics365&state=ready", "/v1/deliveries?limit=1",
			"/v1/delivery/attempts?limit=1", "/v1/delivery/attempts?provider=dynamics365", "/v1/delivery/attempts?document_id=" + documentID,
			"/v1/documents/" + documentID + "/delivery?limit=1", "/v1/delivery/attempts?error_code=x", "/v1/delivery/attempts?request_id=x",
			"/v1/delivery/attempts?external_record_id=x", "/v1/deliveries?external_id=dynamics365",
		}
		found := 0
		for _, of := range lists {
			cursor, more := a.get(of+map[bool]string{false: "&limit=1"}[strings.Contains(of, "limit")]).wants(t, http.StatusOK)["next_cursor"].(string)
			if !more {
				continue
			}
			found++
			for _, list := range lists {
				got := a.get(list + "&cursor=" + cursor)
				if list == of {
					got.wants(t, http.StatusOK)
				} else {
					got.wantsError(t, http.StatusBadRequest, "invalid_payload", "cursor")
				}
			}
		}
		if found != 8 {
			t.Errorf("%d of the lists have a second page, want 8", found)
		}
	})
}

func TestClaim_HandsOutOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.register("other")
		claimed := a.claims(`,"limit":1,"lease_seconds":60,"worker":"w-1"`)
		if len(claimed) != 1 || claimed[0]["document_id"] != documentID || claimed[0]["status"] != "push_pending" || claimed[0]["tries"] != 1.0 {
			t.Fatalf("claimed %v", claimed)
		}
		d := a.delivery()
		by := d["claimed_by"].(map[string]any)
		if d["state"] != "pending" || d["tries"] != 1.0 || d["due_at"] != nil || by["worker"] != "w-1" || by["name"] != "crm-worker" ||
			d["lease_expires_at"] != claimed[0]["lease_expires_at"] {
			t.Errorf("the delivery is %v", d)
		}
		if again := a.claims(`,"limit":100`); len(again) != 1 || again[0]["document_id"] != "other" {
			t.Errorf("the next claim got %v", again)
		}
		if none := a.post("/v1/delivery/claims", `{"provider":"dynamics365"}`); string(none.body) != `{"data":[]}`+"\n" {
			t.Errorf("the last one got %s", none.body)
		}
		if ids := a.all("/v1/delivery/outbox?provider=dynamics365", "document_id"); ids != nil {
			t.Errorf("the outbox holds %v", ids)
		}
	})
}

func TestClaim_IsSettledByItsReport(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		id := a.claims("")[0]["execution_id"].(string)
		a.report(reportBody(id)).wants(t, http.StatusCreated)
		a.report(reportBody(id)).wants(t, http.StatusOK)
		d := a.delivery()
		if d["state"] != "succeeded" || d["tries"] != 1.0 || d["claimed_by"] != nil || d["lease_expires_at"] != nil || d["due_at"] != nil {
			t.Errorf("the delivery is %v", d)
		}
		a.extend(id, `{}`).wantsError(t, http.StatusConflict, "claim_over")
		a.release(id).wantsError(t, http.StatusConflict, "claim_over")
	})
}

func TestClaim_ThatRanOut_IsOverAndItsReportIsRecorded(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		id := a.claims(`,"lease_seconds":10`)[0]["execution_id"].(string)
		a.store.SetClockOffset(5 * time.Second)
		a.extend(id, `{"lease_seconds":10}`).wants(t, http.StatusOK)
		a.store.SetClockOffset(14 * time.Second)
		if d := a.delivery(); d["state"] != "pending" {
			t.Errorf("extended, the delivery is %v", d)
		}
		a.store.SetClockOffset(16 * time.Second)
		a.extend(id, `{}`).wantsError(t, http.StatusConflict, "claim_over")
		a.release(id).wantsError(t, http.StatusConflict, "claim_over")
		if d := a.delivery(); d["state"] != "ready" || d["tries"] != 1.0 || d["due_at"] == nil || d["claimed_by"] != nil || d["lease_expires_at"] != nil {
			t.Errorf("the delivery is %v", d)
		}
		a.report(reportBody(id)).wants(t, http.StatusCreated)
		if got := a.status(documentID); got != "push_succeeded" {
			t.Errorf("status is %s", got)
		}
	})
}

func TestClaim_Released_IsDueAsBeforeUnderTheSameKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		due := a.delivery()["due_at"]
		first := a.claims("")[0]
		id := first["execution_id"].(string)
		released := a.release(id)
		if claim := released.wants(t, http.StatusOK); claim["lease_expires_at"] != nil || claim["released_at"] == nil {
			t.Errorf("released: %v", claim)
		}
		if d := a.delivery(); d["state"] != "ready" || d["tries"] != 0.0 || d["due_at"] != due || first["due_at"] != due {
			t.Errorf("the delivery is %v, was due at %v", d, due)
		}
		if again := a.release(id); again.status != http.StatusOK || string(again.body) != string(released.body) {
			t.Errorf("released again: %d %s, before %s", again.status, again.body, released.body)
		}
		a.extend(id, `{}`).wantsError(t, http.StatusConflict, "claim_over")
		second := a.claims("")[0]
		if second["delivery_key"] != first["delivery_key"] || second["execution_id"] == first["execution_id"] {
			t.Errorf("claimed %v, then %v", first, second)
		}
	})
}

func TestClaim_OfAnotherPrincipal_IsNotFound(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		other := with("Authorization", "Bearer "+a.newKey(apikey.Scopes(), time.Time{}))
		id := a.claims("")[0]["execution_id"].(string)
		a.extend(id, `{}`, other).wantsError(t, http.StatusNotFound, "not_found")
		a.release(id, other).wantsError(t, http.StatusNotFound, "not_found")
		a.extend(unknownClaim, `{}`).wantsError(t, http.StatusNotFound, "not_found")
		a.release(unknownClaim).wantsError(t, http.StatusNotFound, "not_found")
		if d := a.delivery(); d["state"] != "pending" {
			t.Errorf("the delivery is %v", d)
		}
		a.release(id).wants(t, http.StatusOK)
	})
}

func TestRequeue_StartsAnewAndSaysWho(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		first := a.claims("")[0]
		a.requeue("").wantsError(t, http.StatusConflict, "conflict")
		a.report(good(first["execution_id"].(string), "")).wants(t, http.StatusCreated)
		d := a.requeue(`,"reason":"once more, <now>"`).wants(t, http.StatusOK)
		by := d["requeued"].(map[string]any)
		if d["state"] != "ready" || d["tries"] != 0.0 || d["last_attempt"] != nil || d["due_at"] == nil || by["reason"] != "once more, <now>" ||
			by["by"].(map[string]any)["name"] != "crm-worker" {
			t.Errorf("requeued: %v", d)
		}
		if read := a.delivery(); fmt.Sprint(read) != fmt.Sprint(d) {
			t.Errorf("answered %v, reads %v", d, read)
		}
		if again := a.requeue(`,"reason":"nobody hears"`).wants(t, http.StatusOK); fmt.Sprint(again) != fmt.Sprint(d) {
			t.Errorf("requeued again, when it is due: %v, was %v", again, d)
		}
		second := a.claims("")[0]
		if second["delivery_key"] == first["delivery_key"] {
			t.Error("requeued, it has the same delivery key")
		}
		a.report(reportBody(second["execution_id"].(string))).wants(t, http.StatusCreated)
		for _, members := range []string{"", `,"force":false`} {
			got := a.requeue(members)
			got.wantsError(t, http.StatusConflict, "conflict")
			if !strings.Contains(got.problem(t).Message, "force: true") {
				t.Errorf("the message does not say what to do: %s", got.body)
			}
		}
		if d := a.requeue(`,"force":true,"reason":null`).wants(t, http.StatusOK); d["state"] != "ready" || d["requeued"].(map[string]any)["reason"] != nil {
			t.Errorf("forced: %v", d)
		}
		if got := a.status(documentID); got != "push_pending" {
			t.Errorf("status is %s", got)
		}
	})
}

// asked is a store that keeps the requeue that it is asked for.
type asked struct {
	delivery.Store
	requeue delivery.Requeue
}

func (s *asked) Requeue(_ context.Context, requeue delivery.Requeue) (delivery.Delivery, error) {
	s.requeue = requeue
	return delivery.Delivery{}, delivery.ErrSettled
}

func TestRequeue_IsKeptWithItsRequestAndItsKey(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	store := &asked{Store: a.store}
	a.serve(delivery.NewService(store, delivery.Settings{}, time.Now), a.store, a.store.Ready)
	a.requeue(`,"reason":"why"`, with("x-request-id", "who-1")).wantsError(t, http.StatusConflict, "conflict")
	id, _ := apikey.ParseID(a.key)
	want := delivery.Requeue{
		ID: store.requeue.ID, DocumentID: documentID, Provider: "dynamics365", Reason: "why",
		By: delivery.Principal{KeyID: id, Name: "crm-worker"}, RequestID: "who-1",
	}
	if store.requeue != want {
		t.Errorf("asked for %+v, want %+v", store.requeue, want)
	}
}

func TestRequeue_OfNothing_Is404(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.post("/v1/documents/unknown/actions/retry-push", `{"provider":"dynamics365"}`).wantsError(t, http.StatusNotFound, "not_found")
		a.post("/v1/documents/"+documentID+"/actions/retry-push", `{"provider":"sap"}`).wantsError(t, http.StatusNotFound, "not_found")
		a.report(good("one", "")).wants(t, http.StatusCreated)
		a.put(documentID, `{"status":"reviewed","providers":[]}`).wants(t, http.StatusOK)
		got := a.requeue("")
		got.wantsError(t, http.StatusNotFound, "not_found")
		if message := got.problem(t).Message; !strings.Contains(message, "provider") {
			t.Errorf("of a retired one: %s", message)
		}
	})
}

func TestListDeliveries(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.put("doc_1", `{"status":"reviewed","external_id":"erp-1","providers":["dynamics365","sap"]}`).wants(t, http.StatusCreated)
		a.put("doc_2", `{"status":"reviewed","external_id":"erp-2","providers":["odoo"]}`).wants(t, http.StatusCreated)
		a.put("doc_2", `{"status":"reviewed","external_id":"erp-2","providers":[]}`).wants(t, http.StatusOK)
		a.report(good("one", "")).wants(t, http.StatusCreated)
		a.claims("")
		for query, want := range map[string][]string{
			"?limit=1":                              {"doc_1", documentID, "doc_1"},
			"?provider=sap":                         {"doc_1"},
			"?state=failed":                         {documentID},
			"?state=ready":                          {"doc_1"},
			"?state=pending":                        {"doc_1"},
			"?state=exhausted":                      nil,
			"?external_id=erp-1&limit=1":            {"doc_1", "doc_1"},
			"?external_id=erp-1&provider=sap":       {"doc_1"},
			"?external_id=erp-2":                    nil,
			"?provider=dynamics365&state=succeeded": nil,
		} {
			if got := a.all("/v1/deliveries"+query, "document_id"); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
	})
}

func TestListDeliveryAttempts(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.register("other")
		a.report(good("one", `,"error_code":"crm 429"`), with("x-request-id", "request-1")).wants(t, http.StatusCreated)
		a.post("/v1/documents/other/delivery", strings.Replace(good("two", ""), "dynamics365", "sap", 1)).wants(t, http.StatusCreated)
		recordedAt := a.report(reportBody("three")).wants(t, http.StatusCreated)["recorded_at"].(string)
		for query, want := range map[string][]string{
			"?limit=1":                        {"three", "two", "one"},
			"?document_id=" + documentID:      {"three", "one"},
			"?document_id=unknown":            nil,
			"?provider=sap":                   {"two"},
			"?status=failed&limit=1":          {"two", "one"},
			"?execution_id=two":               {"two"},
			"?external_record_id=crm-row-001": {"three"},
			"?error_code=crm%20429":           {"one"},
			"?request_id=request-1":           {"one"},
			"?since=" + recordedAt:            {"three"},
			"?until=" + recordedAt:            {"two", "one"},
			"?status=failed&document_id=other&provider=sap&execution_id=two": {"two"},
			"?status=succeeded&error_code=crm%20429":                         nil,
		} {
			if got := a.all("/v1/delivery/attempts"+query, "execution_id"); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
	})
}

func TestOutbox_WhereSettingsNameTheProviders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, databaseURL string) {
		a := newAPI(t, databaseURL, delivery.Settings{Providers: []string{"sap"}})
		a.put(documentID, `{"status":"reviewed"}`).wants(t, http.StatusCreated)
		got := a.post("/v1/delivery/claims", `{"provider":"dynamics365"}`)
		got.wantsError(t, http.StatusUnprocessableEntity, "invalid_value", "provider")
		if ids := a.all("/v1/delivery/outbox?provider=dynamics365", "document_id"); ids != nil {
			t.Errorf("the outbox of a provider that is not named holds %v", ids)
		}
		claimed := a.post("/v1/delivery/claims", `{"provider":"sap"}`).wants(t, http.StatusOK)
		if len(objects(claimed["data"])) != 1 {
			t.Errorf("claimed %v", claimed)
		}
	})
}

// A whole number is one however it is spelled, and what is left out is as the contract says.
func TestClaim_NumbersInOtherSpelling(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for i := range 12 {
			a.register(fmt.Sprint("doc_", i))
		}
		if got := a.claims(`,"limit":1e1,"lease_seconds":60.0`); len(got) != 10 {
			t.Errorf("claimed %d, want 10", len(got))
		}
		one := a.claims("")
		if len(one) != 1 {
			t.Fatalf("claimed %d, want 1", len(one))
		}
		until := a.extend(one[0]["execution_id"].(string), `{}`).wants(t, http.StatusOK)["lease_expires_at"].(string)
		end, err := time.Parse(time.RFC3339, until)
		check(t, err)
		if left := time.Until(end); left < 4*time.Minute || left > 6*time.Minute {
			t.Errorf("the lease lasts %v", left)
		}
	})
}
