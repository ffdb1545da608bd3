package app

import (
	"bufio"
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

// What trickles in is answered or closed in time, and net/http answers nothing by itself that routing could.
func TestServer_EndsWhatDoesNotArrive(t *testing.T) {
	db, err := store.Open(storetest.SQLite(t), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	key, text, err := apikey.New(apikey.Test, "worker", apikey.Scopes(), time.Now(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AddKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	handler, err := httpapi.New(httpapi.Config{
		Service:       delivery.NewService(db, delivery.Settings{}, time.Now),
		Authenticator: apikey.NewAuthenticator(db, time.Now), Ready: db.Ready, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(handler, logger)
	for name, limit := range map[string]time.Duration{
		"read header": server.ReadHeaderTimeout, "read": server.ReadTimeout, "write": server.WriteTimeout, "idle": server.IdleTimeout,
	} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("the %s limit is %v", name, limit)
		}
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond // so that the test need not wait
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()

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
			connection, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = connection.Close() }()
			if _, err := io.WriteString(connection, c.sent); err != nil {
				t.Fatal(err)
			}
			if err := connection.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
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
	if response, err := http.Get("http://" + listener.Addr().String() + "/livez"); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %v, %v", response, err)
	}
}
