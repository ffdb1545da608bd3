package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// drainDelay is long beside the pause between two requests of a client on one connection, and beside the
// interval at which a balancer asks.
const drainDelay = time.Second

// replica is a server on an address of its own, which it keeps whichever binary it is started with.
type replica struct {
	t           *testing.T
	address     string
	environment []string
	command     *exec.Cmd
	ended       chan struct{} // closed when the process has ended
	logs        *logs
	ready       atomic.Bool // as its balancer found it last
}

// newReplica settles the address and the settings of a server that is yet to be launched.
func newReplica(t *testing.T, databaseURL string, environment ...string) *replica {
	t.Helper()
	r := &replica{t: t, address: freeAddress(t)}
	r.environment = append([]string{
		"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_LISTEN=" + r.address, "NUMORA_DRAIN_DELAY=" + drainDelay.String(),
	}, environment...)
	t.Cleanup(func() {
		if r.command != nil {
			_ = r.command.Process.Kill() // it may have ended
			<-r.ended
		}
		if r.logs != nil && t.Failed() {
			t.Logf("%s said:\n%s", r.address, r.logs.notable())
		}
	})
	return r
}

var given = make(map[string]bool) // by freeAddress

// freeAddress returns a loopback address that nobody listens on. It is none of those that the system gives to
// outgoing connections, one of which could take it while its server is being replaced.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", 10000+rand.IntN(22000))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		check(t, listener.Close())
		if !given[address] {
			given[address] = true
			return address
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// launch starts program as this replica, and does not wait for it.
func (r *replica) launch(program string) {
	r.t.Helper()
	c := command(r.t, r.t.TempDir(), r.environment, "serve")
	c.Path = program
	r.logs = &logs{}
	c.Stderr = r.logs
	check(r.t, c.Start())
	ended := make(chan struct{})
	r.command, r.ended = c, ended
	go func() {
		_ = c.Wait() // its exit code is looked at by who waits for it
		close(ended)
	}()
}

// launchThree returns three replicas on the database, ready.
func launchThree(t *testing.T, databaseURL string) []*replica {
	t.Helper()
	replicas := []*replica{newReplica(t, databaseURL), newReplica(t, databaseURL), newReplica(t, databaseURL)}
	for _, r := range replicas {
		r.launch(binary)
	}
	awaitReady(t, replicas...)
	return replicas
}

// asks asks the replica under path, on a connection of its own, and returns the status; 0 without an answer.
func (r *replica) asks(path string) int {
	response, err := prober.Get("http://" + r.address + path)
	if err != nil {
		return 0
	}
	_ = response.Body.Close() // the status is all that is wanted
	return response.StatusCode
}

var prober = http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// awaitReady waits until each of the replicas is ready.
func awaitReady(t *testing.T, replicas ...*replica) {
	t.Helper()
	for _, r := range replicas {
		until(t, r.address+" is ready", func() bool {
			r.checkLives()
			return r.asks("/readyz") == http.StatusOK
		})
	}
}

func (r *replica) checkLives() {
	r.t.Helper()
	select {
	case <-r.ended:
		r.t.Fatalf("%s ended: %v", r.address, r.command.ProcessState)
	default:
	}
}

// stop tells the replica to stop, and waits until it has done so in good order.
func (r *replica) stop() {
	r.t.Helper()
	check(r.t, r.command.Process.Signal(syscall.SIGTERM))
	r.awaitEnd()
}

// awaitEnd waits until the replica has ended after SIGTERM.
func (r *replica) awaitEnd() {
	r.t.Helper()
	select {
	case <-r.ended:
		if code := r.command.ProcessState.ExitCode(); code != 0 {
			r.t.Errorf("%s: exit code %d after SIGTERM", r.address, code)
		}
	case <-time.After(settled):
		r.t.Fatalf("%s does not end", r.address)
	}
}

// until polls until it is so, for as long as anything may take.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	within(t, settled, what, so)
}

func within(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !so(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v it is not so that %s", limit, what)
		}
	}
}

// balance asks the replicas every now and then whether they are ready, as a load balancer does, until ctx ends.
func balance(ctx context.Context, replicas []*replica) {
	var asking sync.WaitGroup
	for _, r := range replicas {
		asking.Go(func() {
			for ctx.Err() == nil {
				r.ready.Store(r.asks("/readyz") == http.StatusOK)
				select {
				case <-ctx.Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	asking.Wait()
}

// logs is what a process wrote.
type logs struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logs) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

func (l *logs) contain(text string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return strings.Contains(l.text.String(), text)
}

// notable leaves out the lines of requests that went well.
func (l *logs) notable() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	var notable strings.Builder
	for line := range strings.Lines(l.text.String()) {
		if !strings.Contains(line, `"level":"INFO","msg":"request"`) {
			notable.WriteString(line)
		}
	}
	return notable.String()
}

// version is a binary and the schema level that it needs.
type version struct {
	binary string
	level  int
}

var built version // by nextVersion

// nextVersion builds, once, the server as a next version would be: it needs one more migration, the one that
// testdata/newer has for each engine.
func nextVersion(t *testing.T) version {
	t.Helper()
	if built.binary != "" {
		return built
	}
	absolute := func(path string) string {
		path, err := filepath.Abs(path)
		check(t, err)
		return path
	}
	folder, source := t.TempDir(), absolute("../store/migrate.go")
	text, err := os.ReadFile(source)
	check(t, err)
	constant := regexp.MustCompile(`(?m)^const schemaVersion = (\d+)$`)
	found := constant.FindAllSubmatch(text, -1)
	if len(found) != 1 {
		t.Fatalf("%s says %d times which schema it needs", source, len(found))
	}
	level, err := strconv.Atoi(string(found[0][1]))
	check(t, err)
	level++
	replaced := filepath.Join(folder, "migrate.go")
	check(t, os.WriteFile(replaced, constant.ReplaceAll(text, fmt.Appendf(nil, "const schemaVersion = %d", level)), 0o600))
	replace := map[string]string{source: replaced}
	for _, engine := range []string{"postgres", "sqlite"} {
		migration := absolute(fmt.Sprintf("../store/migrations/%s/%05d_newer.sql", engine, level))
		replace[migration] = absolute("testdata/newer/" + engine + ".sql")
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	check(t, err)
	overlayFile := filepath.Join(folder, "overlay.json")
	check(t, os.WriteFile(overlayFile, overlay, 0o600))
	newer := binary + "-newer" // TestMain removes it
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlayFile, "-o", newer, "../../cmd/numora-delivery")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next version: %v\n%s", err, output)
	}
	built = version{newer, level}
	return built
}

// connect opens a session on the database, which is closed with the test.
func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	session, err := pgx.Connect(t.Context(), databaseURL)
	check(t, err)
	t.Cleanup(func() { _ = session.Close(context.Background()) }) // the database goes with the test
	return session
}

func execute(t *testing.T, session *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := session.Exec(t.Context(), statement)
		check(t, err)
	}
}

// waiting returns when the statements began that are like this one and wait for a lock.
func waiting(t *testing.T, watch *pgx.Conn, like string) []time.Time {
	t.Helper()
	rows, err := watch.Query(t.Context(), `SELECT query_start FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`, like)
	check(t, err)
	began, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	check(t, err)
	return began
}
