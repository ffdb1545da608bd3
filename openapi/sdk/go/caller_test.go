package deliveryclient_test

import (
	"context"
	"encoding/json"
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
		"good, but null":  {answer{200, "", "null"}, "", "200, and not"},
		"good, but {}":    {answer{200, "", "{}"}, "", "200, and not"},
		"another attempt": {answer{200, "", `{"id":"1","execution_id":"two"}`}, "", "200, and not"},
		"shows the key":   {answer{502, "", "you sent " + key}, "", "you sent ***"},
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
				url, sent = server(t, test.first, answer{200, "", `{"document_id":"doc_1"}`})
				_, err = connect(t, url, deliveryclient.Options{}).RetryPush(t.Context(), "doc_1", deliveryclient.RetryPush{Provider: "sap", Force: &force})
			}
			if len(sent()) != test.tries || (err == nil) != (test.tries == 2) {
				t.Errorf("%s, forced requeue %t: %d tries, error %v", name, force, len(sent()), err)
			}
		}
	}
	url, sent := server(t, answer{}, answer{200, "", `{"document_id":"doc_1"}`})
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

func TestLists_OfSomethingElse_AreRefused(t *testing.T) {
	for _, body := range []string{"null", "{}", `{"data":null}`, `{"status":"ok"}`, `[]`} {
		url, _ := server(t, answer{200, "", body})
		caller := connect(t, url, deliveryclient.Options{})
		for _, err := range caller.Attempts(t.Context(), deliveryclient.ListDeliveryAttemptsParams{}) {
			failure(t, err)
		}
		_, err := caller.Claim(t.Context(), deliveryclient.ClaimRequest{Provider: "sap"})
		failure(t, err)
	}
}

// A proxy that sends to another address has not recorded anything, and the address may be anybody's.
func TestRecord_Redirected_IsNotFollowed(t *testing.T) {
	elsewhere, arrived := server(t, answer{200, "", recorded})
	for _, status := range []int{301, 302, 307, 308} {
		for name, given := range map[string]deliveryclient.HttpRequestDoer{"default": nil, "given": &http.Client{}} {
			s := httptest.NewServer(http.RedirectHandler(elsewhere, status))
			_, _, err := connect(t, s.URL, deliveryclient.Options{HTTP: given}).Record(t.Context(), "doc_1", report())
			s.Close()
			if failed := failure(t, err); failed.Status != status || failed.Code != "" || len(arrived()) > 0 {
				t.Errorf("%d, %s client: got %v, and %d requests elsewhere", status, name, err, len(arrived()))
			}
		}
	}
}

func TestRecord_SilentServer_IsAskedAgainAfterTheTryTimeout(t *testing.T) {
	tries := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the end of the connection is seen
		if tries++; tries == 1 {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, recorded)
	}))
	t.Cleanup(s.Close)
	if _, _, err := connect(t, s.URL, deliveryclient.Options{TryTimeout: 50 * time.Millisecond}).Record(t.Context(), "doc_1", report()); err != nil {
		t.Error(err)
	}
}

func TestRecord_PausesDoubleUpToTheLongest(t *testing.T) {
	url, _ := server(t, answer{503, "", unavailable}, answer{503, "", unavailable}, answer{503, "", unavailable}, answer{201, "", recorded})
	var pauses []time.Duration
	caller, err := deliveryclient.Connect(url, key, deliveryclient.Options{
		LongestPause: 700 * time.Millisecond, OnRetry: func(r deliveryclient.Retry) { pauses = append(pauses, r.Pause) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := caller.Record(t.Context(), "doc_1", report()); err != nil {
		t.Fatal(err)
	}
	for i, longest := range []time.Duration{500, 700, 700} {
		longest *= time.Millisecond
		if len(pauses) != 3 || pauses[i] < longest/2 || pauses[i] > longest {
			t.Errorf("pauses %v", pauses)
			break
		}
	}
}

func TestRecord_CancelledInAPause_SaysSo(t *testing.T) {
	url, _ := server(t, answer{503, "30", unavailable})
	ctx, cancel := context.WithCancel(t.Context())
	caller := connect(t, url, deliveryclient.Options{OnRetry: func(deliveryclient.Retry) { cancel() }})
	if _, _, err := caller.Record(ctx, "doc_1", report()); !errors.Is(err, context.Canceled) || failure(t, err).Code != deliveryclient.ErrorCodeUnavailable {
		t.Errorf("got %v", err)
	}
}

// However long a server asks to wait, it is not hammered instead.
func TestRecord_EndlessRetryAfter_IsNotTakenForNone(t *testing.T) {
	for _, header := range []string{"9223372037", "18446744074", "99999999999999999999999"} {
		url, sent := server(t, answer{503, header, unavailable})
		_, _, err := connect(t, url, deliveryclient.Options{}).Record(t.Context(), "doc_1", report())
		if failed := failure(t, err); failed.RetryAfter < time.Hour || len(sent()) != 1 {
			t.Errorf("%s: got %v after %d tries", header, failed.RetryAfter, len(sent()))
		}
	}
}

// What could not be made into a request was never sent, and never will be: that is not the server's silence.
func TestRecord_WhatCannotBeWritten_IsNoDeliveryError(t *testing.T) {
	url, sent := server(t, answer{201, "", recorded})
	impossible := deliveryclient.Failed("sap", "one", time.Date(12026, time.January, 1, 0, 0, 0, 0, time.UTC), "", "")
	_, _, err := connect(t, url, deliveryclient.Options{}).Record(t.Context(), "doc_1", impossible)
	if failed := (*deliveryclient.DeliveryError)(nil); err == nil || errors.As(err, &failed) || len(sent()) > 0 {
		t.Errorf("got %v", err)
	}
}

func TestRetryPush_ForcedInOtherSpelling_IsNotSentTwice(t *testing.T) {
	url, sent := server(t, answer{}, answer{200, "", `{"document_id":"doc_1"}`})
	client := connect(t, url, deliveryclient.Options{}).Client
	response, err := client.RetryPushWithBody(t.Context(), "doc_1", nil, "application/json", strings.NewReader(`{"provider": "sap", "force" : true}`))
	if err == nil || response != nil || len(sent()) != 1 {
		t.Errorf("got %v after %d tries", err, len(sent()))
	}
}

func TestConnect_WhatIsWrong_IsSaidAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		url, key string
		options  deliveryclient.Options
		good     bool
	}{
		"good":              {"http://127.0.0.1:8080", key, deliveryclient.Options{}, true},
		"key with line end": {"http://127.0.0.1:8080", key + "\n", deliveryclient.Options{}, true},
		"no URL":            {"", key, deliveryclient.Options{}, false},
		"no scheme":         {"127.0.0.1:8080", key, deliveryclient.Options{}, false},
		"unreadable":        {"http://[::1", key, deliveryclient.Options{}, false},
		"with a user":       {"http://u:secret@host", key, deliveryclient.Options{}, false},
		"no key":            {"http://host", " ", deliveryclient.Options{}, false},
		"broken key":        {"http://host", "sk_secret\nsk_secret", deliveryclient.Options{}, false},
		"negative pause":    {"http://host", key, deliveryclient.Options{LongestPause: -1}, false},
	} {
		caller, err := deliveryclient.Connect(test.url, test.key, test.options)
		if (err == nil) != test.good || (caller == nil) == test.good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, error %v", name, caller, err)
		}
	}
}

func TestReports_SayWhatTheyAreCalled(t *testing.T) {
	for _, test := range []struct {
		report deliveryclient.DeliveryReport
		want   string
	}{
		{report(), `{"attempted_at":"2026-03-24T03:00:00Z","execution_id":"one","external_record_id":"crm-1","provider":"sap","status":"succeeded"}`},
		{deliveryclient.Failed("sap", "one", attemptedAt, "crm_429", "Busy."), `{"attempted_at":"2026-03-24T03:00:00Z","error_code":"crm_429","error_message":"Busy.","execution_id":"one","provider":"sap","status":"failed"}`},
		{deliveryclient.Skipped("sap", "one", attemptedAt, "", ""), `{"attempted_at":"2026-03-24T03:00:00Z","execution_id":"one","provider":"sap","status":"skipped"}`},
	} {
		if got, err := json.Marshal(test.report); err != nil || string(got) != test.want {
			t.Errorf("got %s, error %v, want %s", got, err, test.want)
		}
	}
}
