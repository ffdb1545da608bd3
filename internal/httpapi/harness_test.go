package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/openapi"
)

const documentID = "4be38121-3791-4856-80d5-c57dbec2cf78"

// api is a server over a database of its own. Every answer it gives is held against the contract, and none but a 2xx
// may leave anything behind.
type api struct {
	t      *testing.T
	url    string
	api    *httpapi.API
	key    string // with all scopes
	store  *store.Store
	logs   *lockedBuffer
	router routers.Router
	schema *openapi3.T

	databaseURL string

	claimed   string                  // the execution id that a claim handed out last
	configure []func(*httpapi.Config) // what a test changes of the server's settings
	unwatched bool                    // nobody looks at what its answers leave in the database
}

// eachEngine runs test against a server on each database, with documentID registered as reviewed.
func eachEngine(t *testing.T, test func(t *testing.T, a *api)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, databaseURL string) {
		a := newAPI(t, databaseURL, delivery.Settings{})
		a.register(documentID)
		test(t, a)
	})
}

func newAPI(t *testing.T, databaseURL string, settings delivery.Settings, configure ...func(*httpapi.Config)) *api {
	t.Helper()
	return newAPIOver(t, databaseURL, store.Options{Create: true}, settings, configure...)
}

func newAPIOver(t *testing.T, databaseURL string, options store.Options, settings delivery.Settings, configure ...func(*httpapi.Config)) *api {
	t.Helper()
	db, err := store.Open(databaseURL, options)
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	if err := db.Migrate(t.Context()); !errors.Is(err, store.ErrNotOwner) { // then it is migrated
		check(t, err)
	}
	a := &api{t: t, databaseURL: databaseURL, store: db, logs: &lockedBuffer{}, configure: configure}
	a.serve(delivery.NewService(db, settings, time.Now), db, db.Ready)
	a.key = a.newKey(apikey.Scopes(), time.Time{})
	return a
}

// serve starts a server over service and keys.
func (a *api) serve(service *delivery.Service, keys apikey.Store, ready func(context.Context) error) {
	a.t.Helper()
	config := httpapi.Config{
		Service: service, Authenticator: apikey.NewAuthenticator(keys, time.Now), Ready: ready,
		RequestTimeout: 3 * time.Second, BodyTimeout: 10 * time.Second, Limits: httpapi.Limits{InWork: 256, Queued: 1024},
		RateLimits: httpapi.RateLimits{Key: 1_000_000_000, Address: 1_000_000_000},
		Logger:     slog.New(slog.NewJSONHandler(a.logs, nil)),
	}
	for _, change := range a.configure {
		change(&config)
	}
	handler, err := httpapi.New(config)
	check(a.t, err)
	a.api = handler
	server := httptest.NewUnstartedServer(handler)
	server.Config.MaxHeaderBytes = 64 << 10
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	a.t.Cleanup(server.Close)
	a.url = server.URL

	a.schema, err = contract()
	check(a.t, err)
	a.router, err = legacy.NewRouter(a.schema)
	check(a.t, err)
}

// contract is what answers are held against, read once: it takes a while.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	contract, err := openapi.Load()
	if err == nil {
		contract.Servers = nil // else the host would have to match
	}
	return contract, err
})

// newKey makes a key in the server's database and returns its text.
func (a *api) newKey(scopes []apikey.Scope, expiresAt time.Time) string {
	a.t.Helper()
	key, text, err := apikey.New(apikey.Test, "crm-worker", scopes, time.Now(), expiresAt)
	check(a.t, err)
	check(a.t, a.store.AddKey(a.t.Context(), key, "tests"))
	return text
}

func (a *api) register(id string) {
	a.t.Helper()
	got := a.put(id, `{"status":"reviewed","providers":["dynamics365"]}`)
	if got.status != http.StatusCreated {
		a.t.Fatalf("registering %s: %d %s", id, got.status, got.body)
	}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// change alters a request before it is sent.
type change func(*http.Request)

func with(name string, values ...string) change {
	return func(r *http.Request) {
		r.Header.Del(name)
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
}

func (a *api) get(path string, changes ...change) answer {
	a.t.Helper()
	return a.do(http.MethodGet, path, nil, changes...)
}

func (a *api) put(id, body string, changes ...change) answer {
	a.t.Helper()
	return a.do(http.MethodPut, "/v1/documents/"+id, []byte(body), changes...)
}

// report posts a delivery report on documentID.
func (a *api) report(body string, changes ...change) answer {
	a.t.Helper()
	return a.do(http.MethodPost, "/v1/documents/"+documentID+"/delivery", []byte(body), changes...)
}

// do sends a request and holds the answer against the contract.
func (a *api) do(method, path string, body []byte, changes ...change) answer {
	a.t.Helper()
	send := func() answer {
		a.t.Helper()
		got, request, err := a.send(method, path, body, changes...)
		check(a.t, err)
		a.holdAgainstContract(request, got)
		return got
	}
	if a.unwatched {
		return send()
	}
	return a.leavingNothing(method+" "+path, send)
}

// send is do for goroutines: it leaves the answer unchecked.
func (a *api) send(method, path string, body []byte, changes ...change) (answer, *http.Request, error) {
	request, err := http.NewRequest(method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+a.key)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, c := range changes {
		c(request)
	}
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
	if err != nil {
		return answer{}, nil, err
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, nil, err
	}
	return answer{response.StatusCode, response.Header, text}, request, response.Body.Close()
}

func (a *api) holdAgainstContract(request *http.Request, got answer) {
	a.t.Helper()
	if got.header.Get("X-Request-Id") == "" {
		a.t.Errorf("%s %s: no x-request-id", request.Method, request.URL)
	}
	var parsed map[string]any
	if got.header.Get("Content-Type") == "application/json" && request.Method != http.MethodHead {
		if err := json.Unmarshal(got.body, &parsed); err != nil {
			a.t.Fatalf("%s %s answered no JSON: %v: %s", request.Method, request.URL, err, got.body)
		}
	}
	if _, isError := parsed["error"]; isError == (got.status < 300) && request.Method != http.MethodHead {
		a.t.Errorf("%s %s: %d with the body %s", request.Method, request.URL, got.status, got.body)
	}
	route, path, err := a.router.FindRoute(request)
	unrouted := bytes.Contains(got.body, []byte("Nothing is served under this path"))
	if err != nil || unrouted || request.Method == http.MethodHead {
		// No operation: HEAD beside GET, 404 and 405. Such errors still have the contract's body.
		if parsed != nil && got.status >= 300 {
			check(a.t, a.schema.Components.Schemas["ErrorBody"].Value.VisitJSON(parsed))
		}
		return
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: path, Route: route},
		Status:                 got.status, Header: got.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	input.SetBodyBytes(got.body)
	if strings.HasPrefix(request.URL.Path, "/docs/") && got.status == http.StatusOK || strings.HasSuffix(request.URL.Path, ".yaml") {
		input.Options.ExcludeResponseBody = true // kin-openapi decodes neither scripts nor pages
	}
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		a.t.Errorf("%s %s: the answer breaks the contract: %v", request.Method, request.URL, err)
		return
	}
	declared := slices.Clone(headersOfHTTP)
	for name := range route.Operation.Responses.Status(got.status).Value.Headers {
		declared = append(declared, http.CanonicalHeaderKey(name))
	}
	for name := range got.header {
		if !slices.Contains(declared, name) {
			a.t.Errorf("%s %s: the contract does not say that %d has the header %s", request.Method, request.URL, got.status, name)
		}
	}
}

// headersOfHTTP are those that an answer of any API may have, and that no contract lists.
var headersOfHTTP = []string{
	"Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Cross-Origin-Resource-Policy", "Date",
	"Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options",
}

// wants fails the test unless the answer has this status; it returns the answer's JSON.
func (got answer) wants(t *testing.T, status int) map[string]any {
	t.Helper()
	if got.status != status {
		t.Fatalf("got %d, want %d: %s", got.status, status, got.body)
	}
	var parsed map[string]any
	if len(got.body) > 0 {
		check(t, json.Unmarshal(got.body, &parsed))
	}
	return parsed
}

// wantsError fails the test unless the answer is this error, about these fields in any order.
func (got answer) wantsError(t *testing.T, status int, code string, fields ...string) {
	t.Helper()
	problem := got.problem(t)
	if got.status != status || problem.Code != code {
		t.Errorf("got %d %s, want %d %s: %s", got.status, problem.Code, status, code, got.body)
	}
	named := map[string]bool{}
	for _, d := range problem.Details {
		named[d.Field] = true
	}
	for _, field := range fields {
		if !named[field] {
			t.Errorf("the error does not name %s: %s", field, got.body)
		}
	}
	if len(fields) > 0 && len(named) != len(fields) {
		t.Errorf("got details of %d fields, want %v: %s", len(named), fields, got.body)
	}
}

type problem struct {
	Code, Message, Outcome string
	RequestID              string `json:"request_id"`
	Details                []struct{ Field, Issue string }
}

func (got answer) problem(t *testing.T) problem {
	t.Helper()
	var body struct{ Error problem }
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatalf("%d with no error body: %v: %s", got.status, err, got.body)
	}
	return body.Error
}

// attempts counts what is recorded for a document.
func (a *api) attempts(id string) int {
	a.t.Helper()
	return len(a.get("/v1/documents/"+id+"/delivery?limit=100").wants(a.t, http.StatusOK)["data"].([]any))
}

func (a *api) status(id string) string {
	a.t.Helper()
	return a.get("/v1/documents/"+id).wants(a.t, http.StatusOK)["status"].(string)
}

// reportBody is a whole succeeded report under an execution id.
func reportBody(executionID string) string {
	return fmt.Sprintf(`{"provider":"dynamics365","status":"succeeded","external_record_id":"crm-row-001",`+
		`"execution_id":%q,"attempted_at":"2026-03-24T03:00:00.000Z"}`, executionID)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer is a log that a running server and a test may use at once.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
