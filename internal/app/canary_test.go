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
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		var logs, spans, errors told
		key := newKey(t, databaseURL)
		environment := []string{
			"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_ADMIN_LISTEN=127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT=" + collect(t, &spans),
			"NUMORA_PROVIDERS=sap",
		}
		s := startRead(t, t.TempDir(), key, logs.add, environment, "serve", "--listen", "127.0.0.1:0")
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
			refuse(s.exchange(http.MethodPost, "/v1/documents/doc_1/delivery", report("two"), "x-request-id", key))
			refuse(s.exchange(key, "/v1/documents/doc_1", ""))
		}
		for _, status := range []int{200, 201, 400, 401, 404, 405, 409, 415} {
			if answered[status] == 0 {
				t.Errorf("nothing was answered %d; %v", status, answered)
			}
		}
		if len(answered) != 8 {
			t.Errorf("answered %v", answered)
		}

		_, figures := ask(t, s.admin+"/metrics")
		check(t, s.command.Process.Signal(os.Interrupt)) // which sends the last spans
		s.wait()
		if !strings.Contains(logs.String(), "recordDelivery") || !strings.Contains(spans.String(), "recordDelivery") || !strings.Contains(figures, "recordDelivery") {
			t.Error("nothing was told at all")
		}
		secret := func(key string) string { return key[strings.LastIndex(key, "_")+1:][:20] }
		for where, said := range map[string]string{"log": logs.String(), "traces": spans.String(), "metrics": figures, "errors": errors.String()} {
			for what, secret := range map[string]string{"the canary": canary, "the key in use": secret(key), "another key " + another.ID: secret(text)} {
				if at := regexp.MustCompile("(?i)" + secret).FindStringIndex(said); at != nil {
					t.Errorf("%s tells %s: %q", where, what, said[max(0, at[0]-200):min(len(said), at[1]+50)])
				}
			}
		}
	})
}
