package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/numora/delivery/internal/testpg/account"
)

// longestSocketPath is what fits a Unix socket's address on macOS; Linux has room for four bytes more.
const longestSocketPath = 103

// home is the temporary directory in which one database lives and the account that it belongs to.
type home struct {
	directory string
	account   *syscall.Credential // nil: that of this process
}

func makeHome() (home, error) {
	owner, err := account.ForServer()
	if err != nil {
		return home{}, fmt.Errorf("%w: add one, or set %s", err, urlVariable)
	}
	parent := os.TempDir()
	// Another account may not be let into this one's TMPDIR.
	if owner != nil || len(parent)+len("/testpg-4294967295/.s.PGSQL.5432") > longestSocketPath {
		parent = "/tmp"
	}
	directory, err := os.MkdirTemp(parent, "testpg-")
	if err != nil {
		return home{}, err
	}
	made := home{directory: directory, account: owner}
	if err := made.own(directory); err != nil {
		return home{}, errors.Join(err, os.Remove(directory))
	}
	return made, nil
}

// own hands a file over to the home's account.
func (h home) own(path string) error { return account.Own(path, h.account) }

// command prepares a program to run in the home and as its account.
func (h home) command(ctx context.Context, program string, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, arguments...)
	// The account may not be allowed into the directory that this process is in.
	command.Dir = h.directory
	// macOS does not start a server that has to look up the user's locale.
	command.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+h.directory)
	if h.account != nil {
		// The inherited one is not this account's, which could not keep its downloads there.
		command.Env = append(command.Env, "HOME="+h.directory)
	}
	// In a process group of its own, out of reach of a ^C at the terminal: the database must answer until
	// the command that uses it has ended.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: h.account}
	return command
}

func (h home) logPath() string { return filepath.Join(h.directory, "postgres.log") }

// log returns what the server wrote, to show where it failed.
func (h home) log() string {
	written, err := os.ReadFile(h.logPath())
	if err != nil {
		return "(it has no log)"
	}
	return "its log:\n" + string(written)
}
