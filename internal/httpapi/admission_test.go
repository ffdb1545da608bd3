package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store/storetest"
)

const settled = 20 * time.Second // how long anything may take before a test gives up on it

// gate is a store whose reads of documents wait until it opens.
type gate struct {
	delivery.Store
	entered chan context.Context
	open    chan struct{}
}

func (g gate) Document(ctx context.Context, _ string) (delivery.Document, error) {
	g.entered <- ctx
	<-g.open
	return delivery.Document{}, delivery.ErrDocumentNotFound
}

// counted is an observer that keeps what it was told.
type counted struct {
	mutex    sync.Mutex
	answered map[string]int // by operation and status
	recorded map[string]int // by provider and outcome
	shed     map[string]int
}

func newCounted() *counted {
	return &counted{answered: map[string]int{}, recorded: map[string]int{}, shed: map[string]int{}}
}

func (c *counted) count(in map[string]int, what string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	in[what]++
}

func (c *counted) Answered(operation string, status int, took time.Duration) {
	c.count(c.answered, fmt.Sprintf("%s %d %t", operation, status, took > 0))
}
func (c *counted) Recorded(provider, outcome string) { c.count(c.recorded, provider+" "+outcome) }
func (c *counted) Shed(reason string)                { c.count(c.shed, reason) }

func (c *counted) get(in map[string]int, what string) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return in[what]
}

// gated is a server with these limits, whose reads of documents wait until the gate opens.
func gated(t *testing.T, limits httpapi.Limits, timeout time.Duration) (*api, gate, *counted) {
	t.Helper()
	observer := newCounted()
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{}, func(c *httpapi.Config) {
		c.Limits, c.Observer, c.RequestTimeout = limits, observer, timeout
	})
	a.unwatched = true // a request that is held may write while another one is refused
	g := gate{a.store, make(chan context.Context, 100), make(chan struct{})}
	a.serve(delivery.NewService(g, delivery.Settings{}, time.Now), a.store, a.store.Ready)
	return a, g, observer
}

// begin sends a request and returns where its answer will be.
func (a *api) begin(path string) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		defer close(got)
		if it, _, err := a.send(http.MethodGet, path, nil); err == nil {
			got <- it
		}
	}()
	return got
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(settled); !happened(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal(what, "does not happen")
		}
	}
}

// sendHead sends a request that announces a body, but not the body.
func (a *api) sendHead(path, key, more string) (net.Conn, *bufio.Reader) {
	a.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
	check(a.t, err)
	a.t.Cleanup(func() { _ = connection.Close() })
	check(a.t, connection.SetDeadline(time.Now().Add(settled)))
	_, err = fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n", path, key, more)
	check(a.t, err)
	return connection, bufio.NewReader(connection)
}

// readAnswer reads an answer of sendHead's connection.
func readAnswer(t *testing.T, from *bufio.Reader) answer {
	t.Helper()
	response, err := http.ReadResponse(from, nil)
	check(t, err)
	text, err := io.ReadAll(response.Body)
	check(t, err)
	return answer{response.StatusCode, response.Header, text}
}

const reportPath = "/v1/documents/" + documentID + "/delivery"

func TestAdmission_WhatIsBeyondTheQueue_IsRefusedBeforeItsBodyIsRead(t *testing.T) {
	a, g, observer := gated(t, httpapi.Limits{InWork: 1, Queued: 1}, settled)
	first := a.begin("/v1/documents/one")
	<-g.entered
	second := a.begin("/v1/documents/two")
	waitFor(t, "queueing", func() bool { return a.api.Queued() == 1 })
	if a.api.InWork() != 1 {
		t.Errorf("%d are in work", a.api.InWork())
	}

	for _, key := range []string{a.key, "nonsense"} { // nobody is asked who they are
		_, from := a.sendHead(reportPath, key, "Content-Length: 100\r\n")
		got := readAnswer(t, from)
		got.wantsError(t, http.StatusServiceUnavailable, "unavailable")
		if got.header.Get("Retry-After") != "1" || got.problem(t).Outcome != "not_executed" {
			t.Errorf("Retry-After %q: %s", got.header.Get("Retry-After"), got.body)
		}
	}
	if line := a.lastLine(); line["class"] != "shed" || line["level"] != "ERROR" || line["operation"] != "recordDelivery" {
		t.Errorf("the log says %v", line)
	}
	if n := observer.get(observer.shed, httpapi.ShedQueueFull); n != 2 {
		t.Errorf("%d were counted as shed", n)
	}
	for _, path := range []string{"/livez", "/readyz", "/openapi.yaml", "/docs/"} {
		if got := a.get(path); got.status != http.StatusOK {
			t.Errorf("%s: %d while everything else waits", path, got.status)
		}
	}

	close(g.open)
	for _, waited := range []<-chan answer{first, second} {
		if got := <-waited; got.status != http.StatusNotFound {
			t.Errorf("got %d after waiting", got.status)
		}
	}
	a.report(reportBody("afterwards")).wantsError(t, http.StatusNotFound, "not_found")
	waitFor(t, "the end of all work", func() bool { return a.api.InWork() == 0 && a.api.Queued() == 0 })
}

func TestAdmission_WhoWaitsTooLong_IsRefused(t *testing.T) {
	a, g, observer := gated(t, httpapi.Limits{InWork: 1, Queued: 10}, 100*time.Millisecond)
	first := a.begin("/v1/documents/one")
	<-g.entered
	got := a.report(reportBody("one"))
	got.wantsError(t, http.StatusServiceUnavailable, "unavailable")
	if got.problem(t).Outcome != "not_executed" || observer.get(observer.shed, httpapi.ShedQueueTimeout) != 1 {
		t.Errorf("%v: %s", observer.shed, got.body)
	}
	close(g.open)
	<-first
}

// A client that takes its time to send a body keeps nobody out, and has the time of its own request left.
func TestAdmission_ABodyOnItsWay_IsNotInWork(t *testing.T) {
	const timeout = 300 * time.Millisecond
	a, g, _ := gated(t, httpapi.Limits{InWork: 1, Queued: 0}, timeout)
	close(g.open)
	a.register(documentID)
	body := reportBody("slow")
	connection, from := a.sendHead(reportPath, a.key, fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue\r\n", len(body)))
	proceed, err := from.ReadString('\n') // the server waits for the body
	check(t, err)
	if !strings.Contains(proceed, "100 Continue") {
		t.Fatalf("got %q", proceed)
	}
	_, err = from.ReadString('\n')
	check(t, err)
	waitFor(t, "leaving work", func() bool { return a.api.InWork() == 0 })
	for asked := time.Now(); time.Since(asked) < timeout; { // longer than a request may take
		a.get("/v1/documents/one").wantsError(t, http.StatusNotFound, "not_found")
		<-g.entered
	}
	_, err = io.WriteString(connection, body)
	check(t, err)
	if got := readAnswer(t, from); got.status != http.StatusCreated {
		t.Errorf("got %d: %s", got.status, got.body)
	}
	waitFor(t, "the end of all work", func() bool { return a.api.InWork() == 0 })
}

func TestDeadline_IsCarriedToTheStore_TheClientsHangingUpIsNot(t *testing.T) {
	a, g, _ := gated(t, httpapi.Limits{InWork: 1}, settled)
	ctx, hangUp := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/v1/documents/one", nil)
	check(t, err)
	request.Header.Set("Authorization", "Bearer "+a.key)
	ended := make(chan error, 1)
	go func() {
		response, err := http.DefaultTransport.RoundTrip(request)
		if err == nil {
			err = response.Body.Close()
		}
		ended <- err
	}()
	carried := <-g.entered
	if deadline, limited := carried.Deadline(); !limited || time.Until(deadline) > settled {
		t.Errorf("the store may take until %v", deadline)
	}
	hangUp()
	if err := <-ended; err == nil {
		t.Error("the client got an answer")
	}
	if carried.Err() != nil {
		t.Error("hanging up ended the work")
	}
	close(g.open)
}

// While a connection is kept net/http reads the body before it answers: who is refused must not have to send it.
func TestRefusal_DoesNotWaitForTheBody(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	for name, c := range map[string]struct {
		path, key string
		status    int
	}{
		"wrong key":     {reportPath, "nonsense", http.StatusUnauthorized},
		"unknown route": {"/v1/nothing", a.key, http.StatusNotFound},
		"wrong method":  {"/livez", a.key, http.StatusMethodNotAllowed},
	} {
		for _, body := range []string{"Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"} {
			_, from := a.sendHead(c.path, c.key, body)
			if got := readAnswer(t, from); got.status != c.status {
				t.Errorf("%s, %s: got %d", name, body, got.status)
			}
		}
	}
}

func TestObserver_IsToldOfEachRequestAndReport(t *testing.T) {
	observer := newCounted()
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{}, func(c *httpapi.Config) { c.Observer = observer })
	a.register(documentID)
	a.report(good("one", ""))
	a.report(good("one", ""))
	a.report(good("one", `,"error_code":"other"`))
	a.report(strings.Replace(good("two", ""), "2026", "1969", 1))
	a.report("{")
	a.get("/nothing")
	for what, want := range map[string]int{
		"recordDelivery 201 true": 1, "recordDelivery 200 true": 1, "recordDelivery 409 true": 1, "recordDelivery 422 true": 1,
		"recordDelivery 400 true": 1, "putDocument 201 true": 1, " 404 true": 1,
	} {
		if got := observer.get(observer.answered, what); got != want {
			t.Errorf("%s: told %d times, want %d", what, got, want)
		}
	}
	for what, want := range map[string]int{"created": 1, "replayed": 1, "conflict": 1, "refused": 1} {
		if got := observer.get(observer.recorded, "dynamics365 "+what); got != want {
			t.Errorf("%s: told %d times, want %d", what, got, want)
		}
	}
	if len(observer.recorded) != 4 || len(observer.shed) != 0 {
		t.Errorf("told %v, %v", observer.recorded, observer.shed)
	}
}

// Whoever has waited once and sent its body since does not wait behind those that are new: the work that was done
// on it would be lost with its time. One that is only just coming back may miss its turn, once; that is tried again.
func TestAdmission_WhoseBodyIsIn_GoesBeforeThoseThatAreNew(t *testing.T) {
	a, g, _ := gated(t, httpapi.Limits{InWork: 1, Queued: 10}, settled)
	a.register(documentID)
	for i := range 10 {
		if a.bodyGoesFirst(g, fmt.Sprintf("run-%d", i)) {
			return
		}
	}
	t.Error("it never goes first")
}

// bodyGoesFirst lets a report whose body comes late and a new request wait for the one place in work.
func (a *api) bodyGoesFirst(g gate, executionID string) bool {
	body := reportBody(executionID)
	connection, from := a.sendHead(reportPath, a.key, fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\nExpect: 100-continue\r\n", len(body)))
	if proceed, err := from.ReadString('\n'); err != nil || !strings.Contains(proceed, "100 Continue") {
		a.t.Fatalf("got %q (%v)", proceed, err)
	}
	_, err := from.ReadString('\n')
	check(a.t, err)
	waitFor(a.t, "leaving work", func() bool { return a.api.InWork() == 0 })
	first := a.begin("/v1/documents/one")
	<-g.entered
	second := a.begin("/v1/documents/two")
	waitFor(a.t, "queueing", func() bool { return a.api.Queued() == 1 })
	_, err = io.WriteString(connection, body)
	check(a.t, err)
	waitFor(a.t, "coming back", func() bool { return a.api.Queued() == 2 })
	g.open <- struct{}{} // lets the first go, and nobody else
	<-first
	<-g.entered // the new one is in work
	page, err := a.store.Attempts(a.t.Context(), delivery.AttemptQuery{DocumentID: documentID, ExecutionID: executionID, Limit: 1})
	check(a.t, err)
	g.open <- struct{}{}
	if got := readAnswer(a.t, from); got.status != http.StatusCreated {
		a.t.Errorf("got %d: %s", got.status, got.body)
	}
	<-second
	waitFor(a.t, "the end of all work", func() bool { return a.api.InWork() == 0 && a.api.Queued() == 0 })
	return len(page.Attempts) == 1
}

// Proxies and n8n ask for the connection to be closed: what closes it must not take the answer along.
func TestRefusal_OfAClientThatClosesItsConnection_Arrives(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	body := strings.Repeat(" ", 40_000)
	for range 20 {
		connection, from := a.sendHead(reportPath, "nonsense", fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n", len(body)))
		_, err := io.WriteString(connection, body)
		check(t, err)
		if got := readAnswer(t, from); got.status != http.StatusUnauthorized {
			t.Fatalf("got %d", got.status)
		}
		if _, err := from.ReadByte(); err != io.EOF {
			t.Fatalf("the connection ends with %v", err)
		}
	}
}
