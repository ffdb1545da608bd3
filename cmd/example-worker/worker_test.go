package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

func TestWorker_Writes_ThenReports(t *testing.T) {
	n := newNumora(t, 1)
	stop, ended := n.start(func(*worker) {})
	before := time.Now()
	request := next(t, "the write", n.written)
	body, err := io.ReadAll(request.Body)
	check(t, err)
	const want = `{"document_id":"document-0","schema":null,"external_id":null,"metadata":{"total":12.50},"result_url":null}`
	if string(body) != want || request.Method != http.MethodPost || request.Header.Get("Idempotency-Key") != "dlv_0" {
		t.Errorf("got %s under %q, want %s", body, request.Header.Get("Idempotency-Key"), want)
	}
	if request.Header.Get("Authorization") != "" {
		t.Error("the destination gets the key of the server")
	}
	report := reportOf(t, next(t, "the report", n.reports), "document-0")
	if report.ExecutionID != "clm_0" || report.Provider != "crm" || report.Status != deliveryclient.DeliveryStatusSucceeded ||
		*report.ExternalRecordID != "row-1" || report.AttemptedAt.Before(before.Add(-time.Minute)) {
		t.Errorf("got %+v", report)
	}
	stop()
	check(t, ended())
}

// On any doubt the same report is sent again, until it is acknowledged.
func TestWorker_Doubt_SendsTheSameReportAgain(t *testing.T) {
	answers := []int{cut, http.StatusServiceUnavailable, silence, http.StatusInternalServerError, http.StatusBadGateway, http.StatusTooManyRequests, http.StatusOK}
	n := newNumora(t, 1)
	arrivals := make(chan time.Time, len(answers))
	n.report = func(i int) int {
		arrivals <- time.Now()
		return answers[i]
	}
	stop, ended := n.start(func(w *worker) { w.numora.Client.(*http.Client).Timeout = time.Second })
	first := next(t, "the report", n.reports)
	reportOf(t, first, "document-0")
	previous := next(t, "its arrival", arrivals)
	for i := 1; i < len(answers); i++ {
		if again := next(t, "the report, again", n.reports); again != first {
			t.Errorf("report %d was\n%s\nthe first\n%s", i, again, first)
		}
		arrival := next(t, "its arrival", arrivals)
		if pause := arrival.Sub(previous); answers[i-1] == http.StatusTooManyRequests && pause < time.Second {
			t.Errorf("it came back after %v, having been asked to wait for a second", pause)
		}
		previous = arrival
	}
	stop()
	check(t, ended())
	if len(n.reports) > 0 || len(n.written) != 1 {
		t.Errorf("it was reported %d times more, and written %d times", len(n.reports), len(n.written))
	}
}

// What is refused for good is said once, and the next delivery has its turn.
func TestWorker_ReportRefused_IsNotSentAgain(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict} {
		n := newNumora(t, 2)
		n.report = func(i int) int { return []int{status, http.StatusCreated}[i] }
		stop, ended := n.start(func(w *worker) { w.slots = make(chan struct{}, 1) })
		if first, second := next(t, "a report", n.reports), next(t, "the other report", n.reports); first == second {
			t.Errorf("%d: it was sent again: %s", status, first)
		}
		stop()
		check(t, ended())
		if want := fmt.Sprintf("The test says %d.", status); !strings.Contains(n.logs.String(), want) || len(n.reports) > 0 {
			t.Errorf("%d: %d more reports; the log says\n%s", status, len(n.reports), &n.logs)
		}
	}
}

func TestWorker_Failure_IsReported(t *testing.T) {
	for name, c := range map[string]struct {
		answer        func(http.ResponseWriter)
		code, message string
	}{
		"refused":      {says(http.StatusUnprocessableEntity, "no such supplier\x00"), "http_422", "no such supplier "},
		"conflict":     {says(http.StatusConflict, "taken"), "http_409", "taken"},
		"broken":       {says(http.StatusBadGateway, strings.Repeat("x", 5000)), "http_502", "xxx"},
		"moved":        {func(w http.ResponseWriter) { w.Header().Set("Location", "/"); w.WriteHeader(http.StatusFound) }, "http_302", ""},
		"no id":        {says(http.StatusOK, `{"ID":""}`), "no_record_id", `{"ID":""}`},
		"no JSON":      {says(http.StatusCreated, "done"), "no_record_id", "done"},
		"endless id":   {says(http.StatusOK, `{"id":"`+strings.Repeat("i", 256)+`"}`), "no_record_id", "iii"},
		"lost":         {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "unreachable", "EOF"},
		"breaking off": {func(w http.ResponseWriter) { w.Header().Set("Content-Length", "99"); w.WriteHeader(200) }, "unreachable", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNumora(t, 1)
			n.answer = c.answer
			stop, ended := n.start(func(*worker) {})
			report := reportOf(t, next(t, "the report", n.reports), "document-0")
			if report.Status != deliveryclient.DeliveryStatusFailed || *report.ErrorCode != c.code || report.ExternalRecordID != nil || report.ExecutionID != "clm_0" {
				t.Errorf("got %+v", report)
			}
			if message := *report.ErrorMessage; !strings.Contains(message, c.message) || len(message) > 1000 || strings.Contains(message, "127.0.0.1") {
				t.Errorf("it says %q", message)
			}
			stop()
			check(t, ended())
		})
	}
}

func TestWorker_DestinationSilent_IsReported(t *testing.T) {
	n := newNumora(t, 1)
	gone := make(chan struct{})
	n.answer = func(http.ResponseWriter) { n.until(gone) }
	defer close(gone)
	stop, ended := n.start(func(w *worker) { w.Timeout = 50 * time.Millisecond })
	if report := reportOf(t, next(t, "the report", n.reports), "document-0"); *report.ErrorCode != "timeout" {
		t.Errorf("got %+v", report)
	}
	stop()
	check(t, ended())
}

// The lease is extended for as long as the destination takes, in spite of doubts.
func TestWorker_Slow_Extends(t *testing.T) {
	n := newNumora(t, 1)
	n.extend = func(i int) int { return []int{http.StatusOK, cut, http.StatusServiceUnavailable}[i%3] }
	answer := make(chan struct{})
	n.answer = func(w http.ResponseWriter) { n.until(answer); _, _ = io.WriteString(w, `{"id":"row-1"}`) }
	stop, ended := n.start(func(w *worker) { w.third = time.Millisecond })
	for range 7 {
		if id := next(t, "an extension", n.extended); id != "clm_0" {
			t.Errorf("extended %s", id)
		}
	}
	close(answer)
	reportOf(t, next(t, "the report", n.reports), "document-0")
	stop()
	check(t, ended())
}

// When the claim is over somebody else may have the delivery: the write is cut off and nothing is reported.
func TestWorker_ClaimOver_StopsWorking(t *testing.T) {
	n := newNumora(t, 1)
	arrived, cutOff := make(chan struct{}), make(chan struct{})
	n.extend = func(int) int {
		n.until(arrived)
		return http.StatusConflict
	}
	n.answer = func(http.ResponseWriter) {
		request := <-n.written
		close(arrived)
		n.until(request.Context().Done())
		close(cutOff)
	}
	stop, ended := n.start(func(w *worker) { w.third = time.Millisecond })
	next(t, "the end of the write", cutOff)
	stop()
	check(t, ended())
	if len(n.reports) > 0 || len(n.extended) != 1 || len(n.released) > 0 {
		t.Errorf("%d reports, %d extensions, %d releases", len(n.reports), len(n.extended), len(n.released))
	}
	if !strings.Contains(n.logs.String(), "The test says 409.") {
		t.Errorf("the log says\n%s", &n.logs)
	}
}

// An outcome that is known is reported although the claim is over.
func TestWorker_ClaimOver_AfterTheWrite_ReportsAllTheSame(t *testing.T) {
	n := newNumora(t, 1)
	reported, over := make(chan struct{}), make(chan struct{})
	n.extend = func(int) int {
		select {
		case <-reported:
			close(over)
			return http.StatusConflict
		default:
			return http.StatusOK
		}
	}
	n.report = func(i int) int {
		if i > 0 {
			return http.StatusCreated
		}
		close(reported)
		n.until(over)
		return http.StatusServiceUnavailable
	}
	stop, ended := n.start(func(w *worker) { w.third = time.Millisecond })
	if first, again := next(t, "the report", n.reports), next(t, "the report, again", n.reports); first != again {
		t.Errorf("got %s, then %s", first, again)
	}
	stop()
	check(t, ended())
}

// Told to stop, it finishes what has begun, gives back the rest, and claims no more.
func TestWorker_Stop_GivesBackWhatHasNotBegun(t *testing.T) {
	n := newNumora(t, 4)
	answer := make(chan struct{})
	n.answer = func(w http.ResponseWriter) { n.until(answer); _, _ = io.WriteString(w, `{"id":"row-1"}`) }
	stop, ended := n.start(func(w *worker) { w.Batch, w.slots = 3, make(chan struct{}, 1) })
	begun := strings.Replace(next(t, "the write", n.written).Header.Get("Idempotency-Key"), "dlv_", "clm_", 1)
	stop()
	all := []string{begun, next(t, "a release", n.released), next(t, "a release", n.released)}
	close(answer)
	if report := reportOf(t, next(t, "the report", n.reports), strings.Replace(begun, "clm_", "document-", 1)); report.ExecutionID != begun {
		t.Errorf("reported %+v, %s had begun", report, begun)
	}
	check(t, ended())
	slices.Sort(all)
	if !slices.Equal(all, []string{"clm_0", "clm_1", "clm_2"}) || len(n.due) != 1 || len(n.written)+len(n.reports)+len(n.released) > 0 {
		t.Errorf("begun or given back: %v; still due: %d", all, len(n.due))
	}
}

// What does not end within the grace is left to its lease: nobody knows what became of it.
func TestWorker_Stop_AfterTheGrace_LeavesItsLease(t *testing.T) {
	n := newNumora(t, 1)
	cutOff := make(chan struct{})
	n.answer = func(http.ResponseWriter) { n.until(cutOff) }
	stop, ended := n.start(func(w *worker) { w.Grace = 10 * time.Millisecond })
	next(t, "the write", n.written)
	stop()
	check(t, ended())
	close(cutOff)
	if len(n.reports)+len(n.released) > 0 {
		t.Errorf("%d reports, %d releases", len(n.reports), len(n.released))
	}
}

func TestWorker_ClaimsRefused_Ends(t *testing.T) {
	n := newNumora(t, 0)
	asked := counter{}
	n.claim = func(w http.ResponseWriter, r *http.Request) {
		n.respond(w, r, func(i int) int { return []int{cut, http.StatusServiceUnavailable, http.StatusForbidden}[i] }, asked.next(), 0)
	}
	_, ended := n.start(func(*worker) {})
	if err := ended(); err == nil || !strings.Contains(err.Error(), "The test says 403.") {
		t.Errorf("got %v", err)
	}
}

// It is told to stop while a claim is under way: what that brings is given back.
func TestWorker_Stop_WhileItClaims_GivesBack(t *testing.T) {
	n := newNumora(t, 1)
	claiming, answer := make(chan struct{}), make(chan struct{})
	item := <-n.due
	n.claim = func(w http.ResponseWriter, _ *http.Request) {
		close(claiming)
		n.until(answer)
		_ = json.NewEncoder(w).Encode(deliveryclient.ClaimedDeliveries{Data: []deliveryclient.ClaimedDelivery{item}})
	}
	stop, ended := n.start(func(*worker) {})
	next(t, "the claim", claiming)
	stop()
	close(answer)
	if id := next(t, "the release", n.released); id != "clm_0" {
		t.Errorf("released %s", id)
	}
	check(t, ended())
	if len(n.written) > 0 {
		t.Error("it was written")
	}
}

// reportOf reads a report on the document.
func reportOf(t *testing.T, sent, documentID string) (report deliveryclient.DeliveryReport) {
	t.Helper()
	document, body, _ := strings.Cut(sent, " ")
	check(t, json.Unmarshal([]byte(body), &report))
	if document != documentID || report.AttemptedAt.IsZero() {
		t.Errorf("got %s, want a report on %s", sent, documentID)
	}
	return report
}

func says(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}
