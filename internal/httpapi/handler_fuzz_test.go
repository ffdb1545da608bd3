package httpapi_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/store/storetest"
)

// fuzzed is a server over a database of its own, without a network in between.
type fuzzed struct {
	handler http.Handler
	key     string
	rows    *sql.DB
}

func newFuzzed(f *testing.F, url, pool string) fuzzed {
	f.Helper()
	s, err := store.Open(url, store.Options{Create: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	if err := s.Migrate(f.Context()); err != nil && !errors.Is(err, store.ErrNotOwner) { // then it is migrated
		f.Fatal(err)
	}
	key, text, err := apikey.New(apikey.Test, "crm-worker", apikey.Scopes(), time.Now(), time.Time{})
	if err == nil {
		err = s.AddKey(f.Context(), key, "tests")
	}
	if err == nil {
		_, _, err = s.PutDocument(f.Context(), "doc_1", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}, nil)
	}
	if err != nil {
		f.Fatal(err)
	}
	handler, err := httpapi.New(httpapi.Config{
		Service: delivery.NewService(s, delivery.Settings{}, time.Now), Authenticator: apikey.NewAuthenticator(s, time.Now), Ready: s.Ready,
		RequestTimeout: 7 * time.Second, BodyTimeout: 10 * time.Second, Limits: httpapi.Limits{InWork: 16, Queued: 16},
		RateLimits: httpapi.RateLimits{Key: 1_000_000_000, Address: 1_000_000_000},
		Logger:     slog.New(slog.NewJSONHandler(io.Discard, nil)),
	})
	if err != nil {
		f.Fatal(err)
	}
	return fuzzed{handler, text, s.Pools()[pool]}
}

// patient is a recorder that a deadline can be set on, as on a connection.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetReadDeadline(time.Time) error { return nil }

// serve returns the answer to a request and how many rows it left.
func (s fuzzed) serve(t *testing.T, method string, target *url.URL, contentType string, body []byte) (answer *httptest.ResponseRecorder, left int) {
	t.Helper()
	before := s.count(t)
	request := httptest.NewRequest(method, "/", bytes.NewReader(body))
	request.URL, request.RequestURI = target, target.RequestURI()
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Request-Id", "fuzzed")
	answer = httptest.NewRecorder()
	s.handler.ServeHTTP(patient{answer}, request)
	return answer, s.count(t) - before
}

func (s fuzzed) count(t *testing.T) (rows int) {
	t.Helper()
	row := s.rows.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM documents) + (SELECT count(*) FROM deliveries)
		+ (SELECT count(*) FROM delivery_attempts) + (SELECT count(*) FROM claims) + (SELECT count(*) FROM audit_entries)`)
	check(t, row.Scan(&rows))
	return rows
}

// Whatever is sent to whatever path: no answer is a mistake of the server, nothing is left behind unless the answer is 2xx,
// and both databases mean the same.
func FuzzHandler(f *testing.F) {
	const path, media = "/v1/documents/doc_1/delivery", "application/json"
	for _, seed := range []struct{ method, target, contentType, body string }{
		{"POST", path, media, reportBody("run-1")},
		{"POST", path, media, strings.Replace(reportBody("run-1"), "crm-row-001", "other", 1)},
		{"POST", path, media, `{"provider":"sap","status":"failed","execution_id":"run-2","attempted_at":"2026-03-24T04:00:00.1+01:00","error_code":"M8 082","error_message":"\u0001\u202e"}`},
		{"POST", path, media, `{"provider":"sap","status":"failed","execution_id":"run-3","attempted_at":"9999-12-31T23:59:59-23:59"}`},
		{"POST", path, "application/json; charset=utf-8", `{"a":"\u0000"}`},
		{"GET", path + "?provider=dynamics365&status=failed&limit=20&since=2026-01-01T00:00:00Z&until=9999-12-31T23:59:59-23:59", "", ""},
		{"GET", path + "?cursor=AQ&limit=0x10&execution_id=%00", "", ""},
		{"GET", "/v1/documents/%2e%2e%2Fx", "", ""},
		{"PUT", "/v1/documents/doc_2", media, `{"status":"reviewed","schema":"invoice","external_id":"erp-1","metadata":{"a":12345678901234567891},"providers":["sap"]}`},
		{"PUT", "/v1/documents/doc_1", media, `{"status":"processing","providers":[]}`},
		{"GET", "/v1/delivery/attempts?document_id=doc_1&external_record_id=%F0%9F%92%A9&error_code=x&request_id=y", "", ""},
		{"GET", "/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-0123456789ab", "", ""},
		{"GET", "/v1/deliveries?state=pending&external_id=%E2%80%AE&limit=100", "", ""},
		{"GET", "/v1/delivery/outbox?provider=dynamics365", "", ""},
		{"GET", "/v1/audit/checkpoint", "", ""},
		{"POST", "/v1/delivery/claims", media, `{"provider":"dynamics365","limit":1,"lease_seconds":60,"worker":"w"}`},
		{"POST", "/v1/delivery/claims/clm_1/extend", media, `{"lease_seconds":60}`},
		{"POST", "/v1/delivery/claims/clm_1/release", media, ``},
		{"POST", "/v1/documents/doc_1/actions/retry-push", media, `{"provider":"dynamics365","reason":"r","force":true}`},
		{"OPTIONS", "*", "", ""}, {"HEAD", "/livez", "", ""}, {"GET", "/docs/%00", "", ""},
	} {
		f.Add(seed.method, seed.target, seed.contentType, []byte(seed.body))
	}
	sqlite, postgres := newFuzzed(f, storetest.SQLite(f), "sqlite-read"), newFuzzed(f, applicationURL(f), "postgres")
	f.Fuzz(func(t *testing.T, method, target, contentType string, body []byte) {
		parsed, err := url.ParseRequestURI(target)
		if err != nil || !isToken(method) || strings.ContainsAny(contentType, "\r\n\x00") {
			return // net/http refuses it before anybody sees it
		}
		var statuses [2]int
		for i, s := range []fuzzed{sqlite, postgres} {
			answer, left := s.serve(t, method, parsed, contentType, body)
			statuses[i] = answer.Code
			if answer.Code >= 500 || answer.Code < 200 {
				t.Errorf("%s %q: %d %s", method, target, answer.Code, answer.Body)
			}
			if left != 0 && answer.Code >= 300 {
				t.Errorf("%s %q: %d, and %d rows are left", method, target, answer.Code, left)
			}
		}
		if statuses[0] != statuses[1] {
			t.Errorf("%s %q: %d on SQLite, %d on PostgreSQL", method, target, statuses[0], statuses[1])
		}
	})
}

// isToken tells whether net/http lets this method in.
func isToken(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}
