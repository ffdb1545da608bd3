package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a server that takes any report, and notes its execution id.
type recorder struct {
	*httptest.Server
	mutex sync.Mutex
	ids   map[string]int
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{ids: make(map[string]int)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var report struct {
			ExecutionID string `json:"execution_id"`
		}
		if err := json.NewDecoder(request.Body).Decode(&report); err != nil || request.Header.Get("Authorization") != "Bearer key" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mutex.Lock()
		r.ids[report.ExecutionID]++
		r.mutex.Unlock()
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(r.Close)
	return r
}

func TestLoad_EachWorkerReportsToAllServers(t *testing.T) {
	const workers = 3
	one, other := newRecorder(t), newRecorder(t)
	l := newLoad(workers, 0, target{one.URL, "key"}, target{other.URL, "key"})
	defer l.close()
	taken, err := l.measure(t.Context(), 20*time.Millisecond)
	check(t, err)
	for i, server := range []*recorder{one, other} {
		if len(taken[i]) == 0 || len(taken[i]) != len(server.ids) {
			t.Errorf("%d times of %d reports", len(taken[i]), len(server.ids))
		}
		for id, count := range server.ids {
			if count != 1 {
				t.Errorf("%s was sent %d times", id, count)
			}
		}
	}
	if len(taken[0]) != len(taken[1]) {
		t.Errorf("%d reports to one server, %d to the other", len(taken[0]), len(taken[1]))
	}
}

func TestLoad_ReportsWhatFails(t *testing.T) {
	l := newLoad(2, 0, target{newRecorder(t).URL, "wrong key"})
	defer l.close()
	if _, err := l.measure(t.Context(), time.Minute); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("got %v", err)
	}
}
