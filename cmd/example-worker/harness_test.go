package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

const (
	apiKey  = "sk_test_a-secret"
	settled = 20 * time.Second // how long anything may take before a test gives up on it
)

// numora is a server that hands each due delivery out once, and answers the rest as the test says.
type numora struct {
	t        *testing.T
	due      chan deliveryclient.ClaimedDelivery
	claim    http.HandlerFunc          // answers claims; nil hands out what is due
	report   func(n int) int           // what to answer to the n-th report, from 0 on; nil is always 201
	extend   func(n int) int           // the same for extensions; nil is always 200
	reports  chan string               // their bodies
	extended chan string               // execution ids
	released chan string               // execution ids
	written  chan *http.Request        // what arrives at the destination
	answer   func(http.ResponseWriter) // what the destination says; nil is a record's id
	logs     bytes.Buffer              // of the worker, read when it has ended
}

func newNumora(t *testing.T, due int) *numora {
	n := &numora{
		t: t, due: make(chan deliveryclient.ClaimedDelivery, due), written: make(chan *http.Request, 100),
		reports: make(chan string, 100), extended: make(chan string, 1000), released: make(chan string, 100),
	}
	for i := range due {
		n.due <- deliveryclient.ClaimedDelivery{
			DocumentID: fmt.Sprint("document-", i), ExecutionID: fmt.Sprint("clm_", i), DeliveryKey: fmt.Sprint("dlv_", i),
			Provider: "crm", Metadata: json.RawMessage(`{"total":12.50}`), Tries: 1,
		}
	}
	return n
}

// start runs a worker against the server and a destination. It returns what tells it to stop, and what awaits its end.
func (n *numora) start(change func(*worker)) (stop context.CancelFunc, ended func() error) {
	n.t.Helper()
	server := httptest.NewServer(n.routes())
	n.t.Cleanup(server.Close)
	destination := httptest.NewServer(http.HandlerFunc(n.write))
	n.t.Cleanup(destination.Close)
	address, err := url.Parse(destination.URL)
	check(n.t, err)
	w, err := newWorker(settings{
		Server: server.URL, Provider: "crm", Destination: address, Name: "worker-1",
		Batch: 4, Parallel: 4, Lease: 60, Poll: time.Millisecond, Timeout: settled, Grace: settled,
	}, apiKey, slog.New(slog.NewJSONHandler(&n.logs, nil)))
	check(n.t, err)
	w.pause = time.Millisecond
	change(w)
	ctx, stop := context.WithCancel(n.t.Context())
	result := make(chan error, 1)
	go func() { result <- w.run(ctx) }()
	n.t.Cleanup(stop) // before the servers are closed
	return stop, func() error {
		n.t.Helper()
		err := next(n.t, "the worker's end", result)
		if strings.Contains(n.logs.String(), apiKey) {
			n.t.Error("the log tells the key")
		}
		return err
	}
}

func (n *numora) routes() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /v1/delivery/claims", func(w http.ResponseWriter, r *http.Request) {
		if n.claim != nil {
			n.claim(w, r)
			return
		}
		var asked deliveryclient.ClaimRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Provider != "crm" || *asked.LeaseSeconds != 60 || *asked.Worker != "worker-1" {
			n.t.Errorf("asked for %+v (%v)", asked, err)
		}
		if got := r.Header.Get("Authorization"); got != "Bearer "+apiKey {
			n.t.Errorf("authorized by %q", got)
		}
		claimed := deliveryclient.ClaimedDeliveries{Data: []deliveryclient.ClaimedDelivery{}}
		for len(n.due) > 0 && len(claimed.Data) < int(*asked.Limit) {
			claimed.Data = append(claimed.Data, <-n.due)
		}
		_ = json.NewEncoder(w).Encode(claimed)
	})
	var extensions, reports counter
	routes.HandleFunc("POST /v1/delivery/claims/{id}/extend", func(w http.ResponseWriter, r *http.Request) {
		n.extended <- r.PathValue("id")
		n.respond(w, r, n.extend, extensions.next(), http.StatusOK)
	})
	routes.HandleFunc("POST /v1/delivery/claims/{id}/release", func(w http.ResponseWriter, r *http.Request) {
		n.released <- r.PathValue("id")
		n.respond(w, r, nil, 0, http.StatusOK)
	})
	routes.HandleFunc("POST /v1/documents/{id}/delivery", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			n.t.Error(err)
		}
		n.reports <- r.PathValue("id") + " " + string(body)
		n.respond(w, r, n.report, reports.next(), http.StatusCreated)
	})
	return routes
}

const (
	silence = 0  // no answer, until the client is gone
	cut     = -1 // the connection is lost
)

// respond answers as script says, or with usual.
func (n *numora) respond(w http.ResponseWriter, r *http.Request, script func(int) int, number, usual int) {
	status := usual
	if script != nil {
		status = script(number)
	}
	switch status {
	case silence:
		n.until(r.Context().Done())
	case cut:
		panic(http.ErrAbortHandler)
	default:
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		if status >= 400 {
			_, _ = fmt.Fprintf(w, `{"error":{"code":"refused","message":"The test says %d.","request_id":"r"}}`, status)
		} else {
			_, _ = io.WriteString(w, "{}")
		}
	}
}

func (n *numora) write(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		n.t.Error(err)
	}
	arrived := r.Clone(r.Context())
	arrived.Body = io.NopCloser(bytes.NewReader(body))
	n.written <- arrived
	if n.answer != nil {
		n.answer(w)
		return
	}
	_, _ = io.WriteString(w, `{"id":"row-1"}`)
}

// until waits for the signal, or for the end of the test.
func (n *numora) until(signal <-chan struct{}) {
	select {
	case <-signal:
	case <-n.t.Context().Done():
	}
}

type counter struct {
	mutex sync.Mutex
	n     int
}

func (c *counter) next() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.n++
	return c.n - 1
}

// next returns what comes next.
func next[T any](t *testing.T, what string, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(settled):
		t.Fatalf("after %v there is nothing of %s", settled, what)
	}
	return got
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
