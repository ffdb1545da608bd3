package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// canary stands in everything that a client sends, but for what the log names on purpose: the path, and a request's,
// document's, provider's and execution's id where they are well formed.
const canary = "c4n4ry"

// told is what a server lets others know, as it comes.
type told struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *told) add(text []byte) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.text.Write(text)
	o.text.WriteByte('\n')
}

// Write implements io.Writer.
func (o *told) Write(text []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(text)
}

func (o *told) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// collect is an OTLP collector that keeps what it is sent.
func collect(t *testing.T, spans *told) (url string) {
	t.Helper()
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		spans.add(sent)
	}))
	t.Cleanup(collector.Close)
	return collector.URL
}

// canaryRequests are requests of all operations, answered in every way. The first few are accepted.
func canaryRequests() (requests []func(s *server) (answer, error)) {
	add := func(method, path, body string, headers ...string) {
		requests = append(requests, func(s *server) (answer, error) { return s.exchange(method, path, body, headers...) })
	}
	document, claims := "/v1/documents/doc_1", "/v1/delivery/claims"
	add(http.MethodPut, document, `{"status":"reviewed","schema":"c4n4ry","external_id":"c4n4ry","metadata":{"c4n4ry":"c4n4ry"},"result_url":"https://c4n4ry.example/?c4n4ry","providers":["sap"]}`)
	add(http.MethodPost, claims, `{"provider":"sap","worker":"c4n4ry"}`)
	full := `{"provider":"sap","status":%q,"execution_id":"one","attempted_at":"2026-03-24T03:00:00Z","external_record_id":"c4n4ry","external_url":"https://c4n4ry.example/c4n4ry","error_code":"c4n4ry","error_message":"c4n4ry \u001b[31m\r\nc4n4ry"}`
	for _, status := range []string{"succeeded", "succeeded", "failed"} { // created, replayed, conflicting
		add(http.MethodPost, document+"/delivery", fmt.Sprintf(full, status))
	}
	add(http.MethodPost, "/v1/documents/nobody/delivery", fmt.Sprintf(full, "failed"))
	add(http.MethodPost, document+"/actions/retry-push", `{"provider":"sap","reason":"c4n4ry","force":true}`)
	add(http.MethodGet, document, "")
	for _, filter := range []string{"external_record_id", "error_code", "cursor", "limit", "since", "execution_id", "request_id"} {
		add(http.MethodGet, "/v1/delivery/attempts?"+filter+"=c4n4ry", "")
	}
	add(http.MethodGet, "/v1/deliveries?external_id=c4n4ry&api_key=c4n4ry", "")
	add(http.MethodGet, "/v1/audit/checkpoint", "")
	add(http.MethodGet, "/v1/audit/checkpoint?size=c4n4ry", "")
	// Each member with a value that is refused.
	for _, member := range []string{"provider", "status", "execution_id", "attempted_at", "external_record_id", "external_url", "error_code", "error_message"} {
		add(http.MethodPost, document+"/delivery", strings.Replace(fmt.Sprintf(full, "failed"), `"`+member+`":"`, `"`+member+`":"c4n4ry \u0000`, 1))
	}
	for _, body := range []string{`c4n4ry`, `"c4n4ry"`, `{"c4n4ry`, `{"status":"c4n4ry"}`, `{"providers":["C4n4ry c4n4ry"],"status":"reviewed"}`, `{"status":"reviewed","metadata":"c4n4ry"}`} {
		add(http.MethodPut, document, body)
	}
	add(http.MethodPost, claims, `{"provider":"c4n4ry X","lease_seconds":"c4n4ry"}`)
	add(http.MethodPost, claims+"/clm_AAAAAAAAAAAAAAAAAAAAAAAAAA/extend", `{"lease_seconds":"c4n4ry"}`)
	add(http.MethodPost, document+"/actions/retry-push", `{"provider":"nobody","reason":"c4n4ry"}`)
	add(http.MethodPost, document+"/delivery", `{"error_message":"`+strings.Repeat(canary, 12_000)+`"}`)
	add(http.MethodPost, document+"/delivery", strings.Replace(fmt.Sprintf(full, "failed"), "2026", "1969", 1))
	add(http.MethodGet, document, "", "Filling", strings.Repeat(canary, 3_000))
	add(http.MethodGet, "/nothing", "", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate", "a=c4n4ry,c4n4ry=b")
	// Each header.
	for _, header := range []string{
		"Authorization", "Cookie", "User-Agent", "Referer", "Origin", "X-Api-Key", "X-Forwarded-For", "Forwarded", "Accept", "Traceparent",
		"Baggage", "Content-Type", "Content-Encoding", "Expect-Not", "X-Request-Id", "Idempotency-Key", "X-Http-Method-Override",
	} {
		for _, value := range []string{"c4n4ry c4n4ry", "Bearer c4n4ry", "Basic c4n4ry"} {
			add(http.MethodPost, document+"/delivery", fmt.Sprintf(full, "succeeded"), header, value)
		}
	}
	return requests
}

// Neither what is sent nor a key ever shows in what is told of it: log, metrics, traces, and the answers to what is refused.
func TestCanary_WhatIsSentIsNotTold(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			storetest.Engines(t, func(t *testing.T, databaseURL string) { sendCanaries(t, databaseURL, format) })
		})
	}
}

func sendCanaries(t *testing.T, databaseURL, format string) {
	var stdout, logs, spans, errors told
	key, signer := newKey(t, databaseURL), newAuditKey(t, "numora.example/test")
	environment := []string{
		"NUMORA_DATABASE_URL=" + databaseURL, "OTEL_EXPORTER_OTLP_ENDPOINT=" + collect(t, &spans),
		"NUMORA_AUDIT_KEY_FILE=" + signer.file, "NUMORA_AUDIT_SEAL_EVERY=100ms", "NUMORA_AUDIT_CHECKPOINT_STDOUT=true",
		"NUMORA_PROVIDERS=sap", "NUMORA_LOG_FORMAT=" + format, "NUMORA_LISTEN=" + freeAddress(t), "NUMORA_ADMIN_LISTEN=" + freeAddress(t),
	}
	s := startAt(t, key, &stdout, &logs, environment)
	answered := map[int]int{}
	refuse := func(got answer, err error) {
		t.Helper()
		check(t, err)
		answered[got.status]++
		if got.status >= 300 {
			errors.add(got.body)
		}
	}
	for _, request := range canaryRequests() {
		refuse(request(s))
	}

	// Keys, where they belong and where they don't.
	another, text, err := apikey.New(apikey.Live, "another", apikey.Scopes(), delivery.NewInstant(time.Now()), time.Time{})
	check(t, err)
	refuse(s.with(text).exchange(http.MethodGet, "/v1/documents/doc_1", ""))
	for _, key := range []string{key, text} {
		refuse(s.exchange(http.MethodGet, "/v1/documents/"+key, ""))
		refuse(s.exchange(http.MethodGet, "/v1/documents/doc_1?api_key="+key, ""))
		refuse(s.exchange(http.MethodGet, "/v1/documents/doc_1?"+key, ""))
		refuse(s.exchange(http.MethodPost, "/v1/documents/"+key+"/delivery", report(key)))
		refuse(s.exchange(http.MethodPost, "/v1/documents/doc_1/delivery", report(key)))
		refuse(s.exchange(http.MethodPost, "/v1/documents/doc_1/delivery", strings.Replace(report(key), "failed", "skipped", 1)))
		refuse(s.exchange(http.MethodPost, "/v1/documents/doc_1/delivery", report("two"), "x-request-id", key))
		refuse(s.exchange(key, "/v1/documents/doc_1", ""))
	}
	reader := newKeyFor(t, databaseURL, "reader", "documents:read")
	refuse(s.with(reader).exchange(http.MethodGet, "/v1/delivery/attempts?error_code=c4n4ry", ""))
	for _, status := range []int{200, 201, 400, 401, 403, 404, 405, 409, 413, 415, 422, 431} {
		if answered[status] == 0 {
			t.Errorf("nothing was answered %d; %v", status, answered)
		}
	}
	if len(answered) != 12 {
		t.Errorf("answered %v", answered)
	}

	until(t, "something is sealed", func() bool { return s.latest().Size > 0 })
	checkpoint := s.wants(http.StatusOK, http.MethodGet, "/v1/audit/checkpoint", "")
	_, figures := ask(t, s.admin+"/metrics")
	check(t, s.command.Process.Signal(os.Interrupt)) // which sends the last spans
	s.wait()
	if !strings.Contains(logs.String(), "recordDelivery") || !strings.Contains(spans.String(), "recordDelivery") || !strings.Contains(figures, "recordDelivery") {
		t.Error("nothing was told at all")
	}
	signing := regexp.QuoteMeta(signer.secret(t)[:20])
	secret := func(key string) string { return key[strings.LastIndex(key, "_")+1:][:20] }
	for where, said := range map[string]string{"log": logs.String(), "traces": spans.String(), "metrics": figures, "errors": errors.String(), "checkpoint": string(checkpoint), "standard output": stdout.String()} {
		for what, secret := range map[string]string{"the canary": canary, "the key in use": secret(key), "another key " + another.ID: secret(text), "the signing key": signing} {
			if at := regexp.MustCompile("(?i)" + secret).FindStringIndex(said); at != nil {
				t.Errorf("%s tells %s: %q", where, what, said[max(0, at[0]-200):min(len(said), at[1]+50)])
			}
		}
	}
}

// startAt starts a server at the addresses of its environment, whatever its log looks like, and waits until it is ready.
func startAt(t *testing.T, key string, stdout, logs *told, environment []string) *server {
	t.Helper()
	addresses := make(map[string]string)
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		addresses[name] = "http://" + value
	}
	s := &server{t: t, key: key, url: addresses["NUMORA_LISTEN"], admin: addresses["NUMORA_ADMIN_LISTEN"], ended: make(chan error, 1)}
	s.command = command(t, t.TempDir(), environment, "serve")
	s.command.Stdout, s.command.Stderr = stdout, logs
	check(t, s.command.Start())
	go func() { s.ended <- s.command.Wait() }()
	t.Cleanup(func() { _ = s.command.Process.Kill() }) // it may have ended
	until(t, "it is ready", func() bool {
		response, err := prober.Get(s.url + "/readyz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	return s
}
