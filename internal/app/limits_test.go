package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/store/storetest"
)

// slowKeys takes until past the server's read limit to find a key, and says when it is at it.
type slowKeys struct {
	apikey.Store
	asked chan struct{}
	takes time.Duration
}

func (s slowKeys) Key(ctx context.Context, id string) (apikey.Key, error) {
	close(s.asked)
	<-time.After(s.takes)
	return s.Store.Key(ctx, id)
}

// A report must not be refused as incomplete because our own database was slow.
func TestServer_BodyHasItsTime_WhenTheKeyTookLong(t *testing.T) {
	db, key := newStore(t)
	slow := slowKeys{db, make(chan struct{}), 300 * time.Millisecond}
	address := serveOver(t, db, slow, func(server *http.Server) { server.ReadTimeout = 100 * time.Millisecond })
	connection := dial(t, address)
	body := `{"status":"reviewed"}`
	_, err := fmt.Fprintf(connection, "PUT /v1/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", key, len(body))
	if err != nil {
		t.Fatal(err)
	}
	<-slow.asked
	if _, err := io.WriteString(connection, body); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 201 Created") {
		t.Errorf("got %s (%v)", answer, err)
	}
}

// A client that has said all it wants to say and closes its side still gets its answer.
func TestServer_HalfClosedClient_IsAnswered(t *testing.T) {
	db, key := newStore(t)
	address := serveOver(t, db, db, func(*http.Server) {})
	for range 20 {
		connection := dial(t, address)
		_, err := fmt.Fprintf(connection, "GET /v1/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", key)
		if err != nil {
			t.Fatal(err)
		}
		if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(connection)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 Not Found") {
			t.Fatalf("got %s (%v)", answer, err)
		}
	}
}

// onEachDatabase runs test on an empty database of each engine, on PostgreSQL also as the application's role.
func onEachDatabase(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	storetest.Engines(t, test)
	t.Run("postgres as the application's role", func(t *testing.T) {
		databaseURL := storetest.Postgres(t)
		application := storetest.ApplicationRole(t, databaseURL)
		owner := open(t, databaseURL, store.Options{ApplicationRole: application.Name})
		if err := errors.Join(owner.Migrate(t.Context()), owner.Close()); err != nil {
			t.Fatal(err)
		}
		test(t, application.URL)
	})
}

// onEachStore runs test on a store over each of them. The key has all scopes.
func onEachStore(t *testing.T, test func(t *testing.T, db *store.Store, key string)) {
	t.Helper()
	onEachDatabase(t, func(t *testing.T, databaseURL string) {
		db := migrate(t, databaseURL)
		test(t, db, addKey(t, db))
	})
}

func newStore(t *testing.T) (db *store.Store, key string) {
	t.Helper()
	db = migrate(t, storetest.SQLite(t))
	return db, addKey(t, db)
}

// migrate opens the database and brings its schema up to date.
func migrate(t *testing.T, databaseURL string) *store.Store {
	t.Helper()
	db := open(t, databaseURL, store.Options{Create: true})
	if err := db.Migrate(t.Context()); err != nil && !errors.Is(err, store.ErrNotOwner) { // then it is migrated
		t.Fatal(err)
	}
	return db
}

func open(t *testing.T, databaseURL string, options store.Options) *store.Store {
	t.Helper()
	db, err := store.Open(databaseURL, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// stored counts what bad input could leave.
func stored(t *testing.T, db *store.Store) (text string) {
	t.Helper()
	pools := db.Pools()
	row := cmp.Or(pools["sqlite-read"], pools["postgres"]).QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM documents) || ' documents, '
		|| (SELECT count(*) FROM deliveries) || ' deliveries, ' || (SELECT count(*) FROM delivery_attempts) || ' attempts'`)
	if err := row.Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// addKey makes a key with all scopes.
func addKey(t *testing.T, db *store.Store) string {
	t.Helper()
	made, key, err := apikey.New(apikey.Test, "worker", apikey.Scopes(), time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AddKey(t.Context(), made, "tests"); err != nil {
		t.Fatal(err)
	}
	return key
}

// shortened is a limit that tests need not wait long for.
const shortened = 200 * time.Millisecond

// serveOver starts the server as serve does, but for what configure changes and a shortened limit for bodies.
func serveOver(t *testing.T, db *store.Store, keys apikey.Store, configure func(*http.Server)) (address string) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	handler, err := httpapi.New(httpapi.Config{
		Service:       delivery.NewService(db, delivery.Settings{}, time.Now),
		Authenticator: apikey.NewAuthenticator(keys, time.Now), Ready: db.Ready,
		RequestTimeout: 3 * time.Second, BodyTimeout: 2 * shortened,
		Limits: httpapi.Limits{InWork: 256, Queued: 1024}, RateLimits: httpapi.RateLimits{Key: 1_000_000, Address: 1_000_000}, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(handler, 3*time.Second, logger)
	configure(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// What trickles in, or never ends, is answered or closed in time and recorded by no database, and net/http answers nothing
// by itself that routing could.
func TestServer_EndsWhatDoesNotArrive(t *testing.T) {
	onEachStore(t, func(t *testing.T, db *store.Store, text string) {
		if _, _, err := db.PutDocument(t.Context(), "x", delivery.Registration{Stage: delivery.Reviewed}, nil); err != nil {
			t.Fatal(err)
		}
		before := stored(t, db)
		var server http.Server // its limits, as they are and as the test shortens them
		address := serveOver(t, db, db, func(s *http.Server) {
			server = http.Server{ReadHeaderTimeout: s.ReadHeaderTimeout, ReadTimeout: s.ReadTimeout, WriteTimeout: s.WriteTimeout, IdleTimeout: s.IdleTimeout}
			s.ReadHeaderTimeout, s.ReadTimeout = shortened, 2*shortened
		})
		for name, limit := range map[string]time.Duration{
			"read header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout,
		} {
			if limit <= 0 || limit > 2*time.Minute {
				t.Errorf("the %s limit is %v", name, limit)
			}
		}
		const body = `{"provider":"sap","status":"failed","execution_id":"one","attempted_at":"2026-03-24T03:00:00Z"}`
		const forever = 10_000 // longer than the test would wait
		head := "POST /v1/documents/x/delivery HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + text + "\r\nContent-Type: application/json\r\n"
		complete := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body))
		chunked := head + "Transfer-Encoding: chunked\r\n\r\n"
		t.Run("inputs", func(t *testing.T) { // at once: they all wait
			// What breaks off before there is a request to route, net/http ends by itself: answered or not.
			for name, c := range map[string]struct{ sent, trickled, wants string }{
				"a header that does not end":            {"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow", "", ""},
				"a header field that trickles":          {head + "X-Slow: ", strings.Repeat("x", forever), ""},
				"header fields that trickle":            {head, strings.Repeat("X-Slow: x\r\n", forever), ""},
				"a request line that trickles":          {"", head, ""},
				"headers beyond 16 KiB":                 {head + "X-Large: " + strings.Repeat("x", 16<<10) + "\r\n" + complete + body, "", "HTTP/1.1 431 Request Header Fields Too Large"},
				"headers beyond 16 KiB, in many fields": {head + strings.Repeat("X-Large: x\r\n", 2<<10) + complete + body, "", "HTTP/1.1 431 Request Header Fields Too Large"},
				"a body that does not end":              {head + "Content-Length: 100\r\n\r\n{", "", "HTTP/1.1 400 Bad Request"},
				"a body that trickles":                  {head + complete, body, "HTTP/1.1 400 Bad Request"},
				"a chunked body that does not end":      {chunked + "1\r\n{\r\n", "", "HTTP/1.1 400 Bad Request"},
				"a chunked body that trickles":          {chunked, strings.Repeat("1\r\n \r\n", forever), "HTTP/1.1 400 Bad Request"},
				"a whole report without its last chunk": {chunked + fmt.Sprintf("%x\r\n%s\r\n", len(body), body), "", "HTTP/1.1 400 Bad Request"},
				"a chunked body that never would":       {chunked + "11000\r\n" + strings.Repeat(" ", 0x11000) + "\r\n", "", "HTTP/1.1 413 Request Entity Too Large"},
				"a large body that is only announced":   {head + "Content-Length: 1000000000\r\n\r\n", "", "HTTP/1.1 413 Request Entity Too Large"},
				"OPTIONS *":                             {"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "", "HTTP/1.1 404 Not Found"},
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					connection := dial(t, address)
					if _, err := io.WriteString(connection, c.sent); err != nil {
						t.Fatal(err)
					}
					go trickle(connection, c.trickled)
					reader := bufio.NewReader(connection)
					if c.wants == "" { // what still trickles in may have the connection reset
						if _, err := io.ReadAll(reader); errors.Is(err, os.ErrDeadlineExceeded) {
							t.Error("the connection is not closed")
						}
						return
					}
					first, err := reader.ReadString('\n')
					if err != nil || !strings.HasPrefix(first, c.wants) {
						t.Fatalf("got %q (%v), want %q", first, err, c.wants)
					}
					rest, err := io.ReadAll(reader)     // ends when the server closes the connection, as it must
					if err != nil && c.trickled == "" { // else it may be reset, once it is answered
						t.Errorf("the connection was not closed well: %v", err)
					}
					if !strings.Contains(string(rest), `{"error":{"code":`) {
						t.Errorf("not our error body: %s", rest)
					}
				})
			}
		})
		if after := stored(t, db); after != before {
			t.Errorf("stored was %s, and is %s", before, after)
		}
		if response, err := http.Get("http://" + address + "/livez"); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %v, %v", response, err)
		}
	})
}

// trickle sends a text byte by byte, until it is through or the connection ends.
func trickle(to net.Conn, text string) {
	for i := range len(text) {
		if _, err := to.Write([]byte{text[i]}); err != nil {
			return
		}
		<-time.After(shortened / 10)
	}
}
