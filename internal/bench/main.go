// Command bench measures a built server against the bounds it is held to, and prints them in one table:
//
//	go run ./internal/bench
//
// # What is measured
//
//   - One fsync: an append of as much as a small commit writes to SQLite's log, and the wait until it is on
//     the disk that the database is on. Nothing that keeps its promise can record a report in less.
//   - One report: a client over HTTP with one connection, SQLite. It may take a millisecond more than an
//     fsync; the two are measured in turn, so that whatever else the disk does meets both.
//   - Start to ready: from the start of the process on a database that is there already until GET /readyz
//     answers 200.
//   - Idle memory: what the server has resident when it has taken all those reports and then nothing.
//   - The audit page and the document: GET /v1/documents/{id}/delivery and GET /v1/documents/{id} of a
//     document with 100 attempts, in a table of a thousand attempts and in one of a million. Two servers on
//     the two databases are asked in turn, always for the same document, which is in memory then. The bound
//     is on the ratio of the medians: how much else there is must not show. SQLite always; PostgreSQL when
//     NUMORA_TEST_POSTGRES_URL names one whose role may create databases ("go run ./internal/testpg --"
//     sets it).
//
// # How to read it
//
// Times are as the client sees them, to the end of the answer's body. A bound that does not hold says so in
// the table and nowhere else: on a busy machine that may be the machine, so run it again. The exit status is
// 1 only where something could not be measured. The SQLite files need about half a gigabyte, in the system's
// temporary directory unless -dir says otherwise: where that is kept in memory an fsync costs nothing, and
// the figures say nothing about a disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// settings say how much to measure and where.
type settings struct {
	directory string
	reports   int
	starts    int
	reads     int
	attempts  int
	limit     time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.directory, "dir", os.TempDir(), "where the temporary `directory` is made: the disk to measure")
	flag.IntVar(&s.reports, "reports", 1000, "how many reports to time")
	flag.IntVar(&s.starts, "starts", 11, "how many starts to time")
	flag.IntVar(&s.reads, "reads", 1000, "how many times to read each page and document")
	flag.IntVar(&s.attempts, "attempts", 1_000_000, "how many attempts the large history has, in whole thousands")
	flag.DurationVar(&s.limit, "limit", 2*time.Minute, "when to give up, from when the server is built")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [FLAG]...\nMeasures a server against its bounds; see the package comment for how to read the table.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := s.check(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}

	// A second Ctrl-C is ignored: it would leave behind what the first is having removed.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	rows, err := run(ctx, s)
	release()
	err = errors.Join(err, printTable(os.Stdout, rows))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (s settings) check() error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if s.reports < 1 || s.starts < 1 || s.reads < 1 {
		return errors.New("-reports, -starts and -reads must be at least 1")
	}
	if s.attempts < smallHistory || s.attempts%smallHistory != 0 {
		return fmt.Errorf("-attempts must be a multiple of %d", smallHistory)
	}
	return nil
}

// run measures everything in a directory of its own, and returns what it has also when it could not go on.
func run(ctx context.Context, s settings) (rows []row, err error) {
	directory, err := os.MkdirTemp(s.directory, "numora-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()

	progress("building the server")
	built, err := buildProgram(ctx, directory)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("not done after %s; -limit allows more", s.limit))
	defer cancel()
	for _, measure := range []func(context.Context, program, settings) ([]row, error){
		measureServer, measureSQLiteHistory, measurePostgresHistory,
	} {
		measured, err := measure(ctx, built, s)
		rows = append(rows, measured...)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
				err = errors.Join(cause, err) // what was cut short says only that it was
			}
			return rows, err
		}
	}
	return rows, nil
}

// progress tells a person who waits what is being done.
func progress(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", arguments...)
}
