package alone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/numora/delivery/internal/faults/child"
	"github.com/numora/delivery/internal/faults/workers"
)

const (
	readyLimit = 30 * time.Second
	patience   = 6 * time.Second // of a client; servers answer within 3 s
	interval   = 10 * time.Millisecond
	documents  = 8
)

// server is a place where a server process runs, again and again at the same address.
type server struct {
	options     Options
	databaseURL string
	settings    []string
	address     string
	key         string
	client      *http.Client

	command *exec.Cmd
	ended   chan struct{}
}

// newServer makes schema and key on a database, and finds an address.
func newServer(ctx context.Context, options Options, databaseURL string, settings ...string) (*server, error) {
	s := &server{options: options, databaseURL: databaseURL, settings: settings, client: &http.Client{
		Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	if _, err := s.run(ctx, "migrate"); err != nil {
		return nil, err
	}
	var err error
	if s.key, err = s.run(ctx, "keys", "create", "--name=worker", "--scopes=delivery:write,documents:write"); err != nil {
		return nil, err
	}
	s.address, err = workers.FreeAddress()
	return s, err
}

// program prepares a run of the program, with what this server is set to.
func (s *server) program(ctx context.Context, arguments ...string) *exec.Cmd {
	command := workers.Program(s.options.Program).Command(ctx, s.databaseURL, arguments...)
	command.Env = append(append(command.Env, "NUMORA_ADMIN_LISTEN=off", "NUMORA_LISTEN="+s.address, "NUMORA_RATE_LIMIT=1000000000"), s.settings...)
	command.Dir = s.options.Directory
	return command
}

func (s *server) run(ctx context.Context, arguments ...string) (string, error) {
	return workers.Output(s.program(ctx, arguments...))
}

func (s *server) logPath() string { return filepath.Join(s.options.Directory, "server.log") }

// start starts the process and returns when it is ready.
func (s *server) start(ctx context.Context) error {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the process has it too
	command := s.program(context.WithoutCancel(ctx), "serve")
	command.Stdout, command.Stderr = log, log
	if err := child.Start(command, syscall.SIGKILL); err != nil {
		return err
	}
	s.command, s.ended = command, make(chan struct{})
	go func(ended chan struct{}) { _ = command.Wait(); close(ended) }(s.ended)
	for deadline := time.Now().Add(readyLimit); s.status(ctx, "/readyz") != http.StatusOK; {
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended at its start: %s; its log:\n%s", command.ProcessState, s.log())
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(interval):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not get ready; its log:\n%s", s.log())
		}
	}
	return nil
}

func (s *server) log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil {
		return "(none)"
	}
	return string(text[max(0, len(text)-4096):])
}

func (s *server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// kill kills the process, where there is one, and waits for its end.
func (s *server) kill() error {
	if s.command == nil {
		return nil
	}
	if err := s.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// status returns what a path without a key is answered, 0 for nothing.
func (s *server) status(ctx context.Context, path string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return 0
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0
	}
	_ = response.Body.Close() // nothing of it is wanted
	return response.StatusCode
}

// answer is what a request was answered.
type answer struct {
	status     int
	retryAfter string
	body       string
}

func (s *server) send(ctx context.Context, method, path, body string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header.Get("Retry-After"), string(text)}, errors.Join(err, response.Body.Close())
}

// register registers the documents that reports are about.
func (s *server) register(ctx context.Context) error {
	for n := range documents {
		got, err := s.send(ctx, http.MethodPut, fmt.Sprintf("/v1/documents/doc-%d", n), `{"status":"reviewed"}`)
		if err != nil {
			return err
		}
		if got.status != http.StatusCreated {
			return fmt.Errorf("register a document: %d %s", got.status, got.body)
		}
	}
	return nil
}

// record sends a report, with a message of its own.
func (s *server) record(ctx context.Context, executionID, message string) (answer, error) {
	document := 0
	for _, b := range []byte(executionID) {
		document = (document*31 + int(b)) % documents // the same one when it is sent again
	}
	return s.send(ctx, http.MethodPost, fmt.Sprintf("/v1/documents/doc-%d/delivery", document), fmt.Sprintf(
		`{"provider":"dynamics365","status":"failed","execution_id":%q,"attempted_at":"2026-03-24T03:00:00Z","error_message":%q}`, executionID, message))
}
