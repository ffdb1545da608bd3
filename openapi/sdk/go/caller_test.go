package deliveryclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

const key = "sk_test_0123456789abcdef_secret"

var attemptedAt = time.Date(2026, time.March, 24, 3, 0, 0, 0, time.UTC)

// answer is one that a server gives, or none: then it closes the connection.
type answer struct {
	status     int
	retryAfter string
	body       string
}

const (
	recorded    = `{"id":"019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55","document_id":"doc_1","provider":"sap","status":"succeeded","execution_id":"one"}`
	unavailable = `{"error":{"code":"unavailable","message":"Not now.","request_id":"r1","outcome":"outcome_unknown"}}`
	notExecuted = `{"error":{"code":"unavailable","message":"Not now.","request_id":"r1","outcome":"not_executed"}}`
	rateLimited = `{"error":{"code":"rate_limited","message":"Too much.","request_id":"r1"}}`
	html        = `<html><body>Bad gateway</body></html>`
)

// server gives these answers one after the other, the last one ever after, and keeps what it was sent.
func server(t *testing.T, answers ...answer) (url string, sent func() []string) {
	t.Helper()
	var mutex sync.Mutex
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("%s %s: %v, with %v", r.Method, r.URL, err, r.Header)
		}
		bodies = append(bodies, string(body))
		next := answers[min(len(bodies), len(answers))-1]
		if next.status == 0 {
			panic(http.ErrAbortHandler)
		}
		if next.retryAfter != "" {
			w.Header().Set("Retry-After", next.retryAfter)
		}
		w.WriteHeader(next.status)
		_, _ = io.WriteString(w, next.body)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return slices.Clone(bodies)
	}
}

func connect(t *testing.T, url string, options deliveryclient.Options) *deliveryclient.Caller {
	t.Helper()
	options.LongestPause = time.Millisecond // what the server asks for is obeyed all the same
	caller, err := deliveryclient.Connect(url, key, options)
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

func report() deliveryclient.DeliveryReport {
	return deliveryclient.Succeeded("sap", "one", attemptedAt, "crm-1")
}

// failure is the DeliveryError that err has to be. It never tells the key.
func failure(t *testing.T, err error) *deliveryclient.DeliveryError {
	t.Helper()
	var failed *deliveryclient.DeliveryError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a DeliveryError", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells the key: %v", err)
	}
	return failed
}

func TestRecord_SentAgainUntilItIsAnswered_WithTheSameBytes(t *testing.T) {
	url, sent := server(t, answer{429, "0", rateLimited}, answer{503, "0", unavailable}, answer{}, answer{201, "", recorded})
	var told []int
	caller := connect(t, url, deliveryclient.Options{OnRetry: func(r deliveryclient.Retry) { told = append(told, r.Err.Status) }})
	attempt, replayed, err := caller.Record(t.Context(), "doc_1", report())
	if err != nil || replayed || attempt.ExecutionID != "one" {
		t.Fatalf("got %+v, replayed %t, error %v", attempt, replayed, err)
	}
	bodies := sent()
	if len(bodies) != 4 || len(slices.Compact(bodies)) != 1 || !strings.Contains(bodies[0], `"external_record_id":"crm-1"`) {
		t.Errorf("sent %q", bodies)
	}
	if !slices.Equal(told, []int{429, 503, 0}) {
		t.Errorf("told of %v", told)
	}
}

func TestRecord_WaitsAsLongAsItIsAskedTo(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "1" },
		"date":    func() string { return time.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		url, _ := server(t, answer{503, header(), notExecuted}, answer{200, "", recorded})
		var pause time.Duration
		caller := connect(t, url, deliveryclient.Options{OnRetry: func(r deliveryclient.Retry) { pause = r.Pause }})
		if _, replayed, err := caller.Record(t.Context(), "doc_1", report()); err != nil || !replayed {
			t.Errorf("%s: replayed %t, error %v", name, replayed, err)
		}
		if pause < 800*time.Millisecond { // of a date the fraction is lost
			t.Errorf("%s: waited %v", name, pause)
		}
	}
}

// What would come too late is not waited for.
func TestRecord_GivesUpAtItsDeadline(t *testing.T) {
	url, sent := server(t, answer{503, "3600", unavailable})
	_, _, err := connect(t, url, deliveryclient.Options{}).Record(t.Context(), "doc_1", report())
	failed := failure(t, err)
	if failed.Status != 503 || failed.Code != deliveryclient.ErrorCodeUnavailable || failed.Outcome != deliveryclient.ErrorOutcomeOutcomeUnknown ||
		failed.RetryAfter != time.Hour || failed.RequestID != "r1" || len(sent()) != 1 {
		t.Errorf("got %+v after %d tries", failed, len(sent()))
	}

	url, _ = server(t, answer{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err = connect(t, url, deliveryclient.Options{}).Record(ctx, "doc_1", report())
	if failed := failure(t, err); failed.Status != 0 || failed.Code != "" || failed.Cause == nil || strings.Contains(err.Error(), url) {
		t.Errorf("got %+v: %v", failed, err)
	}
}

func TestRecord_OtherStatuses_AreNotSentAgain(t *testing.T) {
	for name, test := range map[string]struct {
		answer answer
		code   deliveryclient.ErrorCode
		says   string
	}{
		"conflict":        {answer{409, "", `{"error":{"code":"conflict","message":"Other data.","request_id":"r1","details":[{"field":"external_record_id","issue":"differs"}]}}`}, "conflict", "409 conflict: Other data. (request r1)"},
		"a proxy's HTML":  {answer{502, "", html}, "", `502, and not an answer of this API: "<html>`},
		"other JSON":      {answer{500, "", `{"message":"no"}`}, "", "500, and not an answer of this API"},
		"nothing":         {answer{504, "", ""}, "", "504, and not"},
		"good, but HTML":  {answer{201, "", html}, "", "201, and not"},
		"good, but empty": {answer{200, "", ""}, "", "200, and not"},
		"not documented":  {answer{202, "", recorded}, "", "202, and not"},
		"long":            {answer{502, "", strings.Repeat("x", 1000)}, "", strings.Repeat("x", 200) + "…"},
	} {
		url, sent := server(t, test.answer)
		_, _, err := connect(t, url, deliveryclient.Options{}).Record(t.Context(), "doc_1", report())
		failed := failure(t, err)
		if failed.Status != test.answer.status || failed.Code != test.code || !strings.Contains(err.Error(), test.says) || len(sent()) != 1 {
			t.Errorf("%s: got %v after %d tries, want %q", name, err, len(sent()), test.says)
		}
		if name == "conflict" && !slices.Equal(failed.Fields(), []string{"external_record_id"}) {
			t.Errorf("fields %v", failed.Fields())
		}
	}
}

// Once more could be once too often: a claim whose answer was lost may have leased deliveries, and a forced requeue have had a
// document delivered again.
func TestClaimAndForcedRequeue_AreSentAgainOnlyWhenTheyHadNoEffect(t *testing.T) {
	for name, test := range map[string]struct {
		first answer
		tries int
	}{
		"not executed": {answer{503, "0", notExecuted}, 2}, "limited": {answer{429, "0", rateLimited}, 2},
		"unknown": {answer{503, "0", unavailable}, 1}, "lost": {answer{}, 1}, "a proxy's": {answer{503, "0", html}, 1},
	} {
		for _, force := range []bool{false, true} {
			url, sent := server(t, test.first, answer{200, "", `{"data":[]}`})
			caller := connect(t, url, deliveryclient.Options{})
			_, err := caller.Claim(t.Context(), deliveryclient.ClaimRequest{Provider: "sap"})
			if force {
				url, sent = server(t, test.first, answer{200, "", `{}`})
				_, err = connect(t, url, deliveryclient.Options{}).RetryPush(t.Context(), "doc_1", deliveryclient.RetryPush{Provider: "sap", Force: &force})
			}
			if len(sent()) != test.tries || (err == nil) != (test.tries == 2) {
				t.Errorf("%s, forced requeue %t: %d tries, error %v", name, force, len(sent()), err)
			}
		}
	}
	url, sent := server(t, answer{}, answer{200, "", `{}`})
	if _, err := connect(t, url, deliveryclient.Options{}).RetryPush(t.Context(), "doc_1", deliveryclient.RetryPush{Provider: "sap"}); err != nil || len(sent()) != 2 {
		t.Errorf("a requeue without force: %d tries, error %v", len(sent()), err)
	}
	tries := 0
	refusedFirst := doer(func(r *http.Request) (*http.Response, error) {
		if tries++; tries == 1 {
			r.URL.Host = "127.0.0.1:1" // where nobody listens
		} else {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"data":[]}`))}, nil
		}
		return http.DefaultClient.Do(r)
	})
	if _, err := connect(t, url, deliveryclient.Options{HTTP: refusedFirst}).Claim(t.Context(), deliveryclient.ClaimRequest{Provider: "sap"}); err != nil || tries != 2 {
		t.Errorf("refused: %d tries, error %v", tries, err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(request *http.Request) (*http.Response, error) { return d(request) }

func TestLists_GoFromPageToPage(t *testing.T) {
	url, _ := server(t, answer{200, "", `{"data":[{"execution_id":"3"},{"execution_id":"2"}],"next_cursor":"abc"}`},
		answer{200, "", `{"data":[{"execution_id":"1"}],"next_cursor":null}`}, answer{502, "", html})
	attempts := connect(t, url, deliveryclient.Options{}).DocumentAttempts(t.Context(), "doc_1", deliveryclient.ListDocumentDeliveryParams{})
	var ids []string
	for attempt, err := range attempts {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, attempt.ExecutionID)
	}
	if !slices.Equal(ids, []string{"3", "2", "1"}) {
		t.Errorf("got %v", ids)
	}
	for _, err := range attempts { // once more, from the beginning
		if failed := failure(t, err); failed.Status != 502 {
			t.Errorf("got %v", err)
		}
	}
}
