// Package program builds the server, starts it as a process of its own, as it is run in production, and stops it. It is
// shared by the commands that measure it.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyLimit = 30 * time.Second
	stopLimit  = 15 * time.Second // the server itself gives its last requests less
)

// Program is a built numora-delivery, in the temporary directory of this run.
type Program struct {
	Directory string
	path      string
}

// Build builds the server as it is shipped: without cgo.
func Build(ctx context.Context, directory string) (Program, error) {
	built := Program{Directory: directory, path: filepath.Join(directory, "numora-delivery")}
	build := exec.CommandContext(ctx, "go", "build", "-o", built.path, "github.com/numora/delivery/cmd/numora-delivery")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return Program{}, fmt.Errorf("build the server: %w\n%s", err, output)
	}
	return built, nil
}

// command prepares a run on a database with nothing else set, whatever the environment says.
func (p Program) command(ctx context.Context, databaseURL string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, p.path, arguments...)
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "NUMORA_")
	}), "NUMORA_DATABASE_URL="+databaseURL)
	return command
}

// Prepare makes the schema and a key with every scope that is needed here, and returns the key.
func (p Program) Prepare(ctx context.Context, databaseURL string) (key string, err error) {
	var printed []byte
	for _, arguments := range [][]string{
		{"migrate"},
		{"keys", "create", "--name=bench", "--scopes=delivery:write,delivery:read,documents:read,documents:write"},
	} {
		var complaints bytes.Buffer
		command := p.command(ctx, databaseURL, arguments...)
		command.Stderr = &complaints
		if printed, err = command.Output(); err != nil {
			return "", fmt.Errorf("numora-delivery %s: %w\n%s", arguments[0], err, &complaints)
		}
	}
	return strings.TrimSpace(string(printed)), nil
}

// Server is a running numora-delivery.
type Server struct {
	Origin     string        // http://HOST:PORT
	ReadyAfter time.Duration // since the start of its process
	Process    *os.Process
	log        string

	interrupted func() error // tells whether the whole measurement is being given up
	askToEnd    context.CancelFunc
	ended       chan struct{}
	err         error // how it ended; to be read once ended is closed
}

// Start runs a server on a database, with settings (NAME=VALUE) in place of the default ones, and returns when it is ready.
func (p Program) Start(ctx context.Context, databaseURL string, settings ...string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	// A file takes the log without this process having to read it, which would disturb what is measured.
	log, err := os.CreateTemp(p.Directory, "server-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has it, too

	running, askToEnd := context.WithCancel(ctx)
	command := p.command(running, databaseURL, "serve")
	// Any free port for operators: the default one may be another server's.
	command.Env = append(command.Env, "NUMORA_LISTEN="+address, "NUMORA_ADMIN_LISTEN=127.0.0.1:0")
	// Requests are counted as ever, but the one key of the load is for all the workers that there would be.
	command.Env = append(command.Env, "NUMORA_RATE_LIMIT=1000000000")
	command.Env = append(command.Env, settings...)
	command.Stdout, command.Stderr = log, log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopLimit
	s := &Server{
		Origin: "http://" + address, log: log.Name(),
		interrupted: ctx.Err, askToEnd: askToEnd, ended: make(chan struct{}),
	}
	began := time.Now()
	if err := command.Start(); err != nil {
		askToEnd()
		return nil, err
	}
	s.Process = command.Process
	go func() {
		s.err = command.Wait()
		close(s.ended)
	}()
	if err := s.waitReady(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	s.ReadyAfter = time.Since(began)
	return s, nil
}

// freeAddress returns a loopback address that was free a moment ago. Should another program take it
// meanwhile, the server ends and says so.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyLimit, fmt.Errorf("the server was not ready within %s", readyLimit))
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Origin+"/readyz", nil)
		if err != nil {
			return err
		}
		// Until it listens this is an error, and until it is ready another status: both mean to ask again.
		if response, err := http.DefaultClient.Do(request); err == nil {
			if err := response.Body.Close(); err != nil {
				return err
			}
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(time.Millisecond):
		case <-s.ended:
			return errors.New("the server ended before it was ready")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stop asks the server to end and waits until it has. What went wrong comes with the end of its log.
func (s *Server) Stop() error {
	s.askToEnd()
	<-s.ended
	// A Ctrl-C at the terminal reaches the server as well as this program, which then asks it a second time:
	// that ends it at once, by the signal.
	if s.err == nil || errors.Is(s.err, context.Canceled) || s.interrupted() != nil {
		return nil
	}
	log, err := os.ReadFile(s.log)
	return errors.Join(fmt.Errorf("the server ended with: %w\n%s", s.err, log[max(0, len(log)-2000):]), err)
}

// ResidentMemory returns how many bytes of the server are in memory; only Linux tells.
func (s *Server) ResidentMemory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("the kernel tells no VmRSS of the server")
}
