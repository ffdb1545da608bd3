package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/child"
)

const (
	stopLimit  = 30 * time.Second
	readyLimit = 60 * time.Second
	interval   = 5 * time.Millisecond

	// orphanLimit is how long what a postmaster leaves behind may take to notice that it is gone.
	orphanLimit = 2 * time.Second
)

// postmaster is the server's first process.
type postmaster struct {
	command *exec.Cmd
	ended   chan struct{}
	err     error // how it ended; to be read once ended is closed
}

func (p *postmaster) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// StartAgain starts the server, at the same address as before, and returns since when it accepts connections.
func (c *Cluster) StartAgain(ctx context.Context) (accepting time.Time, err error) {
	if c.postmaster != nil && !c.postmaster.hasEnded() {
		return time.Time{}, errors.New("the server is running")
	}
	log, err := os.OpenFile(c.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	command, err := c.command("postgres", c.arguments...)
	if err != nil {
		return time.Time{}, err
	}
	command.Stdout, command.Stderr = log, log
	// SIGQUIT is PostgreSQL's immediate shutdown.
	if err := child.Start(command, syscall.SIGQUIT); err != nil {
		return time.Time{}, err
	}
	started := &postmaster{command: command, ended: make(chan struct{})}
	go func() {
		started.err = command.Wait()
		close(started.ended)
	}()
	c.postmaster = started

	ready, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-started.ended:
			cancel(fmt.Errorf("the server ended while it started: %w", started.err))
		case <-ready.Done():
		}
	}()
	if accepting, err = c.Ready(ready); err != nil {
		return time.Time{}, fmt.Errorf("%w; its log:\n%s", err, c.Log())
	}
	return accepting, nil
}

// Ready waits until the server accepts connections, and returns when that was.
func (c *Cluster) Ready(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, c.superuserURL("postgres"))
		if err == nil {
			return time.Now(), closeConnection(connection)
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("the server accepts no connections: %w", errors.Join(context.Cause(ctx), err))
		case <-time.After(interval):
		}
	}
}

// Running says whether the server's first process has not ended. It ends by itself when it cannot write its log.
func (c *Cluster) Running() bool { return !c.postmaster.hasEnded() }

// FastStop ends the server in order: what is in work is rolled back, everything is written.
func (c *Cluster) FastStop() error { return c.stop(syscall.SIGINT) }

// ImmediateStop ends the server as it is: it has to recover when it starts again.
func (c *Cluster) ImmediateStop() error { return c.stop(syscall.SIGQUIT) }

func (c *Cluster) stop(signal syscall.Signal) error {
	if err := c.postmaster.command.Process.Signal(signal); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-c.postmaster.ended:
		return nil
	case <-time.After(stopLimit):
	}
	return errors.Join(fmt.Errorf("the server did not end within %s of %s, and was killed", stopLimit, signal), c.KillPostmaster())
}

// KillPostmaster kills the server's first process, and returns when the others, which notice, have ended too. Until
// then they go on with what they are at, and may still commit it. Those that do not notice are killed.
func (c *Cluster) KillPostmaster() error {
	process := c.postmaster.command.Process
	// It starts no others while they are looked for.
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("kill the postmaster: %w", err)
	}
	children, err := childrenOf(process.Pid)
	if err := errors.Join(err, process.Kill()); err != nil {
		return fmt.Errorf("kill the postmaster: %w", err)
	}
	<-c.postmaster.ended
	if awaitEnd(children, orphanLimit) {
		return nil
	}
	for _, p := range children {
		if err := p.signal(syscall.SIGKILL); err != nil {
			return err
		}
	}
	if !awaitEnd(children, stopLimit) {
		return errors.New("what the postmaster left behind does not end")
	}
	return nil
}
