package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/openapi"
)

const benchedReport = `{"provider":"dynamics365","status":"succeeded","external_record_id":"crm-row-001",` +
	`"execution_id":"n8n-4be38121-3791-4856-80d5-c57dbec2cf78","attempted_at":"2026-11-24T07:00:00.123456Z"}`

func BenchmarkDecodeStrict(b *testing.B) {
	data := []byte(benchedReport)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeStrict(data); err != nil {
			b.Fatal(err)
		}
	}
}

// recordContext is a request's context as the router leaves it.
func recordContext() echo.Context {
	request := httptest.NewRequest(http.MethodPost, "/v1/documents/doc-1/delivery", strings.NewReader(benchedReport))
	request.Header.Set(echo.HeaderXRequestID, "request-1")
	request = request.WithContext(contextWith(request.Context(), &call{}))
	c := echo.New().NewContext(request, httptest.NewRecorder())
	c.SetPath("/v1/documents/:id/delivery")
	c.SetParamNames("id")
	c.SetParamValues("doc-1")
	return c
}

func recordOperation(b testing.TB) *operation {
	b.Helper()
	contract, err := openapi.Load()
	if err != nil {
		b.Fatal(err)
	}
	operations, err := newOperations(contract)
	if err != nil {
		b.Fatal(err)
	}
	return operations["recordDelivery"]
}

func BenchmarkValidate_Parameters(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	b.ReportAllocs()
	for b.Loop() {
		if err := operation.validateParameters(c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValidate_Body decodes, too.
func BenchmarkValidate_Body(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	b.ReportAllocs()
	for b.Loop() {
		if err := operation.validateBody(c, []byte(benchedReport)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBind converts the value that was validated into the typed model.
func BenchmarkBind(b *testing.B) {
	operation, c := recordOperation(b), recordContext()
	if err := operation.validateBody(c, []byte(benchedReport)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var body deliveryapi.RecordDeliveryJSONRequestBody
		if err := (validatedBinder{}).Bind(&body, c); err != nil {
			b.Fatal(err)
		}
	}
}

// instantStore records whatever it is given, nowhere.
type instantStore struct{ delivery.Store }

func (instantStore) Record(_ context.Context, given []delivery.Attempt, _ *delivery.Registration) ([]delivery.Recorded, error) {
	given[0].RecordedAt = delivery.NewInstant(time.Now())
	return []delivery.Recorded{{Result: delivery.Created, Attempt: given[0]}}, nil
}

// oneKey is a store of keys that has one.
type oneKey struct {
	apikey.Store
	key apikey.Key
}

func (s oneKey) Key(context.Context, string) (apikey.Key, error) { return s.key, nil }

// discarded takes an answer as net/http does, and forgets it.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header             { return d.header }
func (d *discarded) Write(data []byte) (int, error)  { return len(data), nil }
func (d *discarded) WriteHeader(status int)          { d.status = status }
func (d *discarded) SetReadDeadline(time.Time) error { return nil }

// BenchmarkRequest is the whole way of a report but for net/http and the database, with its line in the log.
func BenchmarkRequest(b *testing.B) {
	logs, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = logs.Close() })
	key, text, err := apikey.New(apikey.Live, "crm-worker", apikey.Scopes(), time.Now(), time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	api, err := New(Config{
		Service: delivery.NewService(instantStore{}, delivery.Settings{}, time.Now), Authenticator: apikey.NewAuthenticator(oneKey{key: key}, time.Now),
		RequestTimeout: 3 * time.Second, BodyTimeout: 10 * time.Second, Limits: Limits{InWork: 256, Queued: 1024}, RateLimits: RateLimits{Key: 1_000_000_000, Address: 1_000_000_000},
		Logger: slog.New(slog.NewJSONHandler(logs, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/v1/documents/doc-1/delivery", nil)
	request.Header.Set("Authorization", "Bearer "+text)
	request.Header.Set("Content-Type", "application/json")
	request.ContentLength = int64(len(benchedReport))
	b.ReportAllocs()
	for b.Loop() {
		request.Body = io.NopCloser(strings.NewReader(benchedReport))
		request.Header.Del(echo.HeaderXRequestID)
		answer := discarded{header: make(http.Header)}
		api.ServeHTTP(&answer, request)
		if answer.status != http.StatusCreated {
			b.Fatalf("the answer is %d", answer.status)
		}
	}
}
