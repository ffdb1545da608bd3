package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/store/storetest"
)

// settings are those of a server on the database, on any free ports.
func settings(databaseURL string) config.Serve {
	return config.Serve{
		Database: config.Database{DatabaseURL: databaseURL}, Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		Migrate: "auto", UnknownDocuments: "refuse", Docs: "on", LogFormat: "json", RequestTimeout: config.Duration{Duration: 3 * time.Second},
		MaxConnections: config.Count{N: 100}, MaxInWork: config.Count{N: 10}, MaxQueued: config.Count{N: 10}, RateLimit: config.Count{N: 1000}, AddressRateLimit: config.Count{N: 1000},
		DatabaseConnections: config.Count{N: 4},
		RetryDelay:          config.Duration{Duration: time.Second}, RetryMaxDelay: config.Duration{Duration: time.Second}, MaxTries: config.Count{N: 1},
		Audit: config.Audit{SealEvery: config.Duration{Duration: time.Second}, SealEntries: config.Count{N: 1000}},
	}
}

// running is a server in this process.
type running struct {
	address string
	stop    context.CancelFunc
	ended   chan error
}

// serveHere runs the server of these settings here, and returns when it is ready.
func serveHere(t *testing.T, settings config.Serve) *running {
	t.Helper()
	t.Setenv("NUMORA_DATABASE_URL", settings.DatabaseURL) // so that its password is not one of the command line
	ctx, stop := context.WithCancel(t.Context())
	r := &running{stop: stop, ended: make(chan error, 1)}
	logs, written := io.Pipe()
	go func() {
		err := Serve(ctx, settings, nil, io.Discard, written)
		_ = written.Close()
		r.ended <- err
	}()
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "ready" {
				ready <- line.Address
			}
		}
	}()
	if r.address = <-ready; r.address == "" {
		t.Fatal("it does not get ready:", <-r.ended)
	}
	return r
}

func TestServe_LeavesNoGoroutineBehind(t *testing.T) {
	for name, endpoint := range map[string]string{"untraced": "", "traced": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			onEachDatabase(t, func(t *testing.T, databaseURL string) {
				before := goleak.IgnoreCurrent()
				server := serveHere(t, settings(databaseURL))
				client := http.Client{Transport: &http.Transport{}}
				for _, path := range []string{"/readyz", "/v1/documents/x", "/docs/"} {
					response, err := client.Get("http://" + server.address + path)
					if err != nil {
						t.Fatal(err)
					}
					if err := response.Body.Close(); err != nil {
						t.Fatal(err)
					}
				}
				server.stop()
				if err := <-server.ended; err != nil {
					t.Error(err)
				}
				client.CloseIdleConnections()
				goleak.VerifyNone(t, before)
			})
		})
	}
}

// A client that never finishes its request cannot keep the server from stopping, nor make that a failure.
func TestServe_StopsInSpiteOfASlowClient(t *testing.T) {
	previous := stopTimeout
	stopTimeout = 100 * time.Millisecond
	t.Cleanup(func() { stopTimeout = previous })
	databaseURL := storetest.SQLite(t)
	key := addKey(t, migrate(t, databaseURL))
	server := serveHere(t, settings(databaseURL))
	connection := dial(t, server.address)
	_, err := fmt.Fprintf(connection, "PUT /v1/documents/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n", key)
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	if proceed, err := reader.ReadString('\n'); err != nil || !strings.Contains(proceed, "100 Continue") { // now it is in work
		t.Fatalf("got %q (%v)", proceed, err)
	}
	server.stop()
	if err := <-server.ended; err != nil {
		t.Error(err)
	}
}
