package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
)

// startForOperators starts a server with an admin listener.
func startForOperators(t *testing.T, databaseURL, key string, environment ...string) *server {
	t.Helper()
	return startIn(t, t.TempDir(), key,
		append([]string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_ADMIN_LISTEN=127.0.0.1:0"}, environment...), "serve", "--listen", "127.0.0.1:0")
}

// ask gets a URL without a key.
func ask(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	check(t, err)
	text, err := io.ReadAll(response.Body)
	check(t, err)
	check(t, response.Body.Close())
	return response.StatusCode, string(text)
}

func TestOperators_HaveAListenerOfTheirOwn(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := startForOperators(t, databaseURL, key)
		for path, want := range map[string]int{
			"/metrics": http.StatusOK, "/livez": http.StatusOK, "/readyz": http.StatusOK, "/debug/pprof/": http.StatusOK,
			"/debug/pprof/goroutine": http.StatusOK, "/v1/documents/x": http.StatusNotFound,
		} {
			if got, body := ask(t, s.admin+path); got != want {
				t.Errorf("%s: %d: %s", path, got, body)
			}
		}
		for _, path := range []string{"/metrics", "/debug/pprof/"} {
			if got, _ := ask(t, s.url+path); got != http.StatusNotFound {
				t.Errorf("%s among clients: %d", path, got)
			}
		}
	})
}

// What is served and what the README explains are the same.
func TestOperators_MetricsAreThoseOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	check(t, err)
	explained := map[string]bool{}
	for _, match := range regexp.MustCompile("(?m)^\\| `((?:numora|go_sql)_\\w+)").FindAllStringSubmatch(string(readme), -1) {
		explained[match[1]] = true
	}
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := startForOperators(t, databaseURL, key, "NUMORA_AUDIT_KEY_FILE="+newAuditKey(t, "numora.example/test").file) // without, there are two less
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)
		s.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/due", `{"status":"reviewed","providers":["sap"]}`)
		_, figures := ask(t, s.admin+"/metrics")
		served := map[string]bool{}
		for _, match := range regexp.MustCompile(`(?m)^# TYPE ((?:numora|go_sql)_\w+)`).FindAllStringSubmatch(figures, -1) {
			served[match[1]] = true
		}
		for name := range served {
			if strings.HasPrefix(name, "numora_") && !explained[name] {
				t.Errorf("the README does not explain %s", name)
			}
		}
		for name := range explained {
			if !served[name] {
				t.Errorf("the README explains %s, which is not served", name)
			}
		}
		for _, line := range []string{
			`numora_http_requests_total{operation="recordDelivery",status="201"} 1`,
			`numora_recordings_total{outcome="created",provider="dynamics365"} 1`,
			`numora_requests_shed_total{reason="queue_full"} 0`,
			`numora_ready 1`, `numora_requests_in_work 0`, `numora_connections_limit 4096`,
		} {
			if !strings.Contains(figures, "\n"+line+"\n") {
				t.Errorf("the figures lack %s", line)
			}
		}
	})
}

func TestServe_BusyAdminPort_IsRefusedUnlessNobodyAskedForIt(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = busy.Close() }()
	databaseURL := storetest.SQLite(t)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_ADMIN_LISTEN=" + busy.Addr().String()}
	_, stderr, code := run(t, t.TempDir(), environment, "serve", "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "NUMORA_ADMIN_LISTEN") || !strings.Contains(stderr, "in use") {
		t.Errorf("exit code %d: %s", code, stderr)
	}

	const byDefault = "127.0.0.1:9090"
	if taken, err := net.Listen("tcp", byDefault); err == nil { // else somebody has it already
		defer func() { _ = taken.Close() }()
	}
	s := startIn(t, t.TempDir(), "", []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_ADMIN_LISTEN=" + byDefault}, "serve", "--listen", "127.0.0.1:0")
	if s.admin != "" {
		t.Errorf("it serves operators on %s", s.admin)
	}
	s.wants(http.StatusOK, http.MethodGet, "/readyz", "")
}

// Clients beyond the limit wait until one of the others leaves; operators are not among them.
func TestServe_ConnectionsAreLimited(t *testing.T) {
	s := startForOperators(t, storetest.SQLite(t), "", "NUMORA_MAX_CONNECTIONS=2")
	address := strings.TrimPrefix(s.url, "http://")
	var kept []net.Conn
	answers := make(chan error, 3)
	for range 3 {
		connection, err := net.Dial("tcp", address)
		check(t, err)
		defer func() { _ = connection.Close() }()
		kept = append(kept, connection)
		_, err = fmt.Fprint(connection, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
		check(t, err)
		go func() {
			_, err := connection.Read(make([]byte, 1))
			answers <- err
		}()
	}
	for range 2 {
		check(t, <-answers)
	}
	if _, figures := ask(t, s.admin+"/metrics"); !strings.Contains(figures, "\nnumora_connections 2\n") {
		t.Errorf("not two connections: %s", figures)
	}
	select {
	case err := <-answers:
		t.Errorf("the third was answered while the others stayed: %v", err)
	default:
	}
	check(t, kept[0].Close())
	check(t, kept[1].Close())
	select {
	case err := <-answers:
		check(t, err)
	case <-time.After(settled):
		t.Error("the third is never answered")
	}
}

// Spans go where the standard environment says, the last of them when the server stops, and tell no secrets.
func TestServe_Traces(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		sent := make(chan []byte, 100)
		collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err == nil && r.URL.Path == "/v1/traces" {
				sent <- body
			}
		}))
		defer collector.Close()
		s := startForOperators(t, databaseURL, key, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_EXPORTER_OTLP_COMPRESSION=none")
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed","metadata":{"a":"a secret value"}}`)
		body := strings.Replace(report("one"), "{", `{"error_message":"a secret message",`, 1)
		s.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", body)
		check(t, s.command.Process.Signal(syscall.SIGTERM))
		if code := s.wait(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		close(sent)
		var all bytes.Buffer
		for spans := range sent {
			all.Write(spans)
		}
		for _, want := range []string{"numora-delivery", "POST /v1/documents/{id}/delivery", "validate", "record", "INSERT INTO"} {
			if !bytes.Contains(all.Bytes(), []byte(want)) {
				t.Errorf("no span tells %q", want)
			}
		}
		for _, secret := range []string{"a secret", s.key, s.key[len(s.key)-20:]} {
			if bytes.Contains(all.Bytes(), []byte(secret)) {
				t.Errorf("a span tells %q", secret)
			}
		}
	})
}

// What n8n does with a node of 200 items: all at once, each again until it is answered. No setting is needed for that.
func TestServe_DefaultLimits_LetManyItemsAtOncePass(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		s := start(t, databaseURL, newKey(t, databaseURL))
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)
		var items sync.WaitGroup
		for i := range 200 {
			items.Go(func() {
				for range 5 {
					got, err := s.exchange(http.MethodPost, "/v1/documents/"+documentID+"/delivery", report(strconv.Itoa(i)), "Connection", "close")
					if err != nil || got.status != http.StatusCreated && got.status != http.StatusOK {
						t.Errorf("item %d: %d, error %v: %s", i, got.status, err, got.body)
					}
				}
			})
		}
		items.Wait()
	})
}
