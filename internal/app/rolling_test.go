package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/store/storetest"
)

// Replicas are stopped and started again, one after the other, as a deployment does, and nobody who sends
// reports meanwhile notices.
func TestRolling_Restart_LosesNoRequest(t *testing.T) {
	_, application := roles(t)
	replicas := launchThree(t, application.URL)
	l := startLoad(t, newKeyFor(t, application.URL, "worker", allScopes), replicas, true)
	for _, r := range replicas {
		l.goesOn()
		l.replace(r, binary)
	}
	l.goesOn()
	l.end()
	l.checkStored(application.URL)
}

// A connection that the server has taken before it stops is not dropped: it may have a request on it.
func TestRolling_Stop_AnswersOnConnectionsThatItHasTaken(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	key := newKey(t, databaseURL)
	r := newReplica(t, databaseURL, "NUMORA_DRAIN_DELAY=0s")
	r.launch(binary)
	awaitReady(t, r)
	early, err := net.Dial("tcp", r.address)
	check(t, err)
	defer func() { _ = early.Close() }()
	awaitReady(t, r) // on a later connection: it has taken the early one
	check(t, r.command.Process.Signal(syscall.SIGTERM))
	until(t, "it takes no more connections", func() bool {
		late, err := net.Dial("tcp", r.address)
		if err == nil {
			_ = late.Close()
		}
		return err != nil
	})
	c := client{load: &load{key: key}, keeps: true}
	status, answer, closing, err := c.send(&connection{early, bufio.NewReader(early)}, http.MethodPut, "/v1/documents/x", `{"status":"reviewed"}`)
	if err != nil || status != http.StatusCreated || !closing {
		t.Errorf("got %d, closing %t, error %v: %s", status, closing, err, answer)
	}
	r.awaitEnd()
}

// Replicas are replaced by those of a next version, which brings a migration. Until the last is replaced, old
// ones serve on the newer schema; nobody who sends reports notices, not even while the migration waits for
// somebody else's long transaction.
func TestRolling_Upgrade_NoFailedRequest(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	key := newKey(t, databaseURL)
	next := nextVersion(t)
	replicas := launchThree(t, databaseURL)
	l := startLoad(t, key, replicas, false)
	l.goesOn()

	// Such as a backup: it reads a table, and keeps its view of the database after it has let go of that.
	long, watch := connect(t, databaseURL), connect(t, databaseURL)
	execute(t, long, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1", "SAVEPOINT reading", "LOCK TABLE deliveries IN ACCESS SHARE MODE")
	l.replace(replicas[0], next.binary)
	newer := []*replica{replicas[0], newReplica(t, databaseURL, "NUMORA_DRAIN_DELAY=0s"), newReplica(t, databaseURL, "NUMORA_DRAIN_DELAY=0s")}
	newer[1].launch(next.binary)
	newer[2].launch(next.binary)
	attempts := make(map[time.Time]bool)
	until(t, "the migration asks for the table again", func() bool {
		if n := len(waiting(t, watch, "ALTER TABLE %")); n > 1 {
			t.Fatalf("%d of the newer replicas migrate at the same time", n)
		}
		for _, began := range waiting(t, watch, "ALTER TABLE deliveries %") {
			attempts[began] = true
		}
		return len(attempts) >= 2
	})
	execute(t, long, "ROLLBACK TO reading")
	until(t, "the migration waits for the long transaction's end", func() bool {
		return len(waiting(t, watch, "CREATE INDEX CONCURRENTLY %")) > 0
	})
	l.answer(replicas[1:])
	execute(t, long, "ROLLBACK")
	awaitReady(t, newer...)
	for _, r := range newer[1:] {
		r.stop()
	}
	var applied, broken int
	check(t, watch.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM goose_db_version WHERE version_id = $1 AND is_applied),
		(SELECT count(*) FROM pg_index WHERE NOT indisvalid)`, next.level).Scan(&applied, &broken))
	if applied != 1 || broken != 0 {
		t.Errorf("the migration is noted %d times, %d indexes are unfinished", applied, broken)
	}

	l.goesOn()
	for _, r := range replicas[1:] {
		l.replace(r, next.binary)
		l.goesOn()
	}
	l.end()
	l.checkStored(databaseURL)
}

// An older binary may be started on the newer schema, as happens when a replica dies during an upgrade or an
// upgrade is taken back.
func TestRolling_OlderBinaryOnNewerSchema_GetsReady(t *testing.T) {
	next := nextVersion(t)
	getsReady := func(t *testing.T, databaseURL string, environment ...string) {
		migrateAs(t, next, environment...)
		for _, setting := range []string{"auto", "off"} {
			r := newReplica(t, databaseURL, "NUMORA_MIGRATE="+setting, "NUMORA_DRAIN_DELAY=0s")
			r.launch(binary)
			awaitReady(t, r)
			r.stop()
		}
	}
	storetest.Engines(t, func(t *testing.T, databaseURL string) { getsReady(t, databaseURL, "NUMORA_DATABASE_URL="+databaseURL) })
	t.Run("postgres as the application's role", func(t *testing.T) {
		ownerURL, application := roles(t)
		getsReady(t, application.URL, "NUMORA_DATABASE_URL="+ownerURL, "NUMORA_APPLICATION_ROLE="+application.Name)
	})
}

// migrateAs runs migrate of this version.
func migrateAs(t *testing.T, v version, environment ...string) {
	t.Helper()
	migrate := command(t, t.TempDir(), environment, "migrate")
	migrate.Path = v.binary
	if output, err := migrate.CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, output)
	}
}

// A newer binary that may not migrate lives, and waits for who does.
func TestRolling_NewerBinaryOnOlderSchema_WaitsAndSaysForWhat(t *testing.T) {
	next := nextVersion(t)
	waits := func(t *testing.T, databaseURL, setting string) *replica {
		r := newReplica(t, databaseURL, "NUMORA_MIGRATE="+setting, "NUMORA_DRAIN_DELAY=0s")
		r.launch(next.binary)
		said := fmt.Sprintf("version %d, this binary needs %d; run numora-delivery migrate", next.level-1, next.level)
		until(t, "the log says "+said, func() bool { r.checkLives(); return r.logs.contain(said) })
		for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
			if got := r.asks(path); got != want {
				t.Errorf("%s: %d, want %d", path, got, want)
			}
		}
		return r
	}
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		newKey(t, databaseURL) // migrates
		waits(t, databaseURL, "off").stop()
	})
	for _, setting := range []string{"off", "auto"} { // it owns nothing that it could migrate
		t.Run("postgres as the application's role, "+setting, func(t *testing.T) {
			ownerURL, application := roles(t)
			r := waits(t, application.URL, setting)
			migrateAs(t, next, "NUMORA_DATABASE_URL="+ownerURL, "NUMORA_APPLICATION_ROLE="+application.Name)
			awaitReady(t, r)
			r.stop()
		})
	}
}

// load is clients that send, each, the next request as soon as the last was answered, and count what is not
// answered as it should. They reach the replicas through a balancer that goes by /readyz. They send nothing
// twice: a request that was written and has no whole answer is lost.
type load struct {
	t        *testing.T
	key      string
	replicas []*replica
	stop     context.CancelFunc
	running  sync.WaitGroup

	mutex        sync.Mutex
	acknowledged []string         // the execution ids of the reports that were answered 201
	answers      map[*replica]int // how many requests it answered
	farewells    map[*replica]int // how many of them on kept connections, which it was about to close
	failures     []string
}

// startLoad starts clients that keep a connection to each replica, and some that make one for each request; if
// naive, without going by what the balancer says.
func startLoad(t *testing.T, key string, replicas []*replica, naive bool) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{t: t, key: key, replicas: replicas, stop: stop, answers: make(map[*replica]int), farewells: make(map[*replica]int)}
	t.Cleanup(l.end)
	l.running.Go(func() { balance(ctx, replicas) })
	for _, r := range replicas {
		until(t, "the balancer finds "+r.address+" ready", r.ready.Load)
	}
	for number := range 6 {
		c := client{load: l, number: number, keeps: number < 4, naive: naive && number >= 4, connections: make(map[*replica]*connection)}
		l.running.Go(func() { c.run(ctx) })
	}
	return l
}

// end stops the clients and reports what went wrong for them.
func (l *load) end() {
	l.stop()
	l.running.Wait()
	if n := len(l.failures); n > 0 {
		l.t.Errorf("%d requests failed, the first of them:\n%s", n, strings.Join(l.failures[:min(n, 10)], "\n"))
		l.failures = nil
	}
}

// goesOn waits until each replica has answered more requests.
func (l *load) goesOn() {
	l.t.Helper()
	l.answer(l.replicas)
}

func (l *load) answer(replicas []*replica) {
	l.t.Helper()
	const more = 30
	for _, r := range replicas {
		before := l.count(l.answers, r)
		until(l.t, r.address+" answers more requests", func() bool { return l.count(l.answers, r) >= before+more })
	}
}

func (l *load) count(what map[*replica]int, r *replica) int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return what[r]
}

// replace stops a replica under the load, which it must have met while it drained, and launches program in its
// place.
func (l *load) replace(r *replica, program string) {
	l.t.Helper()
	before := l.count(l.farewells, r)
	r.stop()
	if l.count(l.farewells, r) == before {
		l.t.Errorf("%s told no client to go elsewhere", r.address)
	}
	until(l.t, "the balancer finds that "+r.address+" is away", func() bool { return !r.ready.Load() })
	r.launch(program)
}

// checkStored checks that what was acknowledged is in the database, each report once, and nothing else.
func (l *load) checkStored(databaseURL string) {
	l.t.Helper()
	connection := connect(l.t, databaseURL)
	rows, err := connection.Query(l.t.Context(), "SELECT execution_id FROM delivery_attempts")
	check(l.t, err)
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(l.t, err)
	slices.Sort(stored)
	slices.Sort(l.acknowledged)
	if !slices.Equal(stored, l.acknowledged) {
		l.t.Errorf("%d reports were acknowledged, %d are stored, or they are not the same", len(l.acknowledged), len(stored))
	}
	l.t.Logf("%d reports acknowledged", len(l.acknowledged))
}

// client is one of the load's.
type client struct {
	load        *load
	number      int
	keeps       bool // keeps its connections
	naive       bool // tries replicas that are not ready, too
	connections map[*replica]*connection
	last        string // the execution id of the last report that was acknowledged
}

type connection struct {
	net.Conn
	reader *bufio.Reader
}

func (c *client) run(ctx context.Context) {
	defer func() {
		for _, kept := range c.connections {
			_ = kept.Close() // there is nothing to lose
		}
	}()
	for n := 0; ctx.Err() == nil; n++ {
		to, over := c.choose(n)
		if to == nil {
			c.fail("no replica takes a connection")
			return
		}
		c.exchange(n, to, over)
	}
}

// choose returns the replica whose turn it is, or the next that is kept a connection to, or is ready and takes one.
func (c *client) choose(n int) (*replica, *connection) {
	for i := range c.load.replicas {
		r := c.load.replicas[(c.number+n+i)%len(c.load.replicas)]
		if kept := c.connections[r]; kept != nil {
			return r, kept
		}
		if !c.naive && !r.ready.Load() {
			continue
		}
		if fresh, err := net.DialTimeout("tcp", r.address, settled); err == nil {
			return r, &connection{fresh, bufio.NewReader(fresh)}
		}
	}
	return nil, nil
}

// exchange sends the client's n-th request to a replica and looks at the answer.
func (c *client) exchange(n int, to *replica, over *connection) {
	document := fmt.Sprint("/v1/documents/document-", c.number)
	method, path, want := http.MethodPost, document+"/delivery", http.StatusCreated
	id := fmt.Sprintf("client-%d-report-%d", c.number, n)
	body := report(id)
	switch {
	case n == 0:
		method, path, body = http.MethodPut, document, `{"status":"reviewed","providers":["dynamics365"]}`
	case n%8 == 3:
		method, path, body, want = http.MethodGet, document, "", http.StatusOK
	case n%8 == 5 && c.last != "":
		method, path, body, want = http.MethodGet, path+"?execution_id="+c.last, "", http.StatusOK
	case n%8 == 7:
		method, path, want = http.MethodPut, document, http.StatusOK
		body = fmt.Sprintf(`{"status":"reviewed","external_id":"%d"}`, n)
	}
	delete(c.connections, to)
	status, answer, closing, err := c.send(over, method, path, body)
	if err != nil || closing || !c.keeps {
		_ = over.Close() // the answer is there, or lost
	} else {
		c.connections[to] = over
	}
	switch {
	case c.load.t.Context().Err() != nil: // the test has failed, and ends its servers
	case c.naive && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)):
		// So the system ends a connection that no server took. Had a server read what was sent, it would end in
		// good order; and nothing may be stored.
	case err != nil:
		c.fail("%s %s to %s is lost: %v", method, path, to.address, err)
	case status != want:
		c.fail("%s %s to %s: %d, want %d: %s", method, path, to.address, status, want, answer)
	case strings.Contains(path, "?execution_id=") && strings.Count(answer, `"`+c.last+`"`) != 1:
		c.fail("%s %s to %s: want one attempt: %s", method, path, to.address, answer)
	}
	c.load.mutex.Lock()
	defer c.load.mutex.Unlock()
	if err == nil {
		c.load.answers[to]++
	}
	if closing && c.keeps {
		c.load.farewells[to]++
	}
	if method == http.MethodPost && status == http.StatusCreated {
		c.last = id
		c.load.acknowledged = append(c.load.acknowledged, id)
	}
}

// send writes a whole request and reads the whole answer.
func (c *client) send(over *connection, method, path, body string) (status int, answer string, closing bool, err error) {
	if err := over.SetDeadline(time.Now().Add(settled)); err != nil {
		return 0, "", false, err
	}
	option := "keep-alive"
	if !c.keeps {
		option = "close"
	}
	_, err = fmt.Fprintf(over, "%s %s HTTP/1.1\r\nHost: numora\r\nAuthorization: Bearer %s\r\nConnection: %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", method, path, c.load.key, option, len(body), body)
	if err != nil {
		return 0, "", false, err
	}
	response, err := http.ReadResponse(over.reader, &http.Request{Method: method})
	if err != nil {
		return 0, "", false, err
	}
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), response.Close, err
}

func (c *client) fail(format string, arguments ...any) {
	c.load.mutex.Lock()
	defer c.load.mutex.Unlock()
	c.load.failures = append(c.load.failures, fmt.Sprintf(format, arguments...))
}
