package workers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

const attemptText = `{"id":"a","document_id":"d","provider":"crm","status":"skipped","execution_id":"x","attempted_at":"2026-01-02T03:04:05Z","external_record_id":null,"external_url":null,"error_code":null,"error_message":null,"request_id":"r","recorded_at":"2026-01-02T03:04:06Z"}`

// serve makes a caller of servers with these handlers.
func serve(t *testing.T, patience time.Duration, handlers ...http.HandlerFunc) *Caller {
	t.Helper()
	var origins []string
	for _, h := range handlers {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		origins = append(origins, server.URL)
	}
	journal := NewJournal(time.Now(), func(*history.Operation) error { return nil })
	return NewCaller(origins, []string{"key"}, journal, patience)
}

func skipped() history.Operation {
	return recording(history.Report{DocumentID: "d", Provider: "crm", Status: "skipped", ExecutionID: "x", AttemptedAt: "2026-01-02T03:04:05Z"})
}

func TestSend_TellsOutcomes(t *testing.T) {
	refusal := func(outcome string) string {
		return fmt.Sprintf(`{"error":{"code":"unavailable","outcome":%q}}`, outcome)
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   history.Outcome
	}{
		{"recorded", 201, attemptText, history.Done},
		{"not JSON", 201, "{", history.Broken},
		{"conflict", 409, `{"error":{"code":"conflict","details":[{"field":"status"}]}}`, history.Refused},
		{"limited", 429, `{"error":{"code":"rate_limited"}}`, history.NotExecuted},
		{"not executed", 503, refusal("not_executed"), history.NotExecuted},
		{"in doubt", 503, refusal("outcome_unknown"), history.Unknown},
		{"neither", 503, refusal(""), history.Broken},
		{"a bug", 500, `{"error":{"code":"internal_error"}}`, history.Broken},
		{"no code", 404, "not found", history.Broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			})
			if o := caller.Send(t.Context(), skipped()); o.Outcome != c.want || o.HTTP != c.status {
				t.Errorf("got %s, %d (%s), want %s", o.Outcome, o.HTTP, o.Problem, c.want)
			}
		})
	}
}

func TestSend_HalfAnAnswer_IsUnknown(t *testing.T) {
	caller := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(attemptText))
	})
	if o := caller.Send(t.Context(), skipped()); o.Outcome != history.Unknown || o.HTTP != 0 || o.Attempt != nil {
		t.Errorf("got %s, %d", o.Outcome, o.HTTP)
	}
}

func TestSend_NoAnswerInTime_IsUnknown(t *testing.T) {
	told := make(chan struct{})
	defer close(told)
	caller := serve(t, 20*time.Millisecond, func(http.ResponseWriter, *http.Request) { <-told })
	if o := caller.Send(t.Context(), skipped()); o.Outcome != history.Unknown {
		t.Errorf("got %s", o.Outcome)
	}
}

func TestSend_NobodyListens_IsNotExecuted(t *testing.T) {
	caller := serve(t, time.Minute)
	server := httptest.NewServer(nil)
	server.Close()
	caller.Origins = []string{server.URL}
	if o := caller.Send(t.Context(), skipped()); o.Outcome != history.NotExecuted {
		t.Errorf("got %s (%s)", o.Outcome, o.Problem)
	}
}

func TestSend_List_ReadsAllPages(t *testing.T) {
	caller := serve(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			_, _ = fmt.Fprintf(w, `{"data":[%s],"next_cursor":"more"}`, attemptText)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":[%s],"next_cursor":null}`, attemptText)
	})
	if o := caller.Send(t.Context(), history.Operation{Kind: history.List, DocumentID: "d", Limit: 1}); o.Outcome != history.Done || len(o.Attempts) != 2 {
		t.Errorf("got %s with %d attempts", o.Outcome, len(o.Attempts))
	}
}

// A worker goes on to another server, with the same report, until one says what became of it.
func TestInsist_SendsAgainToOthers(t *testing.T) {
	var refused atomic.Int32
	refuse := func(w http.ResponseWriter, _ *http.Request) {
		refused.Add(1)
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":"unavailable","outcome":"not_executed"}}`))
	}
	caller := serve(t, time.Minute, refuse, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(attemptText))
	})
	c := newClient(&Load{caller: caller, seed: 1}, 0)
	for range 20 { // each begins with a server at random
		if o := c.insist(t.Context(), skipped()); o.Outcome != history.Done || o.Server != 1 {
			t.Fatalf("got %s of server %d", o.Outcome, o.Server)
		}
	}
	if refused.Load() == 0 {
		t.Error("no client began with the server that refuses")
	}
}

func TestInsist_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	caller := serve(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":"unavailable","outcome":"not_executed"}}`))
	})
	if o := newClient(&Load{caller: caller, seed: 1}, 0).insist(ctx, skipped()); Final(o) {
		t.Errorf("got %s", o.Outcome)
	}
}
