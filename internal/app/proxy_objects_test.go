//go:build contract

package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// That the end-to-end tests pass behind the proxy means something only if the proxy sees what is wrong: here a
// server says what the contract does not.
func TestProxy_ObjectsToWhatTheContractDoesNotSay(t *testing.T) {
	if os.Getenv(proxyVariable) == "" {
		t.Fatalf("%s names no proxy; run this with \"make test-contract\"", proxyVariable)
	}
	const (
		attemptPath  = "/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55"
		documentPath = "/v1/documents/doc_1"
		reportPath   = documentPath + "/delivery"
		good         = `{"id":"019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55","document_id":"doc_1","provider":"sap","status":"failed","execution_id":"e1",` +
			`"attempted_at":"2026-03-24T03:00:00Z","external_record_id":null,"external_url":"https://sap.example/é","error_code":null,` +
			`"error_message":null,"request_id":"r1","recorded_by":{"key_id":"h4m2k9d0q7x1w5c8","name":"worker"},"recorded_at":"2026-03-24T03:00:01.2Z"}`
		claimsPath = "/v1/delivery/claims"
		claim      = `{"provider":"sap","limit":5}`
		claimed    = `{"data":[{"document_id":"doc_1","schema":null,"status":"push_pending","external_id":null,"metadata":null,"result_url":null,` +
			`"provider":"sap","tries":1,"last_attempt":null,"due_at":"2026-03-24T03:00:31.2Z","updated_at":"2026-03-24T03:00:31.2Z",` +
			`"execution_id":"clm_AAAAAAAAAAAAAAAAAAAAAAAAAA","delivery_key":"dlv_AAAAAAAAAAAAAAAAAAAAAAAAAA","lease_expires_at":"2026-03-24T03:05:00Z"}]}`
		checkpointPath = "/v1/audit/checkpoint"
		checkpoint     = `{"origin":"a/é","size":12,"root":"oknyMfF4Qi7s0S5ypLHUOS4czSsFlnN/rIRkMxbqzn4=","sealed_at":"2026-03-24T03:01:00.2Z",` +
			`"note":"a/é\n12\noknyMfF4Qi7s0S5ypLHUOS4czSsFlnN/rIRkMxbqzn4=\n2026-03-24T03:01:00.200000Z\n\n— a/é NHUzC0fhgW0=\n"}`
		by       = `{"key_id":"h4m2k9d0q7x1w5c8","name":"worker","worker":null}`
		refusal  = `{"error":{"code":"conflict","message":"No.","request_id":"r1","details":[{"field":"status","issue":"differs"}]}}`
		delivery = `{"document_id":"doc_1","provider":"sap","state":"failed","tries":1,"updated_at":"2026-03-24T03:00:01.2Z",` +
			`"due_at":"2026-03-24T03:00:31.2Z","claimed_by":null,"lease_expires_at":null,"requeued":null,"last_attempt":`
		about = `{"id":"doc_1","schema":null,"status":"push_failed","external_id":null,"metadata":{"any":["thing"]},"result_url":null,` +
			`"created_at":"2026-03-24T03:00:00Z","updated_at":"2026-03-24T03:00:00Z","deliveries":[`
		tried, untried = about + delivery + good + `}]}`, about + delivery + `null}]}`
		request        = `{"provider":"sap","status":"failed","execution_id":"e1","attempted_at":"2026-03-24T03:00:00Z"}`
	)
	location := [2]string{"Location", attemptPath}
	replayed := [2]string{"Idempotent-Replayed", "true"}
	media := func(value string) [2]string { return [2]string{"Content-Type", value} }

	var answered struct { // what the server says next
		status  int
		body    string
		headers [][2]string
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, header := range answered.headers {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(answered.status)
		_, _ = fmt.Fprint(w, answered.body)
	}))
	defer upstream.Close()
	s := (&server{t: t, url: upstream.URL, key: "any"}).heldToContract()

	for name, c := range map[string]struct {
		path, request string
		status        int
		body          string
		headers       [][2]string
		objection     string // "" for none
	}{
		"an attempt":            {attemptPath, "", 200, good, nil, ""},
		"a document":            {documentPath, "", 200, tried, nil, ""},
		"an untried one":        {documentPath, "", 200, untried, nil, ""},
		"a page":                {reportPath, "", 200, `{"data":[` + good + `],"next_cursor":"abc"}`, nil, ""},
		"a record":              {reportPath, request, 201, good, [][2]string{location}, ""},
		"a replay":              {reportPath, request, 200, good, [][2]string{replayed}, ""},
		"a conflict":            {reportPath, request, 409, refusal, nil, ""},
		"no location":           {reportPath, request, 201, good, nil, "location"},
		"a location elsewhere":  {reportPath, request, 201, good, [][2]string{{"Location", "/elsewhere"}}, "location"},
		"a replay that is none": {reportPath, request, 200, good, nil, "idempotent-replayed"},
		"a wrong header":        {attemptPath, "", 200, good, [][2]string{{"x-request-id", "a b"}}, "x-request-id"},
		"an undeclared success": {attemptPath, "", 202, good, nil, "status code"},
		"an undeclared error":   {attemptPath, "", 409, refusal, nil, "status code"},
		"an undeclared medium":  {attemptPath, "", 200, good, [][2]string{media("text/plain")}, "media type"},
		"a wrong type":          {attemptPath, "", 200, strings.Replace(good, `"e1"`, `1`, 1), nil, "execution_id must be string"},
		"a null":                {attemptPath, "", 200, strings.Replace(good, `"e1"`, `null`, 1), nil, "execution_id must be string"},
		"an undeclared value":   {attemptPath, "", 200, strings.Replace(good, `"failed"`, `"lost"`, 1), nil, "status must be equal to one of"},
		"a wrong pattern":       {attemptPath, "", 200, strings.Replace(good, `"r1"`, `"a b"`, 1), nil, "request_id must match pattern"},
		"a wrong URL":           {attemptPath, "", 200, strings.Replace(good, `sap.ex`, `u@sap.ex`, 1), nil, "external_url must match pattern"},
		"an impossible date":    {attemptPath, "", 200, strings.Replace(good, `03-24`, `02-30`, 1), nil, "attempted_at must match format"},
		"a missing member":      {attemptPath, "", 200, strings.Replace(good, `"error_code":null,`, ``, 1), nil, "required property 'error_code'"},
		"an undeclared member":  {attemptPath, "", 200, strings.Replace(good, `{`, `{"more":1,`, 1), nil, "found 'more'"},
		"one in a member":       {attemptPath, "", 200, strings.Replace(good, `{"key_id"`, `{"more":1,"key_id"`, 1), nil, "found 'more'"},
		"one in a list":         {documentPath, "", 200, strings.Replace(untried, `"tries"`, `"more":1,"tries"`, 1), nil, "found 'more'"},
		"one in a last attempt": {documentPath, "", 200, strings.Replace(tried, `"error_code"`, `"more":1,"error_code"`, 1), nil, "found 'more'"},
		"one on a page":         {reportPath, "", 200, `{"data":[],"next_cursor":null,"more":1}`, nil, "found 'more'"},
		"one in a detail":       {reportPath, request, 409, strings.Replace(refusal, `"issue"`, `"more":1,"issue"`, 1), nil, "found 'more'"},
		"an undeclared code":    {reportPath, request, 409, strings.Replace(refusal, `"conflict"`, `"clash"`, 1), nil, "code must be equal to one of"},
		"a request of its own":  {reportPath, strings.Replace(request, `{`, `{"more":1,`, 1), 201, good, [][2]string{location}, "found 'more'"},
		"a request with a URL":  {reportPath, strings.Replace(request, `{`, `{"external_url":"file:///x",`, 1), 201, good, [][2]string{location}, "external_url must match pattern"},
		"a registration":        {documentPath, `{"status":"reviewed","schema":null}`, 201, untried, nil, ""},
		"one of its own":        {documentPath, `{"status":"reviewed","more":1}`, 201, untried, nil, "found 'more'"},
		"one answered amiss":    {documentPath, `{"status":"reviewed"}`, 201, strings.Replace(untried, `"tries":1,`, ``, 1), nil, "required property 'tries'"},
		"a filter of its own":   {reportPath + "?status=lost", "", 200, `{"data":[],"next_cursor":null}`, nil, "status must be equal to one of"},
		"a claim":               {claimsPath, claim, 200, claimed, nil, ""},
		"a claim of nothing":    {claimsPath, claim, 200, `{"data":[]}`, nil, ""},
		"a claim of its own":    {claimsPath, `{"provider":"sap","limit":101}`, 200, claimed, nil, "limit must be <= 100"},
		"one claimed amiss":     {claimsPath, claim, 200, strings.Replace(claimed, `dlv_A`, `dlv_1`, 1), nil, "delivery_key must match pattern"},
		"one with more":         {claimsPath, claim, 200, strings.Replace(claimed, `"tries"`, `"more":1,"tries"`, 1), nil, "found 'more'"},
		"one without its lease": {claimsPath, claim, 200, strings.Replace(claimed, `,"lease_expires_at":"2026-03-24T03:05:00Z"`, ``, 1), nil, "required property 'lease_expires_at'"},
		"one in work":           {documentPath, "", 200, strings.Replace(untried, `"claimed_by":null`, `"claimed_by":`+by, 1), nil, ""},
		"one in unknown work":   {documentPath, "", 200, strings.Replace(untried, `"claimed_by":null`, `"claimed_by":{"more":1,`+by[1:], 1), nil, "found 'more'"},
		"a checkpoint":          {checkpointPath, "", 200, checkpoint, nil, ""},
		"one of nothing":        {checkpointPath, "", 200, strings.Replace(checkpoint, `:12,`, `:0,`, 1), nil, "size must be >= 1"},
		"one of another tree":   {checkpointPath, "", 200, strings.Replace(checkpoint, `4="`, `5="`, 1), nil, "root must match pattern"},
		"one that is unsigned":  {checkpointPath, "", 200, strings.Replace(checkpoint, `—`, `-`, 1), nil, "note must match pattern"},
		"one of no key":         {checkpointPath, "", 200, strings.Replace(checkpoint, `"a/é"`, `"a b"`, 1), nil, "origin must match pattern"},
		"a route of its own":    {"/v1/elsewhere", "", 200, good, nil, "/v1/elsewhere"},
	} {
		answered.status, answered.body, answered.headers = c.status, c.body, c.headers
		method := http.MethodGet
		if c.request != "" && c.path == documentPath {
			method = http.MethodPut
		} else if c.request != "" {
			method = http.MethodPost
		}
		got, err := s.exchange(method, c.path, c.request)
		switch {
		case c.objection == "" && (err != nil || got.status != c.status):
			t.Errorf("%s: it objects: %d, %v", name, got.status, err)
		case c.objection != "" && (err == nil || !strings.Contains(err.Error(), c.objection)):
			t.Errorf("%s: it says nothing of %q: %v", name, c.objection, err)
		case err != nil && testing.Verbose():
			t.Logf("%s: %v", name, err)
		}
	}
}
