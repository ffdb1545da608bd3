package app_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
)

// The same with more kills, on both engines, is in kills_many_test.go.
func TestKills_EachDocumentIsWrittenOnce(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	killWorkers(t, databaseURL, newKey(t, databaseURL), 15, 0)
}

const (
	lease     = 10 * time.Second // the shortest there is; what a killed worker held is due again after it
	meanPause = 180 * time.Millisecond
	refusal   = "refused-" // documents named so are refused by the destination, always
	slow      = "slow-"    // and these take longer than a lease
)

// killWorkers runs three of the example worker, kills one or the other at random points and starts it anew, so
// many times in all, and lets them finish. Each document must then be in the destination once, and what the
// server says of it must be so.
func killWorkers(t *testing.T, databaseURL, key string, kills, slowDocuments int) {
	s := startIn(t, t.TempDir(), key, []string{
		"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_RETRY_DELAY=100ms", "NUMORA_RETRY_MAX_DELAY=500ms", "NUMORA_MAX_TRIES=12",
	}, "serve", "--listen", "127.0.0.1:0")
	k := &killing{server: s, crm: &crm{records: make(map[string]crmRecord)}, logs: &logs{}}
	destination := httptest.NewServer(k.crm)
	t.Cleanup(destination.Close)
	k.register(refusal, 3)
	k.register(slow, slowDocuments)
	k.feed()
	var workers []*exampleWorker
	for number := range 3 {
		w := &exampleWorker{program: workerBinary(t), destination: destination.URL, number: number}
		w.launch(k)
		workers = append(workers, w)
	}

	interrupted := 0
	began := time.Now()
	for range kills {
		<-time.After(rand.N(2 * meanPause)) // a random point
		victim := workers[rand.IntN(len(workers))]
		check(t, victim.command.Process.Kill())
		_ = victim.command.Wait() // it was killed
		if k.holds(victim.name()) {
			interrupted++
		}
		victim.launch(k)
		k.feed()
	}
	t.Logf("%d kills in %v, %d of them while something was held", kills, time.Since(began).Round(time.Second), interrupted)
	if interrupted < kills/2 {
		t.Errorf("only %d of %d kills interrupted any work", interrupted, kills)
	}
	within(t, lease+60*time.Second, "all deliveries are settled", func() bool {
		// What goes from failed to pending and back may be in neither list when that is read. What is settled stays so.
		return len(k.deliveries("state=pending"))+len(k.deliveries("state=failed")) == 0 &&
			len(k.deliveries("state=exhausted"))+len(k.deliveries("state=succeeded")) == k.registered
	})
	for _, w := range workers {
		check(t, w.command.Process.Signal(syscall.SIGTERM))
		check(t, w.command.Wait())
	}
	k.checkAgreement()
	t.Logf("all settled after %v", time.Since(began).Round(time.Second))
}

// killing is what the workers work between.
type killing struct {
	*server
	crm        *crm
	registered int
	logs       *logs // of all workers
}

func (k *killing) register(prefix string, documents int) {
	k.t.Helper()
	for range documents {
		k.wants(http.StatusCreated, http.MethodPut, fmt.Sprintf("/v1/documents/%s%d", prefix, k.registered), `{"status":"reviewed","providers":["crm"]}`)
		k.registered++
	}
}

// feed sees to it that there is always something to do.
func (k *killing) feed() {
	k.t.Helper()
	const enough = 20
	var due struct{ Data []struct{} }
	check(k.t, json.Unmarshal(k.wants(http.StatusOK, http.MethodGet, fmt.Sprint("/v1/delivery/outbox?provider=crm&limit=", enough), ""), &due))
	k.register("document-", enough-len(due.Data))
}

// holds tells whether anything is leased to the worker.
func (k *killing) holds(worker string) bool {
	k.t.Helper()
	for _, d := range k.deliveries("state=pending") {
		if d.ClaimedBy.Worker == worker {
			return true
		}
	}
	return false
}

type listedDelivery struct {
	DocumentID  string `json:"document_id"`
	State       string
	Tries       int
	LastAttempt *listedAttempt          `json:"last_attempt"`
	ClaimedBy   struct{ Worker string } `json:"claimed_by"`
}

type listedAttempt struct {
	DocumentID       string `json:"document_id"`
	Status           string
	ExecutionID      string `json:"execution_id"`
	ExternalRecordID string `json:"external_record_id"`
}

func (k *killing) deliveries(filter string) []listedDelivery {
	k.t.Helper()
	return listAll[listedDelivery](k.server, "/v1/deliveries?"+filter)
}

// listAll returns all pages of a list.
func listAll[T any](s *server, path string) (all []T) {
	s.t.Helper()
	for cursor := ""; ; {
		var page struct {
			Data       []T
			NextCursor string `json:"next_cursor"`
		}
		check(s.t, json.Unmarshal(s.wants(http.StatusOK, http.MethodGet, path+"&provider=crm&limit=100"+cursor, ""), &page))
		all = append(all, page.Data...)
		if page.NextCursor == "" {
			return all
		}
		cursor = "&cursor=" + url.QueryEscape(page.NextCursor)
	}
}

// checkAgreement compares what the server says with what the destination has.
func (k *killing) checkAgreement() {
	k.t.Helper()
	k.crm.mutex.Lock() // a write for a killed worker may be under way
	defer k.crm.mutex.Unlock()
	records := make(map[string][]string) // ids, by document
	for _, record := range k.crm.records {
		records[record.documentID] = append(records[record.documentID], record.id)
	}
	attempts := make(map[string]int) // by document
	seen := make(map[string]bool)
	for _, a := range listAll[listedAttempt](k.server, "/v1/delivery/attempts?") {
		attempts[a.DocumentID]++
		if seen[a.ExecutionID] || !strings.HasPrefix(a.ExecutionID, "clm_") {
			k.t.Errorf("%s has an attempt under %s, which no other may have", a.DocumentID, a.ExecutionID)
		}
		seen[a.ExecutionID] = true
		if written := records[a.DocumentID]; a.Status == "succeeded" && (len(written) == 0 || written[0] != a.ExternalRecordID) {
			k.t.Errorf("%s was delivered as %s, the destination has %v", a.DocumentID, a.ExternalRecordID, written)
		}
	}
	deliveries := k.deliveries("")
	ranOut, exhausted := 0, 0
	for _, d := range deliveries {
		want := 1
		if strings.HasPrefix(d.DocumentID, refusal) {
			want = 0
		}
		if got := len(records[d.DocumentID]); got != want {
			k.t.Errorf("the destination has %s %d times, want %d", d.DocumentID, got, want)
		}
		last := cmp.Or(d.LastAttempt, &listedAttempt{})
		switch {
		case d.State == "exhausted" && d.Tries == 12 && last.Status != "succeeded":
			exhausted++
		case d.State != "succeeded" || last.Status != "succeeded" || want == 0:
			k.t.Errorf("%s is %s after %d tries, its last attempt %s", d.DocumentID, d.State, d.Tries, last.Status)
		}
		if d.Tries < attempts[d.DocumentID] {
			k.t.Errorf("%s has %d attempts in %d tries", d.DocumentID, attempts[d.DocumentID], d.Tries)
		}
		ranOut += d.Tries - attempts[d.DocumentID]
	}
	if len(deliveries) != k.registered || exhausted < 3 || ranOut == 0 {
		k.t.Errorf("%d deliveries of %d documents, %d exhausted, %d leases ran out", len(deliveries), k.registered, exhausted, ranOut)
	}
	if k.logs.contain(`"level":"ERROR"`) {
		k.t.Errorf("a worker failed:\n%s", k.logs.notable())
	}
	k.t.Logf("%d documents, %d exhausted, %d attempts; %d leases ran out, %d writes were repeated", len(deliveries), exhausted, len(seen), ranOut, k.crm.repeated)
}

// exampleWorker is cmd/example-worker, again and again. Each process has a name of its own.
type exampleWorker struct {
	program, destination string
	number, launches     int
	command              *exec.Cmd
}

func (w *exampleWorker) name() string { return fmt.Sprintf("worker-%d-%d", w.number, w.launches) }

func (w *exampleWorker) launch(k *killing) {
	k.t.Helper()
	w.launches++
	w.command = command(k.t, k.t.TempDir(), []string{"NUMORA_API_KEY=" + k.key}, "--server", k.url, "--provider=crm", "--destination", w.destination,
		"--name", w.name(), "--batch=2", "--parallel=2", fmt.Sprintf("--lease=%.0f", lease.Seconds()), "--poll=50ms")
	w.command.Path = w.program
	w.command.Stderr = k.logs
	check(k.t, w.command.Start())
}

var buildWorker sync.Mutex

// workerBinary builds the example worker, once. TestMain removes it.
func workerBinary(t *testing.T) string {
	t.Helper()
	buildWorker.Lock()
	defer buildWorker.Unlock()
	program := binary + "-worker"
	if _, err := os.Stat(program); err == nil {
		return program
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, "../../cmd/example-worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the worker: %v\n%s", err, output)
	}
	return program
}

// crm is a destination that honours Idempotency-Key. It takes its time, before it has written and after, and
// fails now and then, in both places.
type crm struct {
	mutex    sync.Mutex
	records  map[string]crmRecord // by key
	repeated int                  // writes under a known key
}

type crmRecord struct{ id, documentID string }

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var document struct {
		ID string `json:"document_id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&document); err != nil || r.Header.Get("Idempotency-Key") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if strings.HasPrefix(document.ID, refusal) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		return
	}
	<-time.After(rand.N(400 * time.Millisecond))
	if rand.N(10) == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if strings.HasPrefix(document.ID, slow) && !c.has(r.Header.Get("Idempotency-Key")) {
		<-time.After(lease + time.Second)
	}
	id := c.write(r.Header.Get("Idempotency-Key"), document.ID)
	<-time.After(rand.N(400 * time.Millisecond))
	if rand.N(20) == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"id": id}) // who asked may have been killed
}

func (c *crm) has(key string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.records[key].id != ""
}

func (c *crm) write(key, documentID string) (id string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known, repeated := c.records[key]; repeated {
		c.repeated++
		return known.id
	}
	id = fmt.Sprint("row-", len(c.records))
	c.records[key] = crmRecord{id, documentID}
	return id
}
