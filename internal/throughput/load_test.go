package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// recorder answers reports as the server does, as far as the load looks at it.
type recorder struct {
	mutex                          sync.Mutex
	records                        map[string]string // of each execution id
	created, replayed, conflicting int
	refuse                         atomic.Int64 // how many to refuse
	failed                         error
}

func (s *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var body struct {
		Provider, Status, ExecutionID, AttemptedAt, ExternalRecordID string
	}
	if err == nil {
		err = json.Unmarshal([]byte(strings.ReplaceAll(string(text), "_", "")), &body)
	}
	if _, timeErr := time.Parse(instantLayout, body.AttemptedAt); err == nil {
		err = timeErr
	}
	if err == nil && (r.Header.Get("Authorization") != "Bearer key" || body.Provider != provider || body.Status != "succeeded" || !strings.HasPrefix(r.URL.Path, "/v1/documents/doc-")) {
		err = fmt.Errorf("%s: %s", r.URL, text)
	}
	if left := s.refuse.Add(-1); left >= 0 {
		w.Header().Set("Retry-After", "0")
		if left%2 == 0 {
			w.Header().Set("Connection", "close")
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil {
		s.failed = err
	}
	said := r.URL.Path + body.AttemptedAt + body.ExternalRecordID
	switch original, known := s.records[body.ExecutionID]; {
	case !known:
		s.records[body.ExecutionID] = said
		s.created++
		w.WriteHeader(http.StatusCreated)
	case original == said:
		s.replayed++
	default:
		s.conflicting++
		w.WriteHeader(http.StatusConflict)
	}
}

func record(t *testing.T, order loadOrder, refuse int64) (*recorder, loadAnswer, error) {
	t.Helper()
	s := &recorder{records: make(map[string]string)}
	s.refuse.Store(refuse)
	server := httptest.NewServer(s)
	defer server.Close()
	order.Addresses, order.Key = []string{server.Listener.Addr().String()}, "key"
	order.Documents, order.Connections, order.Lasts = 1000, 4, 300*time.Millisecond
	answer, err := makeLoad(order, func() error { return nil })
	if s.failed != nil {
		t.Error(s.failed)
	}
	return s, answer, err
}

func TestLoad_Kinds(t *testing.T) {
	for kind, holds := range map[string]func(*recorder) bool{
		newReports: func(s *recorder) bool { return s.created > 0 && s.replayed == 0 && s.conflicting == 0 },
		mixed: func(s *recorder) bool {
			return s.created > s.replayed && s.replayed > s.conflicting && s.conflicting > 0
		},
		replays: func(s *recorder) bool { return s.created == 4*remembered && s.replayed > 0 && s.conflicting == 0 },
	} {
		t.Run(kind, func(t *testing.T) {
			s, answer, err := record(t, loadOrder{Kind: kind}, 0)
			if err != nil || !holds(s) {
				t.Errorf("%d created, %d replayed, %d conflicting, error %v", s.created, s.replayed, s.conflicting, err)
			}
			if kind == replays && int64(s.replayed) != answer.Sent {
				t.Errorf("%d replayed of %d: the others were new", s.replayed, answer.Sent)
			}
			// One of each connection may be answered after the end.
			if got := answer.Took.count(); got > answer.Sent || got < answer.Sent-4 || answer.Computed <= 0 {
				t.Errorf("counted %d of %d, computed for %v", got, answer.Sent, answer.Computed)
			}
		})
	}
}

func TestLoad_OpenLoop_KeepsItsRate(t *testing.T) {
	_, answer, err := record(t, loadOrder{Kind: newReports, PerSecond: 100}, 0)
	if err != nil || answer.Sent < 20 || answer.Sent > 40 {
		t.Errorf("%d in 300 ms, want 30; error %v", answer.Sent, err)
	}
}

func TestLoad_Refused(t *testing.T) {
	if _, _, err := record(t, loadOrder{Kind: newReports}, 1); err == nil || !strings.Contains(err.Error(), "got 503, want 201") {
		t.Errorf("who is not patient gets %v", err)
	}
	s, answer, err := record(t, loadOrder{Kind: newReports, Patient: true}, 10)
	if err != nil || answer.Refused.count() != 10 || s.replayed != 0 || s.created == 0 {
		t.Errorf("%d refused, %d recorded, error %v", answer.Refused.count(), s.created, err)
	}
}
