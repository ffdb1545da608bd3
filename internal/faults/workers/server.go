package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/numora/delivery/internal/faults/child"
)

const (
	// Deadline is within which servers answer; it is what they do by themselves.
	Deadline = 3 * time.Second
	// Patience is how long clients wait for an answer.
	Patience = Deadline + 2*time.Second
	// Connections is how many connections to PostgreSQL each server opens for its requests. It has one more, to look whether
	// PostgreSQL is there.
	Connections = 8

	readyLimit = 30 * time.Second
	endLimit   = 20 * time.Second // servers give their last requests less
)

// ErrServer says that a server's process does not do what it must: begin, get ready, or end.
var ErrServer = errors.New("not as it must be")

// Server is a place where a server process runs, again and again, always at the same address.
type Server struct {
	Number      int
	Origin      string // http://HOST:PORT
	Checkpoints string // the file that it appends its checkpoints to
	Log         string // the file that all its processes log to

	program     Program
	databaseURL string
	auditKey    string
	listen      string
	admin       string
	journal     *Journal

	mutex   sync.Mutex
	process *process // nil before the first start
	strange []string // what it did that nobody asked for
}

// process is one process of a server.
type process struct {
	command *exec.Cmd
	wanted  bool          // somebody asked for its end
	ended   chan struct{} // closed at its end, when err is how it ended
	err     error
}

// Servers finds places for servers on a database, each of which is reached by a way of its own.
func Servers(program Program, prepared Prepared, journal *Journal, directory string, databaseURLs ...string) ([]*Server, error) {
	var servers []*Server
	for n, databaseURL := range databaseURLs {
		listen, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		admin, err := FreeAddress()
		if err != nil {
			return nil, err
		}
		servers = append(servers, &Server{
			Number: n, Origin: "http://" + listen,
			Checkpoints: filepath.Join(directory, fmt.Sprintf("checkpoints-%d", n)), Log: filepath.Join(directory, fmt.Sprintf("server-%d.log", n)),
			program: program, databaseURL: databaseURL, auditKey: prepared.AuditKey, listen: listen, admin: admin, journal: journal,
		})
	}
	return servers, nil
}

// Start starts the server's process and returns since when it takes connections.
func (s *Server) Start(ctx context.Context) (time.Time, error) {
	log, err := os.OpenFile(s.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	defer log.Close() // the process has it too
	command := s.program.Command(context.WithoutCancel(ctx), s.databaseURL, "serve")
	command.Env = append(command.Env, "NUMORA_LISTEN="+s.listen, "NUMORA_ADMIN_LISTEN="+s.admin,
		"NUMORA_MIGRATE=off", // the schema is there, so that a start takes no longer than it must
		"NUMORA_REQUEST_TIMEOUT="+Deadline.String(), fmt.Sprintf("NUMORA_DATABASE_CONNECTIONS=%d", Connections),
		"NUMORA_RATE_LIMIT=1000000000", // some keys are here for all the workers that there would be
		"NUMORA_RETRY_DELAY=300ms", "NUMORA_RETRY_MAX_DELAY=1s", "NUMORA_MAX_TRIES=4",
		"NUMORA_AUDIT_KEY_FILE="+s.auditKey, "NUMORA_AUDIT_CHECKPOINT_FILE="+s.Checkpoints, "NUMORA_AUDIT_SEAL_EVERY=1s")
	command.Stdout, command.Stderr = log, log
	if err := child.Start(command, syscall.SIGKILL); err != nil {
		return time.Time{}, err
	}
	started := &process{command: command, ended: make(chan struct{})}
	s.mutex.Lock()
	s.process = started
	s.mutex.Unlock()
	go s.watch(started)
	at, err := s.awaitListening(ctx, started)
	s.journal.Resume(s.Number)
	return at, err
}

// watch notes when a process ends that nobody told to.
func (s *Server) watch(p *process) {
	p.err = p.command.Wait()
	s.mutex.Lock()
	if !p.wanted {
		s.strange = append(s.strange, fmt.Sprintf("server %d ended by itself: %v", s.Number, p.err))
	}
	s.mutex.Unlock()
	close(p.ended)
}

func (s *Server) awaitListening(ctx context.Context, p *process) (time.Time, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, s.late("does not listen"))
	defer cancel()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", s.listen)
		if err == nil {
			return time.Now(), connection.Close()
		}
		select {
		case <-p.ended:
			return time.Time{}, fmt.Errorf("%w: server %d ended at its start: %v; its log is %s", ErrServer, s.Number, p.err, s.Log)
		case <-ctx.Done():
			return time.Time{}, context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *Server) late(what string) error {
	return fmt.Errorf("%w: server %d %s within %s; its log is %s", ErrServer, s.Number, what, readyLimit, s.Log)
}

// AwaitReady returns when the server says that it is ready.
func (s *Server) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, s.late("is not ready"))
	defer cancel()
	for {
		if status, _, err := s.ask(ctx, "/readyz"); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ask asks the admin listener for something.
func (s *Server) ask(ctx context.Context, path string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close() // it is read, or that failed
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// current is the process that runs, and marks that it is to end where that is wanted.
func (s *Server) current(toEnd bool) *process {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.process != nil && toEnd {
		s.process.wanted = true
	}
	return s.process
}

// Kill kills the server's process. It does not wait, for it is called by who holds up the very process; Ended does.
func (s *Server) Kill() error {
	s.journal.Halt(s.Number)
	return s.current(true).command.Process.Kill()
}

// AwaitEnd waits until the server's process has ended, and returns how.
func (s *Server) AwaitEnd() error {
	p := s.current(false)
	select {
	case <-p.ended:
		return p.err
	case <-time.After(endLimit):
		return errors.Join(fmt.Errorf("server %d did not end within %s, and was killed", s.Number, endLimit), p.command.Process.Kill())
	}
}

// Terminate asks the server to end, as a deployment does, and returns when it has.
func (s *Server) Terminate() error {
	p := s.current(true)
	if p == nil {
		return nil
	}
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if err := s.AwaitEnd(); err != nil {
		return fmt.Errorf("%w: server %d, asked to end: %w; its log is %s", ErrServer, s.Number, err, s.Log)
	}
	return nil
}

// Stop stops the server's process where it is.
func (s *Server) Stop() error {
	s.journal.Halt(s.Number)
	return s.current(false).command.Process.Signal(syscall.SIGSTOP)
}

// Continue lets a stopped process go on.
func (s *Server) Continue() error {
	err := s.current(false).command.Process.Signal(syscall.SIGCONT)
	s.journal.Resume(s.Number)
	return err
}

// Strange returns what the server did that nobody asked for.
func (s *Server) Strange() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.strange
}

// FreeAddress returns an address that was free a moment ago, on a port from which no connections are made: those of clients would
// take it while the server is down.
func FreeAddress() (string, error) {
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	return "", errors.New("no port is free between 10000 and 30000")
}

// Discard kills the server's process, whatever it is at, where there is one still.
func (s *Server) Discard() error {
	p := s.current(true)
	if p == nil {
		return nil
	}
	if err := p.command.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}
