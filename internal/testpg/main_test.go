package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// asCommand makes the test binary this package's command, so that the tests can run and kill the real one.
const asCommand = "TESTPG_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// testpg prepares a run of the command in an environment whose NUMORA_TEST_POSTGRES_URL is the given one.
func testpg(t *testing.T, databaseURL string, arguments ...string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable, arguments...)
	command.Env = append(os.Environ(), asCommand+"=yes", urlVariable+"="+databaseURL)
	return command
}

// installed tells which PostgreSQL these tests have: one that is installed, or else a downloaded one.
func installed() bool {
	_, found := findPrograms(versionsDirectory)
	return found
}

func TestCommand_NamedDatabase(t *testing.T) {
	command := testpg(t, "postgres://elsewhere/named", "--", "sh", "-c", `cat; echo "$`+urlVariable+`"; exit 7`)
	command.Stdin = strings.NewReader("from standard input\n")
	output, err := command.Output()

	if want := "from standard input\npostgres://elsewhere/named\n"; string(output) != want {
		t.Errorf("output is %q, want %q", output, want)
	}
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("ended with %v, want the command's status 7", err)
	}
}

func TestCommand_Status(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		want      int
	}{
		"ended by a signal": {[]string{"--", "sh", "-c", "kill -TERM $$"}, 128 + int(syscall.SIGTERM)},
		"not to be found":   {[]string{"--", "/nowhere/to/be/found"}, statusFailed},
		"not given":         {nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			command := testpg(t, "postgres://elsewhere/named", test.arguments...)
			err := command.Run()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != test.want {
				t.Errorf("ended with %v, want status %d", err, test.want)
			}
		})
	}
}

// session is a run of the command on a database of its own, of which the test holds both ends.
type session struct {
	command   *exec.Cmd
	input     io.WriteCloser
	output    *bufio.Reader
	complaint *bytes.Buffer // standard error; to be read when the command has ended
	url       string
	data      string // the server's data directory, whichever PostgreSQL it is
}

// startSession runs a shell script, given after a line that prints the URL.
func startSession(t *testing.T, script string) session {
	t.Helper()
	command := testpg(t, "", "--", "sh", "-c", `echo "$`+urlVariable+`"; `+script)
	complaint := &bytes.Buffer{}
	command.Stderr = complaint
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	started := session{command: command, input: input, output: bufio.NewReader(output), complaint: complaint}
	started.url = started.line(t)
	started.data = started.setting(t, "data_directory")
	return started
}

func (s session) line(t *testing.T) string {
	t.Helper()
	line, err := s.output.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// directory is what holds the data directory, and goes with it.
func (s session) directory() string { return filepath.Dir(s.data) }

// lockFile names the server's process, and is what the server removes as its last act.
func (s session) lockFile() string { return filepath.Join(s.data, "postmaster.pid") }

func awaitThat(t *testing.T, claim string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(readyInterval) {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", claim)
		}
	}
}

func (s session) setting(t *testing.T, name string) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	var value string
	if err := connection.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestCommand_OwnDatabase(t *testing.T) {
	session := startSession(t, "read _; exit 3")
	listens := ""
	if !installed() {
		listens = "localhost" // a downloaded one is reached by a port
	}

	for name, want := range map[string]string{
		"fsync":              "on",
		"synchronous_commit": "on",
		"listen_addresses":   listens,
		"server_encoding":    "UTF8",
	} {
		if got := session.setting(t, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	session.input.Close()
	if err := session.command.Wait(); session.command.ProcessState.ExitCode() != 3 {
		t.Errorf("ended with %v, want the command's status 3", err)
	}
	if _, err := os.Stat(session.directory()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestCommand_Terminated_LetsTheCommandEndFirst(t *testing.T) {
	session := startSession(t, `trap 'echo trapped; read _; exit 4' TERM; echo ready; while :; do sleep 0.05; done`)
	session.line(t)
	if err := session.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := session.line(t); got != "trapped" {
		t.Errorf("the command printed %q, want its trap's word", got)
	}
	if got := session.setting(t, "fsync"); got != "on" {
		t.Errorf("the database answers %q to a command that is still ending", got)
	}

	session.input.Close()
	if err := session.command.Wait(); session.command.ProcessState.ExitCode() != 4 {
		t.Errorf("ended with %v, want the command's status 4", err)
	}
	if _, err := os.Stat(session.directory()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestCommand_ServerEndsEarly_IsAFailure(t *testing.T) {
	session := startSession(t, "read _; exit 0")
	lock, err := os.ReadFile(session.lockFile())
	if err != nil {
		t.Fatal(err)
	}
	firstLine, _, _ := strings.Cut(string(lock), "\n")
	server, err := strconv.Atoi(firstLine)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(server, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}

	awaitThat(t, "the server has ended and the command knows", func() bool {
		return errors.Is(syscall.Kill(server, 0), syscall.ESRCH)
	})
	session.input.Close()
	if err := session.command.Wait(); session.command.ProcessState.ExitCode() != statusFailed {
		t.Errorf("ended with %v, want status %d", err, statusFailed)
	}
	want := "received immediate shutdown request"
	if !installed() {
		want = "the database did not end well" // its log is the library's
	}
	if !strings.Contains(session.complaint.String(), want) {
		t.Errorf("standard error is %q, want %q in it", session.complaint, want)
	}
}

func TestFindPrograms(t *testing.T) {
	for name, test := range map[string]struct {
		onPath    []string
		installed []string // below the versions' directory
		want      string   // initdb's directory, "" when nothing is to be found
	}{
		"none installed":               {},
		"on PATH":                      {onPath: []string{"initdb", "postgres"}, installed: []string{"17/bin/initdb", "17/bin/postgres"}, want: "path"},
		"half on PATH":                 {onPath: []string{"initdb"}, installed: []string{"17/bin/initdb", "17/bin/postgres"}, want: "versions/17/bin"},
		"newest by number":             {installed: []string{"100/bin/initdb", "100/bin/postgres", "17/bin/initdb", "17/bin/postgres"}, want: "versions/100/bin"},
		"newest is a client only":      {installed: []string{"17/bin/psql", "15/bin/initdb", "15/bin/postgres"}, want: "versions/15/bin"},
		"too old":                      {installed: []string{"9.6/bin/initdb", "9.6/bin/postgres", "12/bin/initdb", "12/bin/postgres"}},
		"a directory without a number": {installed: []string{"common/bin/initdb", "common/bin/postgres"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			t.Setenv("PATH", filepath.Join(root, "path"))
			for _, program := range test.onPath {
				writeProgram(t, filepath.Join(root, "path", program))
			}
			for _, program := range test.installed {
				writeProgram(t, filepath.Join(root, "versions", program))
			}

			found, ok := findPrograms(filepath.Join(root, "versions"))
			if ok != (test.want != "") {
				t.Fatalf("found %v (%t), want %q", found, ok, test.want)
			}
			if want := filepath.Join(root, test.want, "initdb"); ok && found.initdb != want {
				t.Errorf("found %s, want %s", found.initdb, want)
			}
		})
	}
}

func writeProgram(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}
