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
//   - A slow-loris: a thousand connections that a server waits for in vain. They send a header that never
//     ends, nothing at all, or a body that never ends, with a key and without, a byte a second; what the server
//     ends is opened again. Meanwhile a few good clients record reports, and the 99th percentile of what these
//     take may grow by a tenth, and one that comes new waits for no more than a second. See below for what it
//     is compared with.
//   - Log and metrics: what the request log (JSON, to a file) and the metrics take of the throughput, with
//     tracing off. Two servers in one process and over one store, which differ in that alone, are given reports
//     in turn, each for a twentieth of a second, by clients that wait for nothing but the answer. Of each pair
//     of rounds comes a ratio, and the median of the ratios is held to the bound: over SQLite, and over
//     PostgreSQL when there is one. Clients and server share the processors, and over SQLite, which takes one
//     write at a time, some of these have nothing to do: so beside it stands how long the server computed for
//     a report, and the same is measured over a store in memory that forgets what it is told, where no database
//     hides the cost. Scrapes are not in it.
//   - The audit page and the document: GET /v1/documents/{id}/delivery and GET /v1/documents/{id} of a
//     document with 100 attempts, in a table of a thousand attempts and in one of a million. Two servers on
//     the two databases are asked in turn, always for the same document, which is in memory then. The bound
//     is on the ratio of the medians: how much else there is must not show. SQLite always; PostgreSQL when
//     NUMORA_TEST_POSTGRES_URL names one whose role may create databases ("go run ./internal/testpg --"
//     sets it).
//   - The outbox: listing a page of what is due, and claiming and giving back, where a thousand deliveries are due and
//     nothing else, and where a million settled ones lie beside them; the rest as above.
//
// # What the slow-loris is compared with
//
// The attacker is a process beside the servers, on the same processors, where a real one would be elsewhere. So
// there are two servers, of which it attacks one at a time, and the good clients report to both at the same time.
// Held to the bound is the ratio of the two while the attack goes on: whatever the attacker takes, and whatever
// else the machine does, meets both alike, and what is left is the server's own doing: requests that wait because
// connections hold what they need. The percentile is that of all rounds together; those of single rounds differ
// by more than the bound without any attack.
//
// That ratio does not show what the attack takes from the whole machine, which slows both servers. It is shown as
// processor time: that of the attacked server beyond the other one's, and the attacker's. The ratio to the same
// server without an attack has all of it, the attacker's own part too, but compares one time with another, and
// on a machine that has other things to do says more of these.
//
// # How to read it
//
// Times are as the client sees them, to the end of the answer's body. A bound that does not hold says so in
// the table and nowhere else: on a busy machine that may be the machine, so run it again. The exit status is
// 1 only where something could not be measured. The SQLite files need about two gigabytes, in the system's
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

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

// parts are what this program does in a process of its own, apart from the one that measures.
var parts = part.Parts{
	attackerPart: playAttacker,
	twinsPart:    playTwins,
}

// settings say how much to measure and where.
type settings struct {
	directory string
	reports   int
	starts    int
	reads     int
	claims    int
	attempts  int
	limit     time.Duration
}

func main() {
	if play := parts.Of(os.Args); play != nil {
		if err := play(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	var s settings
	flag.StringVar(&s.directory, "dir", os.TempDir(), "where the temporary `directory` is made: the disk to measure")
	flag.IntVar(&s.reports, "reports", 1000, "how many reports to time")
	flag.IntVar(&s.starts, "starts", 11, "how many starts to time")
	flag.IntVar(&s.reads, "reads", 1000, "how many times to read each page and document")
	flag.IntVar(&s.claims, "claims", 200, "how many times to list and claim what is due")
	flag.IntVar(&s.attempts, "attempts", 1_000_000, "how many attempts the large history has, and settled deliveries the large outbox, in whole thousands")
	flag.DurationVar(&s.limit, "limit", 10*time.Minute, "when to give up, from when the server is built")
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
	if s.reports < 1 || s.starts < 1 || s.reads < 1 || s.claims < 1 {
		return errors.New("-reports, -starts, -reads and -claims must be at least 1")
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
	built, err := program.Build(ctx, directory)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("not done after %s; -limit allows more", s.limit))
	defer cancel()
	for _, measure := range []func(context.Context, program.Program, settings) ([]row, error){
		measureServer, measureLoris, measureObserving, measureSQLiteHistory, measurePostgresHistory, measureSQLiteOutbox, measurePostgresOutbox,
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
