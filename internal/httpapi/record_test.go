package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// The source text's three examples, verbatim.
const (
	successExample = `{
"provider": "dynamics365",
"status": "succeeded",
"external_record_id": "crm-row-001",
"execution_id": "n8n-4be38121-3791-4856-80d5-c57dbec2cf78",
"attempted_at": "2026-03-24T03:00:00.000Z"
}`
	failureExample = `{
"provider": "dynamics365",
"status": "failed",
"execution_id": "n8n-4be38121-3791-4856-80d5-c57dbec2cf78",
"error_code": "crm_429",
"error_message": "Dataverse rate limited",
"attempted_at": "2026-03-24T03:00:00.000Z"
}`
	skippedExample = `{
"provider": "dynamics365",
"status": "skipped",
"execution_id": "n8n-4be38121-3791-4856-80d5-c57dbec2cf78",
"error_code": "supplier_not_found",
"error_message": "No supplier matched vendor_name \"Acme Supplies Ltd\".",
"attempted_at": "2026-03-24T03:00:00.000Z"
}`
)

func TestRecord_TheSourceTextsExamples(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		first := a.report(successExample, with("x-request-id", "delivery-callback-success-001"))
		attempt := first.wants(t, http.StatusCreated)
		for member, want := range map[string]any{
			"document_id": documentID, "provider": "dynamics365", "status": "succeeded",
			"execution_id": "n8n-" + documentID, "attempted_at": "2026-03-24T03:00:00Z",
			"external_record_id": "crm-row-001", "external_url": nil, "error_code": nil, "error_message": nil,
			"request_id": "delivery-callback-success-001",
		} {
			if got, given := attempt[member]; !given || got != want {
				t.Errorf("%s is %v, want %v", member, got, want)
			}
		}
		if first.header.Get("X-Request-Id") != "delivery-callback-success-001" {
			t.Errorf("x-request-id is %q", first.header.Get("X-Request-Id"))
		}
		located := a.get(first.header.Get("Location"))
		if !bytes.Equal(located.body, first.body) {
			t.Errorf("Location holds %s, recorded was %s", located.body, first.body)
		}
		if first.header.Get("Idempotent-Replayed") != "" {
			t.Error("a new report is said to be a replay")
		}

		replay := a.report(successExample, with("x-request-id", "another-request"))
		replay.wants(t, http.StatusOK)
		if replay.header.Get("Idempotent-Replayed") != "true" || !bytes.Equal(replay.body, first.body) {
			t.Errorf("the replay answers %v %s", replay.header, replay.body)
		}

		a.report(failureExample).wantsError(t, http.StatusConflict, "conflict", "status", "external_record_id", "error_code", "error_message")
		a.report(skippedExample).wantsError(t, http.StatusConflict, "conflict", "status", "external_record_id", "error_code", "error_message")
		if got := a.attempts(documentID); got != 1 {
			t.Errorf("%d attempts are recorded, want 1", got)
		}
		if got := a.status(documentID); got != "push_succeeded" {
			t.Errorf("status is %s", got)
		}

		// One execution id is one attempt: under ids of their own they are new attempts.
		for i, want := range []struct{ body, status string }{{failureExample, "push_failed"}, {skippedExample, "push_succeeded"}} {
			body := strings.Replace(want.body, "n8n-4be", fmt.Sprintf("n8n-%d-4be", i), 1)
			a.report(body).wants(t, http.StatusCreated)
			if got := a.status(documentID); got != want.status {
				t.Errorf("status is %s, want %s", got, want.status)
			}
		}
	})
}

func TestRecord_SameDataInOtherSpelling_IsAReplay(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		first := a.report(`{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456Z"}`)
		first.wants(t, http.StatusCreated)
		for name, body := range map[string]string{
			"nanoseconds, cut":      `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456999Z"}`,
			"zero offset":           `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456+00:00"}`,
			"another zone":          `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-23T22:30:00.123456-04:30"}`,
			"other order and space": "\t{ \"attempted_at\" : \"2026-03-24T03:00:00.1234560Z\",\r\n\"status\":\"failed\",\"error_code\":\"A\",\"execution_id\":\"one\",\"provider\":\"dynamics365\"}\n",
			"escapes":               `{"pro\u0076ider":"dynamics365","status":"failed","execution_id":"on\u0065","error_code":"\u0041","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"null for absent":       `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456Z","external_record_id":null,"external_url":null,"error_message":null}`,
		} {
			got := a.report(body)
			if got.status != http.StatusOK || !bytes.Equal(got.body, first.body) {
				t.Errorf("%s: %d %s", name, got.status, got.body)
			}
		}
		for name, body := range map[string]string{
			"a microsecond later": `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123457Z"}`,
			"the other half hour": `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456+00:30"}`,
		} {
			t.Run(name, func(t *testing.T) {
				a.report(body).wantsError(t, http.StatusConflict, "conflict", "attempted_at")
			})
		}
		for field, body := range map[string]string{
			"error_code":         `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"a","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"provider":           `{"provider":"sap","status":"failed","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"status":             `{"provider":"dynamics365","status":"skipped","execution_id":"one","error_code":"A","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"external_record_id": `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","external_record_id":"1","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"external_url":       `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","external_url":"https://crm.example","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
			"error_message":      `{"provider":"dynamics365","status":"failed","execution_id":"one","error_code":"A","error_message":"m","attempted_at":"2026-03-24T03:00:00.123456Z"}`,
		} {
			t.Run(field, func(t *testing.T) {
				got := a.report(body)
				got.wantsError(t, http.StatusConflict, "conflict", field)
				if message := got.problem(t).Message; !strings.Contains(message, field) || !strings.Contains(message, "execution id") && !strings.Contains(message, "Execution id one") {
					t.Errorf("the message does not help: %s", message)
				}
			})
		}
		if got := a.attempts(documentID); got != 1 {
			t.Errorf("%d attempts are recorded, want 1", got)
		}
	})
}

// Whichever spelling of an instant comes first, it is kept in ours, and the other is a replay.
func TestRecord_SameInstantInOtherSpelling_IsAReplay(t *testing.T) {
	spellings := []struct{ first, then, kept string }{
		{"2026-03-24T03:00:00.123456789Z", "2026-03-24T03:00:00.123456Z", "2026-03-24T03:00:00.123456Z"},
		{"2026-03-24T03:00:00.123456Z", "2026-03-24T03:00:00.123456999999Z", "2026-03-24T03:00:00.123456Z"},
		{"2026-03-24T03:00:00.000000999Z", "2026-03-24T03:00:00Z", "2026-03-24T03:00:00Z"},
		{"2026-03-24T03:00:00Z", "2026-03-24T03:00:00+00:00", "2026-03-24T03:00:00Z"},
		{"2026-03-24T03:00:00+00:00", "2026-03-24T03:00:00-00:00", "2026-03-24T03:00:00Z"},
		{"2026-03-24T03:00:00.100Z", "2026-03-24T03:00:00.1Z", "2026-03-24T03:00:00.1Z"},
		{"2026-03-24T03:00:00.1Z", "2026-03-24T03:00:00.100000000Z", "2026-03-24T03:00:00.1Z"},
		{"2026-03-24T04:00:00.5+01:00", "2026-03-23T21:00:00.500-06:00", "2026-03-24T03:00:00.5Z"},
		{"2026-01-01T00:30:00+05:45", "2025-12-31T18:45:00Z", "2025-12-31T18:45:00Z"},
		{"2024-02-29T23:59:59.999999999-00:01", "2024-03-01T00:00:59.999999Z", "2024-03-01T00:00:59.999999Z"},
	}
	eachEngine(t, func(t *testing.T, a *api) {
		for i, c := range spellings {
			t.Run(c.first+" and "+c.then, func(t *testing.T) {
				at := func(instant string) string {
					return strings.Replace(good(fmt.Sprint("run-", i), ""), "2026-03-24T03:00:00Z", instant, 1)
				}
				first := a.report(at(c.first))
				if kept := first.wants(t, http.StatusCreated)["attempted_at"]; kept != c.kept {
					t.Errorf("it is kept as %v, want %s", kept, c.kept)
				}
				again := a.report(at(c.then))
				if again.wants(t, http.StatusOK); !bytes.Equal(again.body, first.body) {
					t.Errorf("recorded %s, replayed %s", first.body, again.body)
				}
			})
		}
	})
}

func TestRecord_SameExecutionOnAnotherDocument_IsAConflict(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.register("other")
		a.report(reportBody("one")).wants(t, http.StatusCreated)
		a.do(http.MethodPost, "/v1/documents/other/delivery", []byte(reportBody("one"))).wantsError(t, http.StatusConflict, "conflict", "document_id")
		if got := a.status("other"); got != "reviewed" {
			t.Errorf("the other document is %s", got)
		}
	})
}

func TestRecord_ConflictNeverShowsStoredValues(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.report(`{"provider":"dynamics365","status":"failed","execution_id":"one","error_message":"a stored secret","attempted_at":"2026-03-24T03:00:00Z"}`).wants(t, http.StatusCreated)
		got := a.report(`{"provider":"dynamics365","status":"failed","execution_id":"one","error_message":"mine","attempted_at":"2026-03-24T03:00:00Z"}`)
		got.wantsError(t, http.StatusConflict, "conflict", "error_message")
		if bytes.Contains(got.body, []byte("secret")) || bytes.Contains(got.body, []byte("mine")) {
			t.Errorf("the answer repeats values: %s", got.body)
		}
	})
}

func TestRecord_TextStaysText(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		logged := func() int { return strings.Count(a.logs.String(), "\n") }
		for i, text := range []string{
			"line one\r\nline two\x1b[31m", `<script>alert("&")</script>`, "\u202edetrevni", "💣\u2028 é", strings.Repeat("é", 16384),
			"\r\n{\"level\":\"ERROR\"}\n", "'; DROP TABLE documents; --", `\u0000 %00 %s {{.}} ${x}`, " \t ", "e\u0301 is not é",
		} {
			body, err := json.Marshal(map[string]any{
				"provider": "no-setting-names-it", "status": "failed", "execution_id": fmt.Sprint("text-", i),
				"error_code": "M8 082", "error_message": text, "external_url": "https://crm.example/?a=1&b=<2>", "attempted_at": "2026-03-24T03:00:00Z",
			})
			check(t, err)
			before := logged()
			got := a.report(string(body))
			if lines := logged() - before; lines != 1 {
				t.Errorf("text %d made %d lines in the log", i, lines)
			}
			attempt := got.wants(t, http.StatusCreated)
			if attempt["error_message"] != text || attempt["error_code"] != "M8 082" {
				t.Errorf("text %d came back as %q", i, attempt["error_message"])
			}
			if !bytes.Contains(got.body, []byte("?a=1&b=<2>")) {
				t.Errorf("the URL is not as it was sent: %s", got.body)
			}
			if read := a.get(got.header.Get("Location")); !bytes.Equal(read.body, got.body) {
				t.Errorf("text %d is read as %s", i, read.body)
			}
			if again := a.report(string(body)); again.status != http.StatusOK || !bytes.Equal(again.body, got.body) {
				t.Errorf("text %d is replayed as %d %s", i, again.status, again.body)
			}
		}
	})
}

func TestRecord_UnknownDocument(t *testing.T) {
	eachDatabase(t, func(t *testing.T, url string) {
		a := newAPI(t, url, delivery.Settings{})
		got := a.report(reportBody("one"))
		got.wantsError(t, http.StatusNotFound, "not_found")
		if message := got.problem(t).Message; !strings.Contains(message, "PUT /v1/documents/{id}") {
			t.Errorf("the message does not say what to do: %s", message)
		}
		a.get("/v1/documents/"+documentID).wantsError(t, http.StatusNotFound, "not_found")
		a.get("/v1/documents/"+documentID+"/delivery").wantsError(t, http.StatusNotFound, "not_found")
		a.register(documentID)
		a.report(reportBody("one")).wants(t, http.StatusCreated)
	})
	eachDatabase(t, func(t *testing.T, url string) {
		a := newAPI(t, url, delivery.Settings{RegisterUnknown: true, Providers: []string{"sap"}})
		a.report(reportBody("one")).wants(t, http.StatusCreated)
		if got := a.status(documentID); got != "push_pending" { // sap is still to be reached
			t.Errorf("status is %s", got)
		}
	})
}

// Twins at once: whoever is first, exactly one is 201, and every answer is accounted for.
func TestRecord_AtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		const callers, rounds = 12, 10
		for round := range rounds {
			same := atOnce(t, a, callers, func(int) string { return reportBody(fmt.Sprint("same-", round)) })
			if same[http.StatusCreated] != 1 || same[http.StatusOK] != callers-1 {
				t.Errorf("identical reports: %v", same)
			}
			different := atOnce(t, a, callers, func(i int) string {
				return strings.Replace(reportBody(fmt.Sprint("different-", round)), "crm-row-001", fmt.Sprint("row ", i), 1)
			})
			if different[http.StatusCreated] != 1 || different[http.StatusConflict] != callers-1 {
				t.Errorf("different reports: %v", different)
			}
		}
		if got := a.attempts(documentID); got != 2*rounds {
			t.Errorf("%d attempts are recorded, want %d", got, 2*rounds)
		}
	})
}

func atOnce(t *testing.T, a *api, callers int, body func(i int) string) map[int]int {
	t.Helper()
	answers, errs := make([]answer, callers), make([]error, callers)
	requests := make([]*http.Request, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			answers[i], requests[i], errs[i] = a.send(http.MethodPost, "/v1/documents/"+documentID+"/delivery", []byte(body(i)))
		})
	}
	group.Wait()
	counts := make(map[int]int)
	for i, err := range errs {
		check(t, err)
		a.holdAgainstContract(requests[i], answers[i])
		counts[answers[i].status]++
	}
	return counts
}

func TestStatus_FollowsTheReports(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		report := func(executionID, provider, status, attemptedAt string) {
			t.Helper()
			a.report(fmt.Sprintf(`{"provider":%q,"status":%q,"execution_id":%q,"external_record_id":"1","attempted_at":%q}`,
				provider, status, executionID, attemptedAt)).wants(t, http.StatusCreated)
		}
		wants := func(status string) {
			t.Helper()
			if got := a.status(documentID); got != status {
				t.Errorf("status is %s, want %s", got, status)
			}
		}
		wants("reviewed")
		report("1", "dynamics365", "failed", "2026-03-24T03:00:00Z")
		wants("push_failed")
		report("2", "dynamics365", "succeeded", "2026-03-24T04:00:00Z")
		wants("push_succeeded")
		report("3", "dynamics365", "failed", "2026-03-24T03:30:00Z") // late, of an older try
		wants("push_succeeded")
		report("4", "sap", "skipped", "2026-03-24T03:00:00Z")
		wants("push_succeeded")
		ahead := time.Now().Add(23 * time.Hour).UTC().Format(time.RFC3339)
		report("5", "sap", "failed", ahead)
		wants("push_failed")
		report("6", "sap", "succeeded", ahead) // a clock that ran ahead pins nothing
		wants("push_succeeded")
		a.put(documentID, `{"status":"reviewed","providers":["dynamics365","sap","odoo"]}`).wants(t, http.StatusOK)
		wants("push_pending")
		for _, stage := range []string{"review_required", "processing", "failed"} {
			a.put(documentID, fmt.Sprintf(`{"status":%q}`, stage)).wants(t, http.StatusOK)
			wants(stage)
			report("in "[:2]+stage, "odoo", "succeeded", "2026-03-24T03:00:00Z") // recorded all the same
		}
		a.put(documentID, `{"status":"reviewed"}`).wants(t, http.StatusOK)
		wants("push_succeeded")
		for i := range 12 {
			report(fmt.Sprint("try-", i), "odoo", "failed", "2026-03-25T03:00:00Z")
		}
		wants("push_failed")
		document := a.get("/v1/documents/"+documentID).wants(t, http.StatusOK)
		for _, d := range document["deliveries"].([]any) {
			d := d.(map[string]any)
			want := map[string]string{"dynamics365": "succeeded", "sap": "succeeded", "odoo": "exhausted"}[d["provider"].(string)]
			if d["state"] != want {
				t.Errorf("%s is %s, want %s", d["provider"], d["state"], want)
			}
		}
	})
}
