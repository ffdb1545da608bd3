package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The whole product, as those who use it see it: over HTTP, each with a key of its own. All that is said here the
// contract allows, so that the proxy may listen; what breaks the contract is tested in internal/httpapi.
func TestEndToEnd(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := start(t, databaseURL, key).heldToContract()
		registrar := newKeyFor(t, databaseURL, "review", "documents:read,documents:write")
		worker := newKeyFor(t, databaseURL, "crm-worker", "delivery:write")
		auditor := newKeyFor(t, databaseURL, "auditor", "delivery:read,documents:read")
		operator := newKeyFor(t, databaseURL, "operator", "delivery:requeue")
		for claim, story := range map[string]func(u users){
			"a report is recorded once however often it is sent": recordedOnce,
			"a document shows what became of its deliveries":     showsItsDeliveries,
			"the history is read page by page while it grows":    readPageByPage,
			"the history is filtered":                            filtered,
			"a worker takes its work from the outbox":            takesFromTheOutbox,
			"mistakes are told and change nothing":               mistakesAreTold,
			"the server says how it is and what it offers":       saysWhatItOffers,
		} {
			t.Run(claim, func(t *testing.T) {
				as := func(key string) *server { return &server{t: t, url: s.url, key: key} }
				story(users{t, as(registrar), as(worker), as(auditor), as(operator), as("sk_live_nobody")})
			})
		}
	})
}

// users are one server as each of its users reaches it.
type users struct {
	*testing.T
	registrar, worker, auditor, operator, stranger *server
}

// gets sends a request, wants this status, and returns the answer.
func (s *server) gets(status int, method, path, body string, headers ...string) answer {
	s.t.Helper()
	got, err := s.exchange(method, path, body, headers...)
	check(s.t, err)
	if got.status != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

func decode[T any](t *testing.T, got answer) (value T) {
	t.Helper()
	if media := got.header.Get("Content-Type"); media != "application/json" {
		t.Fatalf("got %s: %s", media, got.body)
	}
	check(t, json.Unmarshal(got.body, &value))
	return value
}

type attempt struct {
	ID               string
	DocumentID       string `json:"document_id"`
	Provider, Status string
	ExecutionID      string  `json:"execution_id"`
	AttemptedAt      string  `json:"attempted_at"`
	ExternalRecordID *string `json:"external_record_id"`
	ExternalURL      *string `json:"external_url"`
	ErrorCode        *string `json:"error_code"`
	ErrorMessage     *string `json:"error_message"`
	RequestID        string  `json:"request_id"`
	RecordedBy       struct {
		KeyID string `json:"key_id"`
		Name  string
	} `json:"recorded_by"`
	RecordedAt string `json:"recorded_at"`
}

type document struct {
	ID, Status string
	Schema     string
	ExternalID string         `json:"external_id"`
	ResultURL  string         `json:"result_url"`
	Metadata   map[string]any // decoded: a proxy spells numbers its own way
	Deliveries []struct {
		Provider, State string
		Tries           int
		LastAttempt     *attempt `json:"last_attempt"`
	}
}

// deliveries says in short how each delivery stands: provider, state, failed tries, and the id that decides it.
func (d document) deliveries() (short []string) {
	for _, delivery := range d.Deliveries {
		decidedBy := "nothing"
		if delivery.LastAttempt != nil {
			decidedBy = delivery.LastAttempt.ExecutionID
		}
		short = append(short, fmt.Sprintf("%s %s after %d by %s", delivery.Provider, delivery.State, delivery.Tries, decidedBy))
	}
	return short
}

func recordedOnce(u users) {
	const path = "/v1/documents/invoice-1"
	u.registrar.gets(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed","providers":["dynamics365"]}`)

	// The report, and the same again with the same instant in other words, a null for what was absent, from another run.
	const failure = `{"provider":"dynamics365","status":"failed","execution_id":"n8n-1-invoice-1","error_code":"crm_429",
		"error_message":"Dataverse rate limited","attempted_at":"2026-03-24T03:00:00.000Z"}`
	recorded := u.worker.gets(http.StatusCreated, http.MethodPost, path+"/delivery", failure, "x-request-id", "run-1")
	replayed := u.worker.gets(http.StatusOK, http.MethodPost, path+"/delivery", `{"attempted_at":"2026-03-24T04:00:00+01:00","external_url":null,
		"execution_id":"n8n-1-invoice-1","error_message":"Dataverse rate limited","error_code":"crm_429","status":"failed","provider":"dynamics365"}`,
		"x-request-id", "run-2")
	if !bytes.Equal(replayed.body, recorded.body) {
		u.Errorf("recorded %s\nreplayed %s", recorded.body, replayed.body)
	}
	if got := recorded.header.Get("x-request-id"); got != "run-1" || recorded.header.Get("Idempotent-Replayed") != "" {
		u.Errorf("the record has the headers %v", recorded.header)
	}
	if got := replayed.header.Get("x-request-id"); got != "run-2" || replayed.header.Get("Idempotent-Replayed") != "true" || replayed.header.Get("Location") != "" {
		u.Errorf("the replay has the headers %v", replayed.header)
	}

	// The attempt says what was sent and who sent it, and stays to be read.
	got := decode[attempt](u.T, recorded)
	want := attempt{
		ID: got.ID, DocumentID: "invoice-1", Provider: "dynamics365", Status: "failed", ExecutionID: "n8n-1-invoice-1",
		AttemptedAt: "2026-03-24T03:00:00Z", ErrorCode: new("crm_429"), ErrorMessage: new("Dataverse rate limited"),
		RequestID: "run-1", RecordedBy: got.RecordedBy, RecordedAt: got.RecordedAt,
	}
	if !reflect.DeepEqual(got, want) || got.RecordedBy.Name != "crm-worker" {
		u.Errorf("recorded %s", recorded.body)
	}
	location := recorded.header.Get("Location")
	if location != "/v1/delivery/attempts/"+got.ID {
		u.Errorf("it is to be found at %q", location)
	}
	if found := u.auditor.gets(http.StatusOK, http.MethodGet, location, ""); !bytes.Equal(found.body, recorded.body) {
		u.Errorf("recorded %s\nfound %s", recorded.body, found.body)
	}

	// Other data under its id is refused, and the fields that differ are named.
	conflict := decode[problem](u.T, u.worker.gets(http.StatusConflict, http.MethodPost, path+"/delivery",
		`{"provider":"dynamics365","status":"succeeded","external_record_id":"crm-row-001","execution_id":"n8n-1-invoice-1","attempted_at":"2026-03-24T03:00:00Z"}`))
	if fields := conflict.fields(); conflict.Error.Code != "conflict" || !slices.Equal(fields, []string{"error_code", "error_message", "external_record_id", "status"}) {
		u.Errorf("the conflict is %+v", conflict)
	}

	// Of all that, one attempt was kept.
	if history := u.history(path+"/delivery", ""); !slices.Equal(history, []string{"n8n-1-invoice-1"}) {
		u.Errorf("the history is %v", history)
	}
}

func showsItsDeliveries(u users) {
	const path = "/v1/documents/invoice-2"
	report := func(status int, execution, provider, outcome, more string) {
		u.worker.gets(status, http.MethodPost, path+"/delivery", fmt.Sprintf(
			`{"provider":%q,"status":%q,"execution_id":%q,"attempted_at":"2026-03-24T03:00:00Z"%s}`, provider, outcome, execution, more))
	}
	shows := func(status string, deliveries ...string) {
		u.Helper()
		got := decode[document](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, path, ""))
		if got.Status != status || !slices.Equal(got.deliveries(), deliveries) {
			u.Errorf("it is %s with %q, want %s with %q", got.Status, got.deliveries(), status, deliveries)
		}
	}
	const registration = `{"schema":"invoice","status":"review_required","external_id":"erp-7781","metadata":{"total":1204.50,"lines":[{"n":1},null]},
		"result_url":"https://numora.example/documents/invoice-2/result","providers":["sap","dynamics365"]}`
	registered := u.registrar.gets(http.StatusCreated, http.MethodPut, path, registration)
	if got := u.registrar.gets(http.StatusOK, http.MethodPut, path, registration); !bytes.Equal(got.body, registered.body) {
		u.Errorf("registered as %s\nand again as %s", registered.body, got.body)
	}
	got := decode[document](u.T, registered)
	metadata := map[string]any{"total": 1204.5, "lines": []any{map[string]any{"n": 1.0}, nil}}
	if got.ID != "invoice-2" || got.Schema != "invoice" || got.ExternalID != "erp-7781" || !reflect.DeepEqual(got.Metadata, metadata) ||
		got.ResultURL != "https://numora.example/documents/invoice-2/result" {
		u.Errorf("registered as %s", registered.body)
	}
	shows("review_required", "dynamics365 ready after 0 by nothing", "sap ready after 0 by nothing")
	u.registrar.gets(http.StatusOK, http.MethodPut, path, `{"status":"reviewed"}`)
	shows("reviewed", "dynamics365 ready after 0 by nothing", "sap ready after 0 by nothing")
	report(http.StatusCreated, "2a", "sap", "succeeded", `,"external_record_id":"row 1","external_url":"https://sap.example/é?row=1"`)
	shows("push_pending", "dynamics365 ready after 0 by nothing", "sap succeeded after 0 by 2a")
	report(http.StatusCreated, "2b", "dynamics365", "failed", `,"error_code":"crm_429"`)
	shows("push_failed", "dynamics365 failed after 1 by 2b", "sap succeeded after 0 by 2a")
	report(http.StatusOK, "2b", "dynamics365", "failed", `,"error_code":"crm_429"`) // a replay is no second try
	shows("push_failed", "dynamics365 failed after 1 by 2b", "sap succeeded after 0 by 2a")
	report(http.StatusCreated, "2c", "dynamics365", "skipped", `,"error_code":"supplier_not_found","error_message":"No supplier matched \"Acme\".\n"`)
	shows("push_succeeded", "dynamics365 skipped after 1 by 2c", "sap succeeded after 0 by 2a")
}

func readPageByPage(u users) {
	const path = "/v1/documents/invoice-3"
	u.registrar.gets(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed"}`)
	send := func(execution string) {
		u.worker.gets(http.StatusCreated, http.MethodPost, path+"/delivery", report(execution))
	}
	var want [][]string // newest first
	for _, page := range [][]string{{"3a"}, {"3b", "3c", "3d"}, {"3e", "3f", "3g"}} {
		for _, execution := range page {
			send(execution)
		}
		slices.Reverse(page)
		want = slices.Insert(want, 0, page)
	}
	var got [][]string
	for query := "?limit=3"; query != ""; {
		page := decode[attemptPage](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, path+"/delivery"+query, ""))
		got = append(got, page.executions())
		query = ""
		if page.NextCursor != nil && len(got) < 10 {
			query = "?limit=3&cursor=" + url.QueryEscape(*page.NextCursor)
			send(fmt.Sprint("3-late-", len(got))) // what arrives meanwhile shifts nothing
		}
	}
	if !reflect.DeepEqual(got, want) {
		u.Errorf("the pages are %v, want %v", got, want)
	}
}

func filtered(u users) {
	const path = "/v1/documents/invoice-4"
	u.registrar.gets(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed"}`)
	recordedAt := map[string]string{}
	for _, r := range [][3]string{{"4a", "sap", "failed"}, {"4b", "dynamics365", "failed"}, {"4c", "sap", "skipped"}, {"4d", "sap", "failed"}} {
		got := u.worker.gets(http.StatusCreated, http.MethodPost, path+"/delivery", fmt.Sprintf(
			`{"execution_id":%q,"provider":%q,"status":%q,"attempted_at":"2026-03-24T03:00:00Z"}`, r[0], r[1], r[2]))
		recordedAt[r[0]] = url.QueryEscape(decode[attempt](u.T, got).RecordedAt)
	}
	for query, want := range map[string][]string{
		"":                            {"4d", "4c", "4b", "4a"},
		"?provider=sap":               {"4d", "4c", "4a"},
		"?status=failed":              {"4d", "4b", "4a"},
		"?provider=sap&status=failed": {"4d", "4a"},
		"?execution_id=4b":            {"4b"},
		"?execution_id=4":             nil,
		"?since=" + recordedAt["4c"]:  {"4d", "4c"}, // inclusive
		"?until=" + recordedAt["4c"]:  {"4b", "4a"}, // exclusive
		"?provider=sap&since=" + recordedAt["4b"] + "&until=" + recordedAt["4d"]: {"4c"},
	} {
		if got := u.history(path+"/delivery", query); !slices.Equal(got, want) {
			u.Errorf("%q finds %v, want %v", query, got, want)
		}
	}
}

func mistakesAreTold(u users) {
	const path, unknownAttempt = "/v1/documents/invoice-5", "/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55"
	u.registrar.gets(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed"}`)
	before := u.auditor.gets(http.StatusOK, http.MethodGet, path, "")
	const tooEarly = `{"provider":"sap","status":"failed","execution_id":"5a","attempted_at":"1999-12-31T23:59:59Z"}`
	for mistake, c := range map[string]struct {
		by           *server
		method, path string
		body         string
		status       int
		code, says   string
		fields       []string
	}{
		"an unknown key":             {u.stranger, http.MethodPost, path + "/delivery", report("5"), http.StatusUnauthorized, "unauthorized", "Authorization: Bearer", nil},
		"a worker who reads":         {u.worker, http.MethodGet, path + "/delivery", "", http.StatusForbidden, "forbidden", "delivery:read", nil},
		"an auditor who reports":     {u.auditor, http.MethodPost, path + "/delivery", report("5"), http.StatusForbidden, "forbidden", "delivery:write", nil},
		"a worker who registers":     {u.worker, http.MethodPut, path, `{"status":"failed"}`, http.StatusForbidden, "forbidden", "documents:write", nil},
		"a worker who requeues":      {u.worker, http.MethodPost, path + "/actions/retry-push", `{"provider":"sap"}`, http.StatusForbidden, "forbidden", "delivery:requeue", nil},
		"an auditor who claims":      {u.auditor, http.MethodPost, "/v1/delivery/claims", `{"provider":"sap"}`, http.StatusForbidden, "forbidden", "delivery:write", nil},
		"an unknown claim":           {u.worker, http.MethodPost, "/v1/delivery/claims/clm_AAAAAAAAAAAAAAAAAAAAAAAAAA/release", "", http.StatusNotFound, "not_found", "No claim", nil},
		"no delivery to requeue":     {u.operator, http.MethodPost, path + "/actions/retry-push", `{"provider":"sap"}`, http.StatusNotFound, "not_found", "provider", nil},
		"an unknown document":        {u.worker, http.MethodPost, "/v1/documents/nowhere/delivery", report("5"), http.StatusNotFound, "not_found", "PUT /v1/documents/{id}", nil},
		"an unknown one's history":   {u.auditor, http.MethodGet, "/v1/documents/nowhere/delivery", "", http.StatusNotFound, "not_found", "No such document", nil},
		"an unknown attempt":         {u.auditor, http.MethodGet, unknownAttempt, "", http.StatusNotFound, "not_found", "No delivery attempt", nil},
		"nothing sealed yet":         {u.auditor, http.MethodGet, "/v1/audit/checkpoint", "", http.StatusNotFound, "not_found", "NUMORA_AUDIT_KEY_FILE", nil},
		"an instant out of all time": {u.worker, http.MethodPost, path + "/delivery", tooEarly, http.StatusUnprocessableEntity, "invalid_value", "2000-01-01", []string{"attempted_at"}},
	} {
		got := c.by.gets(c.status, c.method, c.path, c.body, "x-request-id", "mistake-1")
		told := decode[problem](u.T, got)
		if told.Error.Code != c.code || !strings.Contains(told.Error.Message, c.says) || !slices.Equal(told.fields(), c.fields) {
			u.Errorf("%s: %s", mistake, got.body)
		}
		if told.Error.RequestID != "mistake-1" || got.header.Get("x-request-id") != "mistake-1" {
			u.Errorf("%s: answered as %q: %s", mistake, got.header.Get("x-request-id"), got.body)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (challenge == "Bearer") != (c.status == http.StatusUnauthorized) {
			u.Errorf("%s: WWW-Authenticate %q", mistake, challenge)
		}
	}
	if after := u.auditor.gets(http.StatusOK, http.MethodGet, path, ""); !bytes.Equal(after.body, before.body) {
		u.Errorf("before %s\nafter %s", before.body, after.body)
	}
	if history := u.history(path+"/delivery", ""); len(history) > 0 {
		u.Errorf("the history is %v", history)
	}
}

func saysWhatItOffers(u users) {
	for _, probe := range []string{"/livez", "/readyz"} {
		if got := decode[map[string]any](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, probe, "")); !reflect.DeepEqual(got, map[string]any{"status": "ok"}) {
			u.Errorf("%s: %v", probe, got)
		}
	}
	contract, err := os.ReadFile("../../openapi/delivery.yaml")
	check(u.T, err)
	if got := u.auditor.gets(http.StatusOK, http.MethodGet, "/openapi.yaml", ""); !bytes.Equal(got.body, contract) || got.header.Get("Content-Type") != "application/yaml" {
		u.Errorf("/openapi.yaml is %d bytes of %s, want the contract's %d", len(got.body), got.header.Get("Content-Type"), len(contract))
	}
	asJSON := decode[struct {
		OpenAPI string
		Paths   map[string]any
	}](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, "/openapi.json", ""))
	if asJSON.OpenAPI != "3.0.3" || asJSON.Paths["/v1/documents/{id}/delivery"] == nil {
		u.Errorf("/openapi.json is OpenAPI %s of %d paths", asJSON.OpenAPI, len(asJSON.Paths))
	}

	// The page, and all that it asks for.
	page := u.auditor.gets(http.StatusOK, http.MethodGet, "/docs/", "")
	if media := page.header.Get("Content-Type"); !strings.HasPrefix(media, "text/html") {
		u.Errorf("/docs/ is %s", media)
	}
	asked := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.body, -1)
	if len(asked) == 0 {
		u.Errorf("/docs/ asks for nothing: %s", page.body)
	}
	for _, file := range asked {
		u.auditor.gets(http.StatusOK, http.MethodGet, "/docs/"+string(file[1]), "")
	}
}

type problem struct {
	Error struct {
		Code, Message string
		RequestID     string `json:"request_id"`
		Details       []struct{ Field, Issue string }
	}
}

// fields are those that the error names, by name.
func (p problem) fields() (names []string) {
	for _, detail := range p.Error.Details {
		names = append(names, detail.Field)
	}
	slices.Sort(names)
	return names
}

type attemptPage struct {
	Data       []attempt
	NextCursor *string `json:"next_cursor"`
}

func (p attemptPage) executions() (ids []string) {
	for _, a := range p.Data {
		ids = append(ids, a.ExecutionID)
	}
	return ids
}

// history are the execution ids of all that a query finds, which has to fit on one page.
func (u users) history(path, query string) []string {
	u.Helper()
	found := decode[attemptPage](u.T, u.auditor.gets(http.StatusOK, http.MethodGet, path+query, ""))
	if found.NextCursor != nil {
		u.Errorf("%s%s finds more than a page", path, query)
	}
	return found.executions()
}
