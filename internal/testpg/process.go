package main

import (
	"fmt"
	"os/exec"
	"time"
)

// stopLimit is how long a process may take to end after it was asked to.
const stopLimit = 30 * time.Second

// process is a running part of the database.
type process struct {
	command  *exec.Cmd
	askToEnd func() error
	ended    chan struct{}
	err      error // how it ended; to be read once ended is closed
}

func startProcess(command *exec.Cmd, askToEnd func() error) (*process, error) {
	if err := command.Start(); err != nil {
		return nil, err
	}
	started := &process{command: command, askToEnd: askToEnd, ended: make(chan struct{})}
	go func() {
		started.err = command.Wait()
		close(started.ended)
	}()
	return started, nil
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop asks the process to end and waits until it has; one that does not is killed. One that ends badly was
// not well before, and says so: the keeper of a downloaded server ends so when that server was gone.
func (p *process) stop() error {
	if p.hasEnded() {
		return nil
	}
	asked := p.askToEnd()
	select {
	case <-p.ended:
		if p.err != nil {
			return fmt.Errorf("the database did not end well: %w", p.err)
		}
		return nil
	case <-time.After(stopLimit):
	}
	killed := p.command.Process.Kill()
	<-p.ended
	return fmt.Errorf("%s did not end within %s and was killed (%v, %v)", p.command.Path, stopLimit, asked, killed)
}
