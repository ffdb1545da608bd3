package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/delivery"
)

// page reads one page of documentID's attempts: their execution ids and the next cursor.
func (a *api) page(query url.Values) (ids []string, next string) {
	a.t.Helper()
	body := a.get("/v1/documents/"+documentID+"/delivery?"+query.Encode()).wants(a.t, http.StatusOK)
	for _, attempt := range body["data"].([]any) {
		ids = append(ids, attempt.(map[string]any)["execution_id"].(string))
	}
	next, _ = body["next_cursor"].(string)
	return ids, next
}

func TestList_PagesNewestRecordedFirst(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		var want []string
		for i := range 25 {
			id := fmt.Sprintf("run-%02d", i)
			a.report(good(id, "")).wants(t, http.StatusCreated)
			want = append([]string{id}, want...)
		}
		ids, next := a.page(url.Values{})
		if len(ids) != 20 || next == "" {
			t.Errorf("by default a page holds %d, next is %q", len(ids), next)
		}
		for _, limit := range []string{"1", "7", "25", "100"} {
			var got []string
			query := url.Values{"limit": {limit}, "provider": {"dynamics365"}, "since": {"2026-01-01T00:00:00+01:00"}}
			for {
				ids, next := a.page(query)
				got = append(got, ids...)
				if next == "" {
					break
				}
				query.Set("cursor", next)
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %s hold %v", limit, got)
			}
		}
		if ids, next := a.page(url.Values{"execution_id": {"run-03"}}); !slices.Equal(ids, []string{"run-03"}) || next != "" {
			t.Errorf("by execution id: %v, next %q", ids, next)
		}
		empty := a.get("/v1/documents/" + documentID + "/delivery?status=skipped")
		empty.wants(t, http.StatusOK)
		if string(empty.body) != `{"data":[],"next_cursor":null}`+"\n" {
			t.Errorf("an empty list is %s", empty.body)
		}
	})
}

func TestList_RefusesCursorsOfOtherLists(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.register("other")
		for i := range 3 {
			a.report(good(fmt.Sprint("run-", i), "")).wants(t, http.StatusCreated)
		}
		_, cursor := a.page(url.Values{"limit": {"1"}, "status": {"failed"}})
		if ids, _ := a.page(url.Values{"limit": {"2"}, "status": {"failed"}, "cursor": {cursor}}); len(ids) != 2 {
			t.Errorf("another limit: %v", ids)
		}
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		check(t, err)
		for i := range raw {
			altered := slices.Clone(raw)
			altered[i] ^= 1
			a.get("/v1/documents/"+documentID+"/delivery?status=failed&cursor="+base64.RawURLEncoding.EncodeToString(altered)).
				wantsError(t, http.StatusBadRequest, "invalid_payload", "cursor")
		}
		for _, path := range []string{
			documentID + "/delivery?cursor=" + cursor,
			documentID + "/delivery?status=skipped&cursor=" + cursor,
			documentID + "/delivery?status=failed&provider=dynamics365&cursor=" + cursor,
			documentID + "/delivery?status=failed&since=2026-01-01T00:00:00Z&cursor=" + cursor,
			documentID + "/delivery?status=failed&execution_id=run-0&cursor=" + cursor,
			documentID + "/delivery?status=failed&cursor=" + cursor + "A",
			documentID + "/delivery?status=failed&cursor=" + cursor[:len(cursor)-2],
			"other/delivery?status=failed&cursor=" + cursor,
		} {
			a.get("/v1/documents/"+path).wantsError(t, http.StatusBadRequest, "invalid_payload", "cursor")
		}
	})
}

func TestAttempt_Unknown_Is404(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.get("/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55").wantsError(t, http.StatusNotFound, "not_found")
		a.get("/v1/delivery/attempts/019D1D1A-7F00-7C1B-8A52-3B1F0E6D9C55").wantsError(t, http.StatusBadRequest, "invalid_payload", "attempt_id")
	})
}

func TestPutDocument_KeepsWhatWasSent(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		metadata := `{"z":12345678901234567891,"a":1.0,"e":1E+2,"text":"<b>&\u00e9\ud83d\udca3\/","nested":{"b":[1,{}],"a":null},"":0}`
		body := `{"schema":"invoice","status":"reviewed","external_id":"erp-1","metadata": ` + metadata +
			`,"result_url":"https://numora.example/r?a=1&b=2","providers":["sap","dynamics365"]}`
		first := a.put("doc_1", body)
		document := first.wants(t, http.StatusCreated)
		if !strings.Contains(string(first.body), `"metadata":`+metadata) || !strings.Contains(string(first.body), "r?a=1&b=2") {
			t.Errorf("came back as %s", first.body)
		}
		for member, want := range map[string]any{"id": "doc_1", "schema": "invoice", "status": "reviewed", "external_id": "erp-1"} {
			if document[member] != want {
				t.Errorf("%s is %v, want %v", member, document[member], want)
			}
		}
		again := a.put("doc_1", body)
		again.wants(t, http.StatusOK)
		if string(again.body) != string(first.body) {
			t.Errorf("sent again, it became %s", again.body)
		}
		read := a.get("/v1/documents/doc_1")
		if string(read.body) != string(first.body) {
			t.Errorf("read as %s", read.body)
		}
		cleared := a.put("doc_1", `{"status":"reviewed","metadata":null,"schema":null,"providers":null}`).wants(t, http.StatusOK)
		for _, member := range []string{"schema", "external_id", "metadata", "result_url"} {
			if got, given := cleared[member]; !given || got != nil {
				t.Errorf("%s is %v after it was left out", member, got)
			}
		}
		if deliveries := cleared["deliveries"].([]any); len(deliveries) != 2 {
			t.Errorf("without providers it has %d deliveries, want 2", len(deliveries))
		}
		if d := a.put("doc_1", `{"status":"reviewed","providers":[]}`).wants(t, http.StatusOK)["deliveries"].([]any); len(d) != 0 {
			t.Errorf("with no providers it has %v", d)
		}
	})
}

func TestPutDocument_BadInput(t *testing.T) {
	large := func(bytes int) string { // metadata of exactly so many bytes
		return `{"status":"reviewed","metadata":{"a":"` + strings.Repeat("x", bytes-len(`{"a":""}`)) + `"}}`
	}
	deep := func(depth int) string { // a body nested exactly so deep
		return `{"status":"reviewed","metadata":` + strings.Repeat(`{"a":`, depth-1) + "1" + strings.Repeat("}", depth)
	}
	eachEngine(t, func(t *testing.T, a *api) {
		for body, field := range map[string]string{
			deep(33):                            "",
			`{}`:                                "status",
			`{"status":"push_failed"}`:          "status",
			`{"status":null}`:                   "status",
			`{"status":"reviewed","x":1}`:       "x",
			`{"status":"reviewed","schema":""}`: "schema",
			`{"status":"reviewed","schema":1}`:  "schema",
			`{"status":"reviewed","external_id":"a\nb"}`:                               "external_id",
			`{"status":"reviewed","result_url":"javascript:1"}`:                        "result_url",
			`{"status":"reviewed","metadata":[]}`:                                      "metadata",
			`{"status":"reviewed","metadata":"{}"}`:                                    "metadata",
			`{"status":"reviewed","metadata":{"a":1,"a":2}}`:                           "metadata/a",
			`{"status":"reviewed","metadata":{"a":"\u0000"}}`:                          "metadata/a",
			`{"status":"reviewed","metadata":{"b":{"a\u0000":1}}}`:                     "metadata/b",
			`{"status":"reviewed","metadata":{"a":1e400}}`:                             "metadata/a",
			`{"status":"reviewed","providers":"sap"}`:                                  "providers",
			`{"status":"reviewed","providers":["SAP"]}`:                                "providers/0",
			`{"status":"reviewed","providers":["sap","sap"]}`:                          "providers",
			`{"status":"reviewed","providers":[null]}`:                                 "providers/0",
			`{"status":"reviewed","providers":["` + strings.Repeat(`a","`, 16) + `"]}`: "",
			large(16385): "metadata",
		} {
			got := a.put("doc_1", body)
			got.wantsError(t, http.StatusBadRequest, "invalid_payload")
			if field != "" && got.problem(t).Details[0].Field != field {
				t.Errorf("%.80s: the error names %s", body, got.body)
			}
		}
		for _, location := range badURLs {
			got := a.put("doc_1", `{"status":"reviewed","result_url":"`+location+`"}`)
			got.wantsError(t, http.StatusBadRequest, "invalid_payload", "result_url")
		}
		a.get("/v1/documents/doc_1").wantsError(t, http.StatusNotFound, "not_found")
		a.put("doc_1", large(16384)).wants(t, http.StatusCreated)
		a.put("doc_2", deep(32)).wants(t, http.StatusCreated)
	})
}

func TestPutDocument_WhereSettingsNameTheProviders(t *testing.T) {
	eachDatabase(t, func(t *testing.T, databaseURL string) {
		a := newAPI(t, databaseURL, delivery.Settings{Providers: []string{"dynamics365", "sap"}})
		if d := a.put(documentID, `{"status":"reviewed"}`).wants(t, http.StatusCreated)["deliveries"].([]any); len(d) != 2 {
			t.Errorf("by default it has %v", d)
		}
		a.put("other", `{"status":"reviewed","providers":["odoo"]}`).wantsError(t, http.StatusUnprocessableEntity, "invalid_value", "providers/0")
		a.get("/v1/documents/other").wantsError(t, http.StatusNotFound, "not_found")
		// They never refuse a report.
		a.report(strings.Replace(reportBody("one"), "dynamics365", "odoo", 1)).wants(t, http.StatusCreated)
	})
}

// Members of answers are null, never left out.
func TestAnswers_HaveEveryMember(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.report(good("one", "")).wants(t, http.StatusCreated)
		var document struct {
			Deliveries []map[string]json.RawMessage
		}
		got := a.get("/v1/documents/" + documentID)
		check(t, json.Unmarshal(got.body, &document))
		var attempt map[string]json.RawMessage
		check(t, json.Unmarshal(document.Deliveries[0]["last_attempt"], &attempt))
		for object, wants := range map[*map[string]json.RawMessage][]string{
			&document.Deliveries[0]: {"document_id", "provider", "state", "tries", "last_attempt", "due_at", "claimed_by",
				"lease_expires_at", "requeued", "updated_at"},
			&attempt: {"id", "document_id", "provider", "status", "execution_id", "attempted_at", "external_record_id", "external_url",
				"error_code", "error_message", "request_id", "recorded_by", "recorded_at"},
		} {
			if len(*object) != len(wants) {
				t.Errorf("members are %v, want %v", *object, wants)
			}
			for _, member := range wants {
				if _, given := (*object)[member]; !given {
					t.Errorf("%s is left out", member)
				}
			}
		}
	})
}
