package app_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
)

// binary is the server as it is shipped, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "numora-delivery-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(folder, "numora-delivery")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/numora-delivery")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the server: %v\n%s", err, output))
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

const (
	documentID = "4be38121-3791-4856-80d5-c57dbec2cf78"
	settled    = 20 * time.Second // how long anything may take before a test gives up on it
)

// command prepares a run of the binary in a folder of its own, with nothing of this process's settings and no
// admin listener.
func command(t *testing.T, folder string, environment []string, arguments ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), binary, arguments...)
	c.Dir = folder
	c.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "NUMORA_ADMIN_LISTEN=off"}, environment...)
	return c
}

// run runs the binary to its end and returns what it printed and its exit code.
func run(t *testing.T, folder string, environment []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	return runOn(t, "", folder, environment, arguments...)
}

// runOn is run with something on standard input.
func runOn(t *testing.T, stdin, folder string, environment []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command(t, folder, environment, arguments...)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &errs
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// server is a running server process.
type server struct {
	t       *testing.T
	command *exec.Cmd
	url     string
	admin   string // the URL of its admin listener, if it has one
	key     string
	ended   chan error
}

// start starts a server on a free port over the database and waits until it serves.
func start(t *testing.T, databaseURL, key string) *server {
	t.Helper()
	return startIn(t, t.TempDir(), key, []string{"NUMORA_DATABASE_URL=" + databaseURL}, "serve", "--listen", "127.0.0.1:0")
}

func startIn(t *testing.T, folder, key string, environment []string, arguments ...string) *server {
	t.Helper()
	return startRead(t, folder, key, func([]byte) {}, environment, arguments...)
}

// startRead starts a server and waits until it serves. read gets each line of its log, one after the other, until the
// server has ended.
func startRead(t *testing.T, folder, key string, read func(line []byte), environment []string, arguments ...string) *server {
	t.Helper()
	s := &server{t: t, key: key, command: command(t, folder, environment, arguments...), ended: make(chan error, 1)}
	logs, err := s.command.StderrPipe()
	check(t, err)
	check(t, s.command.Start())
	addresses := make(chan string, 1)
	go func() {
		// The log says where it listens; the rest is read on, so that the server never waits for us.
		lines := bufio.NewScanner(logs)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			read(lines.Bytes())
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) != nil {
				continue
			}
			switch line.Msg {
			case "serving operators":
				s.admin = "http://" + line.Address
			case "ready":
				addresses <- line.Address
			}
		}
		s.ended <- s.command.Wait()
	}()
	t.Cleanup(func() { _ = s.command.Process.Kill() }) // it may have ended
	select {
	case address := <-addresses:
		s.url = "http://" + address
	case err := <-s.ended:
		t.Fatalf("the server ended: %v", err)
	case <-time.After(settled):
		t.Fatal("the server does not get ready")
	}
	return s
}

// wait waits for the server's end and returns its exit code, -1 when a signal ended it.
func (s *server) wait() int {
	s.t.Helper()
	select {
	case <-s.ended:
		return s.command.ProcessState.ExitCode()
	case <-time.After(settled):
		s.t.Fatal("the server does not end")
		return 0
	}
}

// answer is what came back for a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// exchange sends a request with the server's key and returns its answer. headers are names and values in turn.
func (s *server) exchange(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(response.Body)
	got := answer{response.StatusCode, response.Header, text}
	return got, errors.Join(err, response.Body.Close(), proxyObjection(request, got))
}

func (s *server) send(method, path, body string) (int, []byte, error) {
	got, err := s.exchange(method, path, body)
	return got.status, got.body, err
}

func (s *server) wants(status int, method, path, body string) []byte {
	s.t.Helper()
	got, text, err := s.send(method, path, body)
	check(s.t, err)
	if got != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, got, status, text)
	}
	return text
}

func report(executionID string) string {
	return fmt.Sprintf(`{"provider":"dynamics365","status":"failed","execution_id":%q,"attempted_at":"2026-03-24T03:00:00Z"}`, executionID)
}

// newKey makes a key with all scopes on the command line.
func newKey(t *testing.T, databaseURL string) string {
	t.Helper()
	if _, stderr, code := run(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + databaseURL}, "migrate"); code != 0 {
		t.Fatalf("migrate: %s", stderr)
	}
	return newKeyFor(t, databaseURL, "worker", allScopes)
}

// newKeyFor makes a key of this name with these scopes on the command line.
func newKeyFor(t *testing.T, databaseURL, name, scopes string) string {
	t.Helper()
	stdout, stderr, code := run(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + databaseURL}, "keys", "create", "--name", name, "--scopes", scopes)
	if code != 0 {
		t.Fatalf("keys create: %s", stderr)
	}
	return strings.TrimSpace(stdout)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestServe_Stops(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := start(t, databaseURL, key)
		s.wants(http.StatusOK, http.MethodGet, "/readyz", "")
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)

		// A request whose body is still on its way when the server is told to stop is answered all the same.
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		check(t, err)
		defer func() { _ = connection.Close() }()
		body := report("in-work")
		_, err = fmt.Fprintf(connection, "POST /v1/documents/%s/delivery HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", documentID, s.key, len(body))
		check(t, err)
		reader := bufio.NewReader(connection)
		proceed, err := reader.ReadString('\n') // the server asks for the body: the request is in work
		check(t, err)
		if !strings.Contains(proceed, "100 Continue") {
			t.Fatalf("got %q", proceed)
		}
		_, err = reader.ReadString('\n')
		check(t, err)
		check(t, s.command.Process.Signal(syscall.SIGTERM))
		_, err = io.WriteString(connection, body)
		check(t, err)
		response, err := http.ReadResponse(reader, nil)
		check(t, err)
		if response.StatusCode != http.StatusCreated {
			t.Errorf("the request in work got %s", response.Status)
		}
		if code := s.wait(); code != 0 {
			t.Errorf("exit code %d after SIGTERM", code)
		}
	})
}

// While it drains it goes on serving, says that it is not ready, and asks clients to go elsewhere.
func TestServe_Drains(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	key := newKey(t, databaseURL)
	s := startIn(t, t.TempDir(), key, []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_DRAIN_DELAY=1s"}, "serve", "--listen", "127.0.0.1:0")
	check(t, s.command.Process.Signal(syscall.SIGTERM))
	drained := false
	for !drained { // until the signal has arrived
		response, err := http.Get(s.url + "/readyz")
		check(t, err)
		drained = response.StatusCode == http.StatusServiceUnavailable && response.Close
		check(t, response.Body.Close())
	}
	s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestServe_SecondSignal_EndsAtOnce(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	s := startIn(t, t.TempDir(), "", []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_DRAIN_DELAY=1m"}, "serve", "--listen", "127.0.0.1:0")
	check(t, s.command.Process.Signal(syscall.SIGTERM))
	for { // until the first has arrived
		if status, _, err := s.send(http.MethodGet, "/readyz", ""); err != nil || status == http.StatusServiceUnavailable {
			break
		}
	}
	check(t, s.command.Process.Signal(syscall.SIGTERM))
	if code := s.wait(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func TestServe_SecondServerOnOneFile_IsRefused(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
	s := start(t, databaseURL, newKey(t, databaseURL))
	_, stderr, code := run(t, t.TempDir(), environment, "serve", "--listen", "127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "another server works on") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	s.wants(http.StatusOK, http.MethodGet, "/readyz", "")
	check(t, s.command.Process.Kill())
	s.wait()
	start(t, databaseURL, s.key) // a killed server leaves nothing that stands in the way
}

// A database that is away at the start is waited for; the process lives meanwhile, and says that it is not ready.
func TestServe_WaitsForItsDatabase(t *testing.T) {
	database, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	check(t, err)
	address := database.Addr().String()
	check(t, database.Close()) // and now it does not even take them
	c := command(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=postgres://numora:a-secret@" + address + "/numora"}, "serve", "--listen", "127.0.0.1:0")
	logs, err := c.StderrPipe()
	check(t, err)
	check(t, c.Start())
	lines, url, told := bufio.NewScanner(logs), "", false
	for !told && lines.Scan() {
		var line struct{ Msg, Address, Error string }
		check(t, json.Unmarshal(lines.Bytes(), &line))
		if line.Msg == "serving" {
			url = "http://" + line.Address
		}
		told = strings.Contains(line.Msg, "trying again") && strings.Contains(line.Error, address)
		if strings.Contains(lines.Text(), "a-secret") {
			t.Error("the log tells the password")
		}
	}
	for path, want := range map[string]int{"/livez": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		response, err := http.Get(url + path)
		check(t, err)
		if response.StatusCode != want {
			t.Errorf("%s: %s", path, response.Status)
		}
		check(t, response.Body.Close())
	}
	check(t, c.Process.Signal(syscall.SIGTERM))
	for lines.Scan() { // read on, so that it can end
	}
	if err := c.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// Where somebody else migrates, a server that came first waits for it.
func TestServe_WaitsForItsSchema(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		waitsForItsSchema(t, databaseURL, "off", "run numora-delivery migrate", "NUMORA_DATABASE_URL="+databaseURL)
	})
	for setting, waits := range map[string]string{"off": "run numora-delivery migrate", "auto": "the database cannot be used yet"} {
		t.Run("postgres as the application's role, "+setting, func(t *testing.T) {
			ownerURL := storetest.Postgres(t)
			storetest.AsOwner(t, ownerURL, "REVOKE CREATE ON SCHEMA public FROM PUBLIC") // which is so from PostgreSQL 15 on
			application := storetest.ApplicationRole(t, ownerURL)
			waitsForItsSchema(t, application.URL, setting, waits, "NUMORA_DATABASE_URL="+ownerURL, "NUMORA_APPLICATION_ROLE="+application.Name)
		})
	}
}

// waitsForItsSchema starts a server and, when it says that it waits, runs migrate in this environment.
func waitsForItsSchema(t *testing.T, databaseURL, setting, waits string, environment ...string) {
	t.Helper()
	c := command(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_MIGRATE=" + setting}, "serve", "--listen", "127.0.0.1:0")
	logs, err := c.StderrPipe()
	check(t, err)
	check(t, c.Start())
	migrated, ready := false, false
	for lines := bufio.NewScanner(logs); lines.Scan(); {
		if !migrated && strings.Contains(lines.Text(), waits) {
			if _, stderr, code := run(t, t.TempDir(), environment, "migrate"); code != 0 {
				t.Fatalf("migrate: %s", stderr)
			}
			migrated = true
		}
		if strings.Contains(lines.Text(), `"msg":"ready"`) {
			ready = migrated
			check(t, c.Process.Signal(syscall.SIGTERM))
		}
	}
	if err := c.Wait(); err != nil || !ready {
		t.Errorf("ready after it was migrated: %t; %v", ready, err)
	}
}

func TestServe_BusyPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { _ = listener.Close() }()
	_, stderr, code := run(t, t.TempDir(), nil, "serve", "--dev", "--listen", listener.Addr().String())
	if code != 1 || !strings.Contains(stderr, listener.Addr().String()) || !strings.Contains(stderr, "in use") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestServe_BadSettings_Exit2NamingEach(t *testing.T) {
	const secret = "hunter2"
	for name, c := range map[string]struct {
		environment, arguments, wants []string
	}{
		"no database": {nil, []string{"serve"}, []string{"NUMORA_DATABASE_URL"}},
		"many": {
			[]string{
				"NUMORA_MIGRATE=maybe", "NUMORA_PROVIDERS=SAP", "NUMORA_DRAIN_DELAY=soon", "NUMORA_MAX_IN_WORK=many", "NUMORA_PROVIDER=" + secret,
				"NUMORA_ALLOW_LOSSY_DATABASE=perhaps", "NUMORA_DATABASE_URL=postgres://numora:" + secret + "@db:port/numora", "OTEL_TRACES_EXPORTER=carrier-pigeon",
			},
			[]string{"serve", "--listen", "x"},
			[]string{
				"NUMORA_DATABASE_URL:", "NUMORA_MIGRATE", "NUMORA_PROVIDERS", "NUMORA_LISTEN", "NUMORA_DRAIN_DELAY", "NUMORA_MAX_IN_WORK",
				"NUMORA_ALLOW_LOSSY_DATABASE", "NUMORA_PROVIDER is no setting", "OTEL_TRACES_EXPORTER",
			},
		},
		"contradictory": {
			[]string{"NUMORA_DATABASE_URL=sqlite:x.db", "NUMORA_DATABASE_URL_FILE=x", "NUMORA_ADMIN_LISTEN=127.0.0.1:8080", "NUMORA_MIGRATE=off"},
			[]string{"serve", "--dev"}, []string{"not both", "NUMORA_ADMIN_LISTEN must not be the same", "does not go with --dev"},
		},
		"unreadable secret": {[]string{"NUMORA_DATABASE_URL_FILE=/nowhere/url", "NUMORA_LOG_FORMAT=xml"}, []string{"serve"}, []string{"NUMORA_DATABASE_URL_FILE cannot be read", "NUMORA_LOG_FORMAT"}},
		"password in sight": {nil, []string{"serve", "--database-url", "postgres://numora:" + secret + "@db/numora", "--migrate", "x"}, []string{"--database-url holds a password", "NUMORA_MIGRATE"}},
		"malformed URL":     {[]string{"NUMORA_DATABASE_URL=postgres://numora:" + secret + "%zz@db/numora"}, []string{"migrate"}, []string{"NUMORA_DATABASE_URL"}},
		"unknown flag":      {nil, []string{"keys", "list", "--nonsense"}, []string{"--nonsense"}},
		"unknown flags and settings": {
			[]string{"NUMORA_MIGRATE=maybe"}, []string{"serve", "--nonsense", "--more=" + secret, "--listen", "x"},
			[]string{"unknown flag --nonsense", "unknown flag --more", "NUMORA_MIGRATE", "NUMORA_LISTEN"},
		},
		"misplaced URL":      {nil, []string{"serve", "postgres://numora:" + secret + "@db/numora"}, []string{"unexpected argument (a URL)"}},
		"URL for a switch":   {nil, []string{"serve", "--dev=postgres://numora:" + secret + "@db/numora"}, []string{"--dev"}},
		"URL for a scope":    {[]string{"NUMORA_DATABASE_URL=sqlite:x.db"}, []string{"keys", "create", "--name", "x", "--scopes", "postgres://numora:" + secret + "@db"}, []string{"delivery:write"}},
		"headers unreadable": {[]string{"NUMORA_DATABASE_URL=sqlite:x.db", "OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_HEADERS=Bearer " + secret}, []string{"serve"}, []string{"OTEL_EXPORTER_OTLP_HEADERS"}},
		"unknown verb":       {nil, []string{"nonsense"}, []string{"nonsense"}},
		"no verb":            {nil, nil, []string{"serve"}},
		"bad key scope":      {[]string{"NUMORA_DATABASE_URL=sqlite:x.db"}, []string{"keys", "create", "--name", "x", "--scopes", "all"}, []string{"delivery:write"}},
	} {
		folder := t.TempDir()
		stdout, stderr, code := run(t, folder, c.environment, c.arguments...)
		if code != 2 {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		for _, want := range c.wants {
			if !strings.Contains(stderr+stdout, want) {
				t.Errorf("%s: nothing said of %s: %s", name, want, stderr)
			}
		}
		if strings.Contains(stderr+stdout, secret) {
			t.Errorf("%s: it repeats the secret: %s", name, stderr)
		}
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v behind (%v)", name, left, err)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	s := start(t, databaseURL, newKey(t, databaseURL))
	address := strings.TrimPrefix(s.url, "http://")
	if _, stderr, code := run(t, t.TempDir(), nil, "healthcheck", "--listen", address); code != 0 {
		t.Errorf("exit code %d while it serves: %s", code, stderr)
	}
	check(t, s.command.Process.Signal(os.Interrupt))
	s.wait()
	if _, _, code := run(t, t.TempDir(), []string{"NUMORA_LISTEN=" + address}, "healthcheck"); code != 1 {
		t.Errorf("exit code %d after it stopped", code)
	}
}
