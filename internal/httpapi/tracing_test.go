package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/store/storetest"
)

// tracedAPI is a server whose spans can be looked at.
type tracedAPI struct {
	*api
	recorder *tracetest.SpanRecorder
}

func newTracedAPI(t *testing.T, databaseURL string, configure ...func(*httpapi.Config)) *tracedAPI {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
	configure = append(configure, func(config *httpapi.Config) { config.Tracer = provider.Tracer("numora") })
	a := &tracedAPI{newAPIOver(t, databaseURL, store.Options{Create: true, Traces: provider}, delivery.Settings{}, configure...), recorder}
	a.unwatched = true // to look would make spans
	a.register(documentID)
	return a
}

func eachEngineTraced(t *testing.T, test func(t *testing.T, a *tracedAPI)) {
	t.Helper()
	eachDatabase(t, func(t *testing.T, databaseURL string) { test(t, newTracedAPI(t, databaseURL)) })
}

// traced returns the span of a request and those below it, which must all be of one trace and ended. send gets one answer.
func (a *tracedAPI) traced(send func() answer) (got answer, request sdktrace.ReadOnlySpan, below []sdktrace.ReadOnlySpan) {
	a.t.Helper()
	a.recorder.Reset()
	got = send()
	for _, span := range a.recorder.Ended() {
		switch {
		case span.SpanKind() != trace.SpanKindServer:
			below = append(below, span)
		case request != nil:
			a.t.Fatalf("one request made the spans %s and %s", request.Name(), span.Name())
		default:
			request = span
		}
	}
	if request == nil {
		a.t.Fatal("the request made no span")
	}
	if started := len(a.recorder.Started()); started != 1+len(below) {
		a.t.Errorf("%d of %d spans of %s were not ended", started-1-len(below), started, request.Name())
	}
	for _, span := range below {
		if span.SpanContext().TraceID() != request.SpanContext().TraceID() {
			a.t.Errorf("%s is not of the trace of %s", span.Name(), request.Name())
		}
	}
	return got, request, below
}

func attributesOf(span sdktrace.ReadOnlySpan) map[string]string {
	attributes := map[string]string{}
	for _, a := range span.Attributes() {
		attributes[string(a.Key)] = a.Value.String()
	}
	return attributes
}

// children returns the spans right below one.
func children(spans []sdktrace.ReadOnlySpan, parent sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	return slices.DeleteFunc(slices.Clone(spans), func(s sdktrace.ReadOnlySpan) bool {
		return s.Parent().SpanID() != parent.SpanContext().SpanID()
	})
}

// only returns the one span of this name.
func only(t *testing.T, spans []sdktrace.ReadOnlySpan, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	named := slices.DeleteFunc(slices.Clone(spans), func(s sdktrace.ReadOnlySpan) bool { return s.Name() != name })
	if len(named) != 1 {
		t.Fatalf("got %d spans %s among %d", len(named), name, len(spans))
	}
	return named[0]
}

// wantsAttributes fails the test unless these are a span's attributes, all of them.
func wantsAttributes(t *testing.T, span sdktrace.ReadOnlySpan, want map[string]string) {
	t.Helper()
	got := attributesOf(span)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: %s is %q, want %q", span.Name(), name, got[name], value)
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			t.Errorf("%s has the attribute %s, which nobody asked for", span.Name(), name)
		}
	}
}

func TestTraces_ARecordingIsOneTrace(t *testing.T) {
	eachEngineTraced(t, func(t *testing.T, a *tracedAPI) {
		system := map[bool]string{true: "sqlite", false: "postgresql"}[strings.HasSuffix(t.Name(), "/sqlite")]
		for _, step := range []struct {
			body    string
			status  int
			outcome string
		}{
			{good("one", ""), http.StatusCreated, "created"},
			{good("one", ""), http.StatusOK, "replayed"},
			{good("one", `,"error_code":"other"`), http.StatusConflict, "conflict"},
		} {
			got, request, below := a.traced(func() answer { return a.report(step.body, with("X-Request-Id", "request-"+step.outcome)) })
			got.wants(t, step.status)
			if request.Name() != "POST /v1/documents/{id}/delivery" || request.Parent().IsValid() || request.Status().Code != codes.Unset {
				t.Errorf("the request's span is %s below %v with status %v", request.Name(), request.Parent(), request.Status())
			}
			wantsAttributes(t, request, map[string]string{
				"http.route": "/v1/documents/{id}/delivery", "http.request.method": "POST", "url.path": "/v1/documents/" + documentID + "/delivery",
				"http.response.status_code": fmt.Sprint(step.status), "numora.operation": "recordDelivery", "numora.request_id": "request-" + step.outcome,
			})
			if line := a.lastLine(); line["trace_id"] != request.SpanContext().TraceID().String() {
				t.Errorf("the log has the trace %v, want %v", line["trace_id"], request.SpanContext().TraceID())
			}

			stations := children(below, request)
			wantsAttributes(t, only(t, stations, "validate"), map[string]string{})
			record := only(t, stations, "record")
			wantsAttributes(t, record, map[string]string{"numora.outcome": step.outcome})
			statements := children(below, record)
			if system == "sqlite" { // on PostgreSQL the statement commits by itself
				only(t, statements, "sql.conn.begin_tx")
				only(t, statements, "sql.tx.commit")
			}
			if inserts := countStatements(statements, "INSERT INTO", "delivery_attempts"); inserts != map[bool]int{true: 1}[step.outcome == "created"] {
				t.Errorf("%s: got %d statements that insert an attempt", step.outcome, inserts)
			}
			if lookUps := countStatements(below, "SELECT", "api_keys"); lookUps != 0 {
				t.Errorf("got %d statements that look up a key that is known", lookUps)
			}
			if len(statements)+len(stations) != len(below) {
				t.Errorf("%d spans are below neither the request nor the recording", len(below)-len(statements)-len(stations))
			}
			for _, span := range below { // whatever else the pool does is left out
				if !slices.Contains([]string{"validate", "record", "sql.conn.begin_tx", "sql.conn.query", "sql.conn.exec", "sql.tx.commit"}, span.Name()) {
					t.Errorf("there is a span %s", span.Name())
				}
				if strings.HasPrefix(span.Name(), "sql.") && attributesOf(span)["db.system.name"] != system {
					t.Errorf("%s is said to be of %s, want %s", span.Name(), attributesOf(span)["db.system.name"], system)
				}
			}
		}
	})
}

// countStatements counts the statements with all of these words.
func countStatements(spans []sdktrace.ReadOnlySpan, words ...string) (count int) {
	for _, span := range spans {
		statement := attributesOf(span)["db.query.text"]
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(statement, word) }) {
			count++
		}
	}
	return count
}

func TestTraces_CallersContext_IsTheParent(t *testing.T) {
	const traceID, parentID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	a := newTracedAPI(t, storetest.SQLite(t))
	_, request, below := a.traced(func() answer {
		return a.report(good("one", ""), with("Traceparent", "00-"+traceID+"-"+parentID+"-01"), with("Tracestate", "vendor=1"))
	})
	context, parent := request.SpanContext(), request.Parent()
	if context.TraceID().String() != traceID || parent.SpanID().String() != parentID || !parent.IsRemote() || context.TraceState().Len() != 0 {
		t.Errorf("the request's span is %v below %v", context, parent)
	}
	if len(below) < 5 {
		t.Errorf("got %d spans below the request", len(below))
	}
	if line := a.lastLine(); line["trace_id"] != traceID {
		t.Errorf("the log has the trace %v", line["trace_id"])
	}

	// One that the caller does not record is not recorded here either; the log knows it all the same.
	a.recorder.Reset()
	a.report(good("two", ""), with("Traceparent", "00-"+traceID+"-"+parentID+"-00")).wants(t, http.StatusCreated)
	if spans := a.recorder.Ended(); len(spans) > 0 || a.lastLine()["trace_id"] != traceID {
		t.Errorf("got %d spans, and in the log the trace %v", len(spans), a.lastLine()["trace_id"])
	}
}

func TestTraces_BadContext_IsIgnored(t *testing.T) {
	a := newTracedAPI(t, storetest.SQLite(t))
	for i, bad := range []string{
		"", "nonsense", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
		strings.Repeat("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,", 50),
	} {
		got, request, _ := a.traced(func() answer { return a.report(good(fmt.Sprint("bad-", i), ""), with("Traceparent", bad)) })
		got.wants(t, http.StatusCreated)
		own := request.SpanContext().TraceID().String()
		if request.Parent().IsValid() || own == "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("traceparent %q: the request's span is of %s, below %v", bad, own, request.Parent())
		}
		if line := a.lastLine(); line["trace_id"] != own {
			t.Errorf("traceparent %q: the log has the trace %v, want %s", bad, line["trace_id"], own)
		}
	}
}

func TestTraces_Off_LogsNoTrace(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.get("/livez", with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")).wants(t, http.StatusOK)
	if trace, given := a.lastLine()["trace_id"]; given {
		t.Errorf("the log has the trace %v", trace)
	}
}

// What went wrong on our side is an error of the request's span, with its class and no more; a refusal is none.
func TestTraces_Failures(t *testing.T) {
	unavailable := func(outcome delivery.Outcome) error {
		return &delivery.UnavailableError{Outcome: outcome, Cause: errors.New("a secret of the database")}
	}
	for name, test := range map[string]struct {
		err    error // of the store
		path   string
		body   string
		status int
		class  string
	}{
		"NotExecuted":    {unavailable(delivery.NotExecuted), "/v1/documents/doc_1/delivery", good("one", ""), http.StatusServiceUnavailable, "not_executed"},
		"OutcomeUnknown": {unavailable(delivery.OutcomeUnknown), "/v1/documents/doc_1/delivery", good("one", ""), http.StatusServiceUnavailable, "outcome_unknown"},
		"Bug":            {errors.New("a secret of a bug"), "/v1/documents/doc_1/delivery", good("one", ""), http.StatusInternalServerError, "bug"},
		"Panic":          {nil, "/v1/documents/doc_1/delivery", good("one", ""), http.StatusInternalServerError, "bug"},
		"Invalid":        {nil, "/v1/documents/doc_1/delivery", "{", http.StatusBadRequest, ""},
		"NotFound":       {delivery.ErrDocumentNotFound, "/v1/documents/doc_1/delivery", good("one", ""), http.StatusNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTracedAPI(t, storetest.SQLite(t))
			a.serve(delivery.NewService(brokenStore{err: test.err}, delivery.Settings{}, time.Now), a.store, a.store.Ready)
			got, request, below := a.traced(func() answer { return a.do(http.MethodPost, test.path, []byte(test.body)) })
			got.wants(t, test.status)
			want := sdktrace.Status{}
			if test.class != "" {
				want = sdktrace.Status{Code: codes.Error, Description: test.class}
			}
			if request.Status() != want {
				t.Errorf("the status is %v, want %v", request.Status(), want)
			}
			if text := exported(append(below, request)); strings.Contains(text, "secret") {
				t.Errorf("the spans tell too much:\n%s", text)
			}
		})
	}
}

func TestTraces_ShedRequest_IsAnErrorWithNothingBelow(t *testing.T) {
	a := newTracedAPI(t, storetest.SQLite(t), func(config *httpapi.Config) { config.Limits = httpapi.Limits{InWork: 1} })
	held := gate{entered: make(chan context.Context, 1), open: make(chan struct{})}
	a.serve(delivery.NewService(held, delivery.Settings{}, time.Now), a.store, a.store.Ready)
	first := make(chan error, 1)
	go func() {
		_, _, err := a.send(http.MethodGet, "/v1/documents/"+documentID, nil)
		first <- err
	}()
	<-held.entered
	a.recorder.Reset()
	a.report(good("one", "")).wantsError(t, http.StatusServiceUnavailable, "unavailable")
	spans := a.recorder.Ended()
	close(held.open)
	check(t, <-first)
	if len(spans) != 1 || spans[0].Status() != (sdktrace.Status{Code: codes.Error, Description: "shed"}) {
		t.Errorf("got %d spans:\n%s", len(spans), exported(spans))
	}
}

func TestTraces_RequestOfNoRoute_IsNamedAfterItsMethod(t *testing.T) {
	a := newTracedAPI(t, storetest.SQLite(t))
	got, request, _ := a.traced(func() answer { return a.get("/v2/" + strings.Repeat("x", 300)) })
	got.wants(t, http.StatusNotFound)
	attributes := attributesOf(request)
	if _, routed := attributes["http.route"]; routed || request.Name() != "GET" || len(attributes["url.path"]) > 270 {
		t.Errorf("the request's span is %s with %v", request.Name(), attributes)
	}
}

func TestTraces_EndlessMethod_IsCut(t *testing.T) {
	a := newTracedAPI(t, storetest.SQLite(t))
	got, request, _ := a.traced(func() answer { return a.do(strings.Repeat("B", 40_000), "/v1/documents/doc_1", nil) })
	got.wants(t, http.StatusMethodNotAllowed)
	if logged := a.lastLine()["method"].(string); len(logged) > 300 || len(exported([]sdktrace.ReadOnlySpan{request})) > 2000 {
		t.Errorf("the log has %d bytes of the method, the span %d in all", len(logged), len(exported([]sdktrace.ReadOnlySpan{request})))
	}
}

// exported is all the text that leaves the house with spans.
func exported(spans []sdktrace.ReadOnlySpan) string {
	var text strings.Builder
	write := func(attributes []attribute.KeyValue) {
		for _, a := range attributes {
			fmt.Fprintf(&text, "\t%s=%s\n", a.Key, a.Value)
		}
	}
	for _, span := range spans {
		fmt.Fprintln(&text, span.Name(), span.SpanKind(), span.Status().Description, span.SpanContext().TraceState())
		write(span.Attributes())
		write(span.Resource().Attributes())
		for _, event := range span.Events() {
			fmt.Fprintln(&text, event.Name)
			write(event.Attributes)
		}
		for _, link := range span.Links() {
			write(link.Attributes)
		}
	}
	return text.String()
}

func TestTraces_TellNothingOfWhatIsSentAndStored(t *testing.T) {
	eachEngineTraced(t, func(t *testing.T, a *tracedAPI) {
		const secrets = `,"external_record_id":"secret-row","external_url":"https://crm.example/secret-url","error_code":"secret-code","error_message":"secret message"`
		report := func(executionID string) string {
			return strings.Replace(good(executionID, secrets), "dynamics365", "secret-provider", 1)
		}
		hold := func(status int, send func() answer) {
			t.Helper()
			got, request, below := a.traced(send)
			got.wants(t, status)
			text := exported(append(below, request))
			if !strings.Contains(text, "http.response.status_code="+fmt.Sprint(status)) {
				t.Errorf("the spans do not tell of the answer %d:\n%s", status, text)
			}
			if status == http.StatusInternalServerError && !strings.Contains(text, "exception.message=") {
				t.Errorf("the spans do not tell of the database's error:\n%s", text)
			}
			for _, hidden := range []string{"secret", a.key, strings.Split(a.key, "_")[2], strings.Split(a.key, "_")[3], "crm-worker"} {
				if strings.Contains(text, hidden) {
					t.Errorf("after the answer %d the spans tell of %q:\n%s", status, hidden, text)
				}
			}
		}
		hold(http.StatusCreated, func() answer {
			return a.put("doc_1", `{"status":"reviewed","schema":"secret-schema","external_id":"secret-id","metadata":{"secret-member":"secret value"},`+
				`"result_url":"https://numora.example/secret-result","providers":["secret-listed"]}`)
		})
		hold(http.StatusOK, func() answer { return a.put("doc_1", `{"status":"reviewed","providers":["secret-relisted"]}`) })
		hold(http.StatusCreated, func() answer { return a.report(report("secret-execution")) })
		hold(http.StatusOK, func() answer { return a.report(report("secret-execution")) })
		hold(http.StatusConflict, func() answer {
			return a.report(strings.Replace(report("secret-execution"), "secret message", "another secret message", 1))
		})
		hold(http.StatusUnprocessableEntity, func() answer { return a.report(strings.Replace(report("secret-execution-2"), "2026", "1999", 1)) })
		hold(http.StatusBadRequest, func() answer {
			return a.report(strings.Replace(report("secret-execution-3"), `"error_code"`, `"secret-member"`, 1))
		})
		hold(http.StatusNotFound, func() answer {
			return a.do(http.MethodPost, "/v1/documents/doc_2/delivery", []byte(report("secret-execution-4")))
		})
		hold(http.StatusOK, func() answer {
			return a.get("/v1/documents/" + documentID + "/delivery?provider=secret-provider&execution_id=secret-execution&limit=1")
		})
		hold(http.StatusBadRequest, func() answer { return a.get("/v1/documents/" + documentID + "/delivery?cursor=secret-cursor") })
		hold(http.StatusOK, func() answer { return a.get("/v1/documents/"+documentID, with("Baggage", "user=secret-user")) })
		hold(http.StatusUnauthorized, func() answer {
			return a.get("/v1/documents/"+documentID, with("Authorization", "Bearer sk_test_secret_key"))
		})
		// An error of the database itself.
		const takeAway = "ALTER TABLE delivery_attempts RENAME TO elsewhere"
		if sqlite := a.store.Pools()["sqlite-write"]; sqlite != nil {
			_, err := sqlite.ExecContext(t.Context(), takeAway)
			check(t, err)
		} else {
			storetest.AsOwner(t, a.databaseURL, takeAway)
		}
		hold(http.StatusInternalServerError, func() answer { return a.report(report("secret-execution-5")) })
	})
}
