package store

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// host is one of several that a database URL names: a front of the test's PostgreSQL that a test takes away.
type host struct {
	address string
	asked   atomic.Int64 // how many connections were made to it
	stopped atomic.Bool  // the machine is there, PostgreSQL is not
	standby atomic.Bool  // sessions that begin from now on can only read

	frozen sync.RWMutex // locked: nothing comes through any more, and nobody is told

	mu      sync.Mutex
	clients map[net.Conn]struct{}
}

func newHost(t *testing.T, databaseURL string) *host {
	t.Helper()
	h := &host{clients: make(map[net.Conn]struct{})}
	h.address = serveTCP(t, func(client net.Conn) {
		h.asked.Add(1)
		h.passOn()
		if !h.enter(client) {
			return
		}
		defer h.leave(client)
		if database := dialDatabase(t, databaseURL); database != nil && h.begin(client, database) {
			pipe(&wire{client, h}, database)
		}
	})
	return h
}

// enter takes a client in, unless the host is stopped.
func (h *host) enter(client net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients[client] = struct{}{}
	return !h.stopped.Load()
}

func (h *host) leave(client net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, client)
}

// begin passes on how a session begins.
func (h *host) begin(client, database net.Conn) bool {
	message, err := pgproto3.NewBackend(client, client).ReceiveStartupMessage()
	if err == nil {
		if start, ok := message.(*pgproto3.StartupMessage); ok && h.standby.Load() {
			start.Parameters["default_transaction_read_only"] = "on"
		}
		var text []byte
		if text, err = message.Encode(nil); err == nil {
			_, err = database.Write(text)
		}
	}
	if err != nil {
		_ = database.Close()
	}
	return err == nil
}

// wire is a client's connection to a host.
type wire struct {
	net.Conn
	host *host
}

// passOn returns once the host is not frozen.
func (h *host) passOn() {
	h.frozen.RLock()
	defer h.frozen.RUnlock()
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.host.passOn()
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	w.host.passOn()
	return w.Conn.Write(b)
}

// stop ends PostgreSQL on the host, and with it every session.
func (h *host) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopped.Store(true)
	for client := range h.clients {
		_ = client.Close()
	}
}

// freeze takes the host off the network until the test ends: no packet is answered.
func (h *host) freeze(t *testing.T) {
	h.frozen.Lock()
	t.Cleanup(h.frozen.Unlock)
}

// on is databaseURL as it names several hosts.
func on(t *testing.T, databaseURL string, hosts ...*host) string {
	t.Helper()
	addresses := make([]string, len(hosts))
	for i, h := range hosts {
		addresses[i] = h.address
	}
	return at(t, databaseURL, strings.Join(addresses, ","), "sslmode", "disable", "target_session_attrs", "read-write").String()
}

// prepared is the URL of a database with its schema and the document, on which two hosts work.
func prepared(t *testing.T) (databaseURL string, first, second *host) {
	t.Helper()
	databaseURL = storetest.Postgres(t)
	register(t, migrated(t, databaseURL))
	return databaseURL, newHost(t, databaseURL), newHost(t, databaseURL)
}

// recordOne records an attempt, which must be new.
func recordOne(t *testing.T, s *Store, n int) error {
	t.Helper()
	results, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(n, attemptID(n), documentID, "dynamics365")}, nil)
	if err == nil && results[0].Result != delivery.Created {
		t.Errorf("attempt %d is %s", n, results[0].Result)
	}
	return err
}

func TestPostgresHosts_FirstIsOfNoUse_TheNextServes(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, h *host){
		"Stopped":       func(_ *testing.T, h *host) { h.stop() },
		"Standby":       func(_ *testing.T, h *host) { h.standby.Store(true) },
		"OffTheNetwork": func(t *testing.T, h *host) { h.freeze(t) },
	} {
		t.Run(name, func(t *testing.T) {
			databaseURL, first, second := prepared(t)
			spoil(t, first)
			s := opened(t, on(t, databaseURL, first, second)+"&connect_timeout=1", Options{})
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("not ready: %v", err)
			}
			if err := recordOne(t, s, 1); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPostgresHosts_NoneTakesWrites_IsNotReadyAndSaysSo(t *testing.T) {
	databaseURL, first, second := prepared(t)
	first.stop()
	second.standby.Store(true)
	s := opened(t, on(t, databaseURL, first, second), Options{})
	err := s.Ready(t.Context())
	checkNotExecuted(t, err)
	if err != nil && !strings.Contains(err.Error(), "read only") {
		t.Errorf("%v does not say that the second host is read-only", err)
	}
	checkNotExecuted(t, recordOne(t, s, 1))
}

// The second host is promoted when the first is gone, or gives its part away: no restart is needed, each request
// in between is certainly not executed, and no more of them fail than there are sessions.
func TestPostgresHosts_Failover_IsFollowed(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, s *Store, h *host){
		"Stopped": func(_ *testing.T, _ *Store, h *host) { h.stop() },
		"Demoted": func(t *testing.T, s *Store, h *host) {
			h.standby.Store(true)
			everySession(t, s, "SET default_transaction_read_only = on")
		},
	} {
		t.Run(name, func(t *testing.T) {
			databaseURL, first, second := prepared(t)
			second.standby.Store(true)
			s := opened(t, on(t, databaseURL, first, second), Options{Connections: 4})
			everySession(t, s, "SELECT 1")
			if err := recordOne(t, s, 1); err != nil {
				t.Fatal(err)
			}
			fail(t, s, first)
			second.standby.Store(false)
			failed := 0
			for ; failed <= 4; failed++ {
				err := recordOne(t, s, 2)
				if err == nil {
					break
				}
				checkNotExecuted(t, err)
			}
			if failed > 4 {
				t.Error("it does not recover")
			}
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("not ready: %v", err)
			}
		})
	}
}

// everySession runs a statement in as many sessions as the pool may have.
func everySession(t *testing.T, s *Store, statement string) {
	t.Helper()
	pool, err := s.writer.DB()
	if err != nil {
		t.Fatal(err)
	}
	for range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckURL_EverySpellingOfHosts(t *testing.T) {
	for _, databaseURL := range []string{
		"postgres://numora@db1:5432,db2:5433/numora?target_session_attrs=read-write",
		"postgres://numora@db1,db2,db3/numora", "postgres://numora@db1:5432,db2/numora",
		"postgres://numora@[::1]:5432,[fe80::1]:5433/numora", "postgres://numora@[::1],db2/numora",
		"postgres://numora@/numora?host=db1,db2&port=5432,5433",
		"postgres://numora@/numora?host=/var/run/postgresql", "postgres://numora@%2Fvar%2Frun%2Fpostgresql/numora",
	} {
		if err := CheckURL(databaseURL); err != nil {
			t.Errorf("%s: %v", databaseURL, err)
		}
	}
}
