package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/numora/delivery/internal/faults/child"
)

// hunt has the harness look for bugs.
type hunt struct {
	settings
	module  string
	folder  string
	harness string // the program
}

// result is what came of looking for one bug.
type result struct {
	bug    string
	found  bool
	checks []string // that found it
	why    string   // it was not found
	after  time.Duration
}

func (r result) String() string {
	if r.found {
		return fmt.Sprintf("found by %s after %s", strings.Join(r.checks, ", "), r.after.Round(time.Second))
	}
	return fmt.Sprintf("NOT found, %s, after %s", r.why, r.after.Round(time.Second))
}

// red is the harness's exit status when something was found.
const red = 1

// endLimit is how long the harness may take to end in order, with PostgreSQL and all servers.
const endLimit = time.Minute

// find plants one bug and has the harness look for it. What is left of it goes, when it was found.
func (h hunt) find(ctx context.Context, b bug) (result, error) {
	folder := filepath.Join(h.folder, b.name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return result{}, err
	}
	overlay, err := b.plant(ctx, h.module, folder)
	if err != nil {
		return result{}, err
	}
	server := filepath.Join(folder, "numora-delivery")
	if err := build(ctx, h.module, "-overlay", overlay, "-o", server, "./cmd/numora-delivery"); err != nil {
		return result{}, err
	}
	found, err := h.look(ctx, server, folder)
	if err != nil {
		return result{}, err
	}
	found.bug = b.name
	if found.found {
		err = os.RemoveAll(folder)
	}
	return found, err
}

// look runs the harness against a server, and keeps what it says and leaves behind in folder.
func (h hunt) look(ctx context.Context, server, folder string) (found result, err error) {
	limited, cancel := context.WithTimeout(ctx, h.limit)
	defer cancel()
	arguments := []string{"-binary", server, "-until-found", "-keep", filepath.Join(folder, "run"), "-seed", strconv.FormatUint(h.seed, 10)}
	if h.only != "" {
		arguments = append(arguments, "-only", h.only)
	}
	log, err := os.Create(filepath.Join(folder, "report"))
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	command := exec.CommandContext(limited, h.harness, arguments...)
	command.Dir = h.module
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) } // it ends what it has started
	command.WaitDelay = endLimit
	said, writing := io.Pipe()
	command.Stdout, command.Stderr = writing, writing // one after the other, since they are the same
	began := time.Now()
	if err := child.Start(command, syscall.SIGTERM); err != nil {
		return result{}, fmt.Errorf("start the harness: %w", err)
	}
	hearing := make(chan listened, 1)
	go func() { hearing <- listen(io.TeeReader(said, log), began) }()
	ended := command.Wait()
	after := time.Since(began)
	_ = writing.Close() // it never fails
	heard := <-hearing
	switch exit := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return result{}, context.Cause(ctx)
	case heard.err != nil:
		return result{}, heard.err
	case ended == nil:
		return result{why: "everything seemed right", after: after}, nil
	case errors.As(ended, &exit) && exit.ExitCode() == red && len(heard.checks) > 0:
		return result{found: true, checks: heard.checks, after: heard.first}, nil
	case limited.Err() != nil:
		return result{why: "it took too long", after: after}, nil
	default:
		return result{why: ended.Error() + " of the harness", after: after}, nil
	}
}

// listened is what the harness was heard to find.
type listened struct {
	checks []string      // by its report
	first  time.Duration // when it spoke of one of them first
	err    error
}

// listen hears what the harness says until it says no more. What it finds while it runs counts where its report has it too.
func listen(from io.Reader, began time.Time) (l listened) {
	heard := make(map[string]time.Duration)
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if check, reported, is := foundBy(line); is {
			at := time.Since(began)
			if first, before := heard[check]; before {
				at = first
			}
			heard[check] = at
			if reported {
				if l.checks = append(l.checks, check); len(l.checks) == 1 || at < l.first {
					l.first = at
				}
			}
		}
		if err != nil {
			if err != io.EOF {
				l.err = err
			}
			return l
		}
	}
}

// foundBy returns the check that a line of the harness's names as one that found something. In its report, which is at the end, that
// is a line "FOUND by CHECK: COUNT"; while it runs it says "faults: TIME: FOUND by CHECK, ..." or "...: FOUND by CHECK: ...".
func foundBy(line string) (check string, reported, is bool) {
	before, rest, is := strings.Cut(line, "FOUND by ")
	end := strings.IndexAny(rest, ":,\n")
	if !is || end < 0 {
		return "", false, false
	}
	return rest[:end], before == "", true
}
