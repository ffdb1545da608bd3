package alone

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/numora/delivery/internal/faults/child"
	"github.com/numora/delivery/internal/faults/cluster"
)

// SyncSQLite proves that each 201 follows a completed fsync or fdatasync of the write-ahead log that began after its request
// had been read, and after something was written to the log.
func SyncSQLite(ctx context.Context, options Options) (Result, error) {
	return inFolder(options, func(options Options) (r Result, err error) {
		s, err := newServer(ctx, options, "sqlite:"+filepath.Join(options.Directory, "sync.db"))
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.kill()) }()
		return proveSync(ctx, s, nil, func(text string) bool { return strings.Contains(text, "sync.db-wal>") }, true)
	})
}

// SyncPostgres proves the same of a server on PostgreSQL and of PostgreSQL's log. Whoever writes there may have written the
// report earlier than the one who syncs.
func SyncPostgres(ctx context.Context, options Options) (Result, error) {
	return syncPostgres(ctx, options, nil, func(c *cluster.Cluster) string { return c.Address() })
}

func syncPostgres(ctx context.Context, options Options, settings map[string]string, address func(*cluster.Cluster) string, serverSettings ...string) (Result, error) {
	return inFolder(options, func(options Options) (r Result, err error) {
		c, err := cluster.Start(ctx, cluster.Options{Settings: settings})
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		s, err := newServer(ctx, options, cluster.ServerURL(address(c)), serverSettings...)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.kill()) }()
		return proveSync(ctx, s, c.Processes, func(text string) bool { return strings.Contains(text, "/pg_wal/") }, false)
	})
}

// inFolder gives a proof a folder of its own.
func inFolder(options Options, prove func(Options) (Result, error)) (r Result, err error) {
	if options.Directory, err = os.MkdirTemp(options.Directory, "alone-"); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(options.Directory)) }()
	return prove(options)
}

const (
	oneByOne = 50
	atOnce   = 16
)

// proveSync records reports, first one by one and then several at once, while system calls are written down, and looks at these.
func proveSync(ctx context.Context, s *server, database func() ([]int, error), isLog func(string) bool, written bool) (r Result, err error) {
	if err := s.start(ctx); err != nil {
		return r, err
	}
	if err := s.register(ctx); err != nil {
		return r, err
	}
	processes := []int{s.command.Process.Pid}
	if database != nil {
		others, err := database()
		if err != nil {
			return r, err
		}
		processes = append(processes, others...)
	}
	trace := filepath.Join(s.options.Directory, "trace")
	stop, err := startTrace(trace, processes)
	if err != nil {
		return r, err
	}
	ids, err := recordAll(ctx, s)
	if err := errors.Join(err, stop()); err != nil {
		return r, err
	}
	file, err := os.Open(trace)
	if err != nil {
		return r, err
	}
	seen, err := witness(file, isLog)
	if err := errors.Join(err, file.Close()); err != nil {
		return r, err
	}
	r.Acknowledged = len(ids)
	for _, id := range ids {
		if seen.read[id] == 0 || seen.answered[id] == 0 {
			return r, notFelt("the trace does not tell of %s, which was acknowledged", id)
		}
		if !seen.isKept(id, written) {
			r.find("%s was acknowledged, and the log was not synced between its request and its answer", id)
		} else {
			r.Faults++
		}
	}
	return r, nil
}

// recordAll returns the execution ids that were answered 201.
func recordAll(ctx context.Context, s *server) ([]string, error) {
	record := func(ctx context.Context, id string) error {
		got, err := s.record(ctx, id, "sync")
		if err == nil && got.status != http.StatusCreated {
			err = fmt.Errorf("%s was answered %d: %s", id, got.status, got.body)
		}
		return err
	}
	var ids []string
	for n := range oneByOne {
		ids = append(ids, fmt.Sprintf("alone-%d", n))
		if err := record(ctx, ids[n]); err != nil {
			return nil, err
		}
	}
	until := time.Now().Add(max(s.options.Lasts, time.Second))
	for round := 0; time.Now().Before(until); round++ {
		group, ctx := errgroup.WithContext(ctx)
		for n := range atOnce {
			id := fmt.Sprintf("together-%d-%d", round, n)
			ids = append(ids, id)
			group.Go(func() error { return record(ctx, id) })
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// startTrace has strace write the system calls of processes, and of those that they start, to a file until it is stopped.
func startTrace(path string, processes []int) (stop func() error, err error) {
	program, err := exec.LookPath("strace")
	if err != nil {
		return nil, notFelt("strace is not installed")
	}
	arguments := []string{"-f", "-y", "-s", "4096", "-o", path, "-e", "trace=read,recvfrom,write,sendto,writev,pwrite64,pwritev,fsync,fdatasync"}
	for _, p := range processes {
		arguments = append(arguments, "-p", strconv.Itoa(p))
	}
	command := exec.Command(program, arguments...)
	complaints, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := child.Start(command, syscall.SIGKILL); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(complaints)
	var said []string
	for attached := 0; attached < len(processes); {
		if !lines.Scan() {
			return nil, notFelt("strace does not work here: %s (%v)", strings.Join(said, "; "), command.Wait())
		}
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), " attached") {
			attached++
		}
	}
	drained := make(chan struct{})
	go func() {
		for lines.Scan() {
		}
		close(drained)
	}()
	return func() error {
		err := command.Process.Signal(syscall.SIGINT)
		<-drained
		_ = command.Wait() // it ends by that signal
		return err
	}, nil
}
