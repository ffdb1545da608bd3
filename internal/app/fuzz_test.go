//go:build contract

package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Environment variables that ask for more than the usual, or for the same again.
const (
	fuzzCasesVariable = "NUMORA_TEST_FUZZ_CASES" // how many cases each engine has to stand, at least
	fuzzSeedVariable  = "NUMORA_TEST_FUZZ_SEED"  // the seed of the first round; each further round takes the next
)

// The documents of openapi/checks/schemathesis.toml and of the contract's examples.
var fuzzedDocuments = []string{"fuzzed-1", "fuzzed-2", "fuzzed-3", documentID}

// Schemathesis makes up requests from the contract and finds no answer that the contract does not foresee; the server
// has nothing to complain about meanwhile, and every report that it acknowledged is stored.
func TestContract_Fuzzed(t *testing.T) {
	wanted, seed := number(t, fuzzCasesVariable, 4000), number(t, fuzzSeedVariable, rand.IntN(1_000_000))
	onEachEngine(t, func(t *testing.T, databaseURL, key string) {
		t.Parallel()
		s, log := startLogged(t, databaseURL, key)
		var known bytes.Buffer // the answers that show what exists, one a line
		for _, id := range fuzzedDocuments {
			path := "/v1/documents/" + id
			check(t, json.Compact(&known, s.wants(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed"}`)))
			known.WriteByte('\n')
			for i := range 30 { // more than a page
				check(t, json.Compact(&known, s.wants(http.StatusCreated, http.MethodPost, path+"/delivery", report(fmt.Sprintf("before-%s-%d", id, i)))))
				known.WriteByte('\n')
			}
		}
		for i := range 60 { // more than a page, and something to claim for a while
			path := fmt.Sprintf("/v1/documents/due-%d", i)
			check(t, json.Compact(&known, s.wants(http.StatusCreated, http.MethodPut, path, `{"status":"reviewed","providers":["dynamics365"]}`)))
			known.WriteByte('\n')
		}
		knownFile := filepath.Join(t.TempDir(), "known.jsonl")
		check(t, os.WriteFile(knownFile, known.Bytes(), 0o600))
		cases := 0
		for round := 0; cases < wanted && !t.Failed(); round++ {
			phases := "fuzzing,stateful"
			if round == 0 {
				phases = "examples,coverage," + phases // these two are the same each time
			}
			cases += fuzz(t, s, knownFile, seed+round, phases)
		}
		s.wants(http.StatusOK, http.MethodGet, "/readyz", "")
		check(t, s.command.Process.Signal(syscall.SIGTERM))
		if code := s.wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		t.Logf("%d cases from seed %d on; the answers:", cases, seed)
		for _, answer := range slices.Sorted(maps.Keys(log.answers)) {
			t.Logf("%6d %s", log.answers[answer], answer)
		}
		if len(log.complaints) > 0 {
			t.Errorf("the server complains, %d times:\n%s", len(log.complaints), strings.Join(log.complaints[:min(10, len(log.complaints))], "\n"))
		}
		// What is refused before it is looked at proves little.
		for _, answer := range []string{
			"recordDelivery 201", "recordDelivery 200", "recordDelivery 409", "recordDelivery 404", "recordDelivery 422", "putDocument 201", "putDocument 200",
			"listDocumentDelivery 200", "listDocumentDelivery 404", "getDocument 200", "getDocument 404", "getDeliveryAttempt 200", "getDeliveryAttempt 404",
			"listDeliveryAttempts 200", "listDeliveries 200", "listOutbox 200", "claimDeliveries 200", "extendClaim 200", "extendClaim 404", "extendClaim 409",
			"releaseClaim 200", "releaseClaim 404", "releaseClaim 409", "retryPush 200", "retryPush 404", "retryPush 409",
			"getAuditCheckpoint 404",
		} {
			if !t.Failed() && log.answers[answer] == 0 {
				t.Errorf("no %s was answered", answer)
			}
		}
		again := start(t, databaseURL, s.key)
		for document, recorded := range log.recorded {
			if stored := again.attempts(document); stored != recorded {
				t.Errorf("document %s has %d attempts, %d were answered with 201", document, stored, recorded)
			}
		}
	})
}

// number returns the number that an environment variable holds, or else the usual one.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	check(t, err)
	return n
}

var generated = regexp.MustCompile(`(\d+) generated`)

// fuzz runs Schemathesis once, from the root of the repository, and returns how many cases it tried. It takes from
// the file what exists, and adds what it learns.
func fuzz(t *testing.T, s *server, knownFile string, seed int, phases string) int {
	t.Helper()
	root, err := filepath.Abs("../..")
	check(t, err)
	home := t.TempDir()
	c := exec.CommandContext(t.Context(), filepath.Join(root, ".tools/python/bin/schemathesis"), "--config-file", "openapi/checks/schemathesis.toml",
		"run", "openapi/delivery.yaml", "--url", s.url, "--no-color", "--phases", phases, "--max-examples", "150", "--seed", strconv.Itoa(seed))
	c.Dir = root
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "HYPOTHESIS_STORAGE_DIRECTORY=" + home, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1",
		"NUMORA_TEST_KEY=" + s.key, "NUMORA_TEST_KNOWN=" + knownFile,
	}
	output, err := c.CombinedOutput()
	count := generated.FindSubmatch(output)
	if count == nil {
		t.Fatalf("seed %d, phases %s: it did not get to its cases: %v\n%s", seed, phases, err, output)
	}
	if err != nil {
		t.Errorf("seed %d, phases %s: %v\n%s", seed, phases, err, output)
	}
	n, err := strconv.Atoi(string(count[1]))
	check(t, err)
	return n
}

// serverLog is what a server's log tells. It may be looked at when the server has ended.
type serverLog struct {
	answers    map[string]int // by operation and status
	recorded   map[string]int // reports that were answered with 201, by document
	complaints []string       // lines that no request may cause
}

// startLogged starts a server and reads its log to the end.
func startLogged(t *testing.T, databaseURL, key string) (*server, *serverLog) {
	t.Helper()
	log := &serverLog{answers: map[string]int{}, recorded: map[string]int{}}
	s := startRead(t, t.TempDir(), key, log.read, []string{"NUMORA_DATABASE_URL=" + databaseURL}, "serve", "--listen", "127.0.0.1:0")
	return s, log
}

func (l *serverLog) read(text []byte) {
	var line struct {
		Level, Operation, Outcome string
		Status                    int
		Document                  string `json:"document_id"`
	}
	err := json.Unmarshal(text, &line)
	if err != nil || line.Level == "ERROR" || line.Status >= http.StatusInternalServerError || bytes.Contains(text, []byte("SQLSTATE")) {
		l.complaints = append(l.complaints, string(text))
	}
	if line.Status != 0 {
		l.answers[fmt.Sprintf("%s %d", line.Operation, line.Status)]++
	}
	if line.Operation == "recordDelivery" && line.Status == http.StatusCreated {
		l.recorded[line.Document]++
	}
}

// attempts counts a document's attempts, page by page.
func (s *server) attempts(document string) (count int) {
	s.t.Helper()
	for query := "?limit=100"; query != ""; {
		page := decode[attemptPage](s.t, s.gets(http.StatusOK, http.MethodGet, "/v1/documents/"+document+"/delivery"+query, ""))
		count += len(page.Data)
		query = ""
		if page.NextCursor != nil {
			query = "?limit=100&cursor=" + *page.NextCursor
		}
	}
	return count
}
