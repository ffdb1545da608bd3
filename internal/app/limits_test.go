package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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

func newStore(t *testing.T) (db *store.Store, key string) {
	t.Helper()
	db = migrate(t, storetest.SQLite(t))
	return db, addKey(t, db)
}

// migrate opens the database and brings its schema up to date.
func migrate(t *testing.T, databaseURL string) *store.Store {
	t.Helper()
	db, err := store.Open(databaseURL, store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
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

// What trickles in is answered or closed in time, and net/http answers nothing by itself that routing could.
func TestServer_EndsWhatDoesNotArrive(t *testing.T) {
	db, text := newStore(t)
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
	head := "POST /v1/documents/x/delivery HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + text + "\r\nContent-Type: application/json\r\n"
	// What breaks off before there is a request to route, net/http ends by itself: answered or not.
	for name, c := range map[string]struct{ sent, wants string }{
		"a header that does not end":          {"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow", ""},
		"a body that does not end":            {head + "Content-Length: 100\r\n\r\n{", "HTTP/1.1 400 Bad Request"},
		"a chunked body that does not end":    {head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "HTTP/1.1 400 Bad Request"},
		"a chunked body that never would":     {head + "Transfer-Encoding: chunked\r\n\r\n11000\r\n" + strings.Repeat(" ", 0x11000) + "\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		"a large body that is only announced": {head + "Content-Length: 1000000000\r\n\r\n", "HTTP/1.1 413 Request Entity Too Large"},
		"OPTIONS *":                           {"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			connection := dial(t, address)
			if _, err := io.WriteString(connection, c.sent); err != nil {
				t.Fatal(err)
			}
			reader := bufio.NewReader(connection)
			first, err := reader.ReadString('\n')
			if err != nil && err != io.EOF || !strings.HasPrefix(first, c.wants) {
				t.Fatalf("got %q (%v), want %q", first, err, c.wants)
			}
			rest, err := io.ReadAll(reader) // ends when the server closes the connection, as it must
			if err != nil {
				t.Errorf("the connection was not closed well: %v", err)
			}
			if c.wants != "" && !strings.Contains(string(rest), `{"error":{"code":`) {
				t.Errorf("not our error body: %s", rest)
			}
		})
	}
	if response, err := http.Get("http://" + address + "/livez"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %v, %v", response, err)
	}
}
