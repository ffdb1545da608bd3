// Command throughput measures how many reports a built server records, beside what PostgreSQL itself does with the least
// work that a report needs, measured by PostgreSQL's own pgbench:
//
//	go run ./internal/throughput
//	go run ./internal/throughput -only new,kinds -rounds 1 -lasts 3s
//
// # What it runs on
//
// One machine, whose processors the load, the server and PostgreSQL share. PostgreSQL is a throw-away cluster of this run
// with its own settings, fsync and synchronous_commit above all, on a disk (TMPDIR, where it is in memory, is refused). The
// server is built as it is shipped, a process of its own with nothing set but the database and where to listen: keys,
// validation, limits, metrics, and the JSON log, to a file. pgbench has to be installed; figures of processor time and
// memory need Linux.
//
// # What is measured
//
// Rates are of closed loops: each connection sends when it has its answer. Reports go to random ones of 100,000
// registered documents with one delivery each, under execution ids that nobody used before. An answer with another status
// than the one it should have ends the run, and is shown.
//
//   - load: the load alone, on a handler that does nothing. It speaks HTTP by itself, because what it takes is taken from
//     the server: compare the column LOAD US.
//   - new, connections: new reports on 64, and on 1, 16 and 256 connections, in turn with pgbench and record.sql at as
//     many clients.
//   - kinds: reports of which 9 % are replayed and 1 % conflict; nothing but replays, of the last 100 that each connection
//     recorded; and 64 writers on one document, in turn with new reports.
//   - half: an open loop at half of the rate that 64 connections came to a moment before. Each connection has its beat,
//     and times count from when a report should have been sent, also where the one before it was late. The load's own
//     timers, of a millisecond, are in them.
//   - pages: audit pages (limit=20) in turn with read.sql, 32 connections, each table filled with 5 attempts a document.
//   - overload: 64 connections, then 640 that send again what was refused, when Retry-After says so, then 64 without
//     a pause in between; and the same once more on a server that lets few wait, so that it refuses. Refusals are counted
//     by themselves.
//   - growth: an empty table and one of -attempts, in turn, two servers on two databases of the cluster.
//   - replicas: 64 connections spread over one, two and three servers on one database, in turn.
//   - sqlite: the server over SQLite in turn with a loop that does for SQLite what record.sql does for PostgreSQL: two
//     prepared statements over the product's schema, a transaction for each report, synchronous=FULL, no HTTP and no
//     validation.
//   - sealing: a server that seals its audit history, as it does by default, in turn with one whose database does not even note
//     what is to be sealed; on PostgreSQL and on SQLite.
//
// # How to read it
//
// A figure is the median of the rounds, each after a warm-up on the same connections. What is compared is measured in turn,
// and a ratio is the median of the ratios of the rounds, so that whatever else the machine does meets both. Only the ratio
// to the yardstick of 64 clients, in rows without a pgbench of their own, is one of two medians, and is there when "new"
// was measured in the same run. Processor time is in seconds for a thousand reports: of the servers, and of all
// PostgreSQL's processes, those that have ended included; for the loop over SQLite it is all of the loop's. Memory is the
// most that one server had resident in any of the rounds. pgbench logs the times of one transaction in ten.
//
// A bound that does not hold says so in the table and nowhere else: on a busy machine that may be the machine, so run it
// again. The exit status is 1 only where something could not be measured.
//
// The scripts in yardstick/ are fixed: to change them is to change what the bounds mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

// settings say how much to measure and where.
type settings struct {
	directory string
	rounds    int
	warmUp    time.Duration
	lasts     time.Duration
	attempts  int
	limit     time.Duration
	only      string
	json      string
}

// parts are what this program does in a process of its own, apart from the one that measures.
var parts = part.Parts{loadPart: playLoad, nothingPart: playNothing}

// measurements are what can be measured, in the order in which it is.
var measurements = []struct {
	name    string
	measure func(context.Context, *bench) ([]row, error)
}{
	{"load", measureLoad},
	{"new", measureNew},
	{"connections", measureConnections},
	{"kinds", measureKinds},
	{"half", measureHalf},
	{"pages", measurePages},
	{"overload", measureOverload},
	{"growth", measureGrowth},
	{"replicas", measureReplicas},
	{"sqlite", measureSQLite},
	{"sealing", measureSealing},
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
	flag.StringVar(&s.directory, "dir", os.TempDir(), "where the temporary `directory` is made, for logs and SQLite; PostgreSQL's is in TMPDIR")
	flag.IntVar(&s.rounds, "rounds", 5, "how many rounds each figure is the median of")
	flag.DurationVar(&s.warmUp, "warm-up", time.Second, "how long each round warms up, in whole seconds")
	flag.DurationVar(&s.lasts, "lasts", 4*time.Second, "how long each round then lasts, in whole seconds")
	flag.IntVar(&s.attempts, "attempts", 5_000_000, "how many attempts the large table holds")
	flag.StringVar(&s.only, "only", "", "measure only these `parts`, a list with commas of "+strings.Join(names(), ", "))
	flag.StringVar(&s.json, "json", "", "a `file` that the table is also written to, as JSON")
	flag.DurationVar(&s.limit, "limit", 40*time.Minute, "when to give up")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: throughput [FLAG]...\nMeasures how many reports a server records, beside PostgreSQL's own pgbench; see the package comment for how to read the table.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := s.check(); err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(2)
	}

	// A second Ctrl-C is ignored: it would leave behind what the first is having removed.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	rows, err := run(ctx, s)
	release()
	err = errors.Join(err, printTable(os.Stdout, rows))
	if s.json != "" {
		err = errors.Join(err, writeJSON(s.json, rows))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "throughput:", err)
		os.Exit(1)
	}
}

func names() (names []string) {
	for _, m := range measurements {
		names = append(names, m.name)
	}
	return names
}

func (s settings) check() error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if s.rounds < 1 || s.attempts < 1 {
		return errors.New("-rounds and -attempts must be at least 1")
	}
	for _, d := range []time.Duration{s.warmUp, s.lasts} {
		if d < time.Second || d%time.Second != 0 {
			return errors.New("-warm-up and -lasts must be whole seconds: pgbench tells of nothing shorter")
		}
	}
	for _, name := range s.wanted() {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("there is no part %q, only %s", name, strings.Join(names(), ", "))
		}
	}
	return nil
}

func (s settings) wanted() []string {
	if s.only == "" {
		return names()
	}
	return strings.Split(s.only, ",")
}

// run measures everything in a directory and on a cluster of its own, and returns what it has also when it could not go
// on.
func run(ctx context.Context, s settings) (rows []row, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, fmt.Errorf("not done after %s; -limit allows more", s.limit))
	defer cancel()
	directory, err := os.MkdirTemp(s.directory, "numora-throughput-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	progress("building the server, starting PostgreSQL")
	b := &bench{settings: s}
	if err := checkDisk(directory); err != nil {
		return nil, err
	}
	if b.program, err = program.Build(ctx, directory); err != nil {
		return nil, err
	}
	if b.cluster, err = startCluster(ctx, directory); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.cluster.stop()) }()
	if b.load, err = part.Start(ctx, loadPart); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.load.Stop()) }()

	for _, m := range measurements {
		if !slices.Contains(s.wanted(), m.name) {
			continue
		}
		progress("%s", m.name)
		measured, err := m.measure(ctx, b)
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

var began = time.Now()

// progress tells a person who waits what is being done.
func progress(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "throughput: %4.0f s: "+format+"\n", append([]any{time.Since(began).Seconds()}, arguments...)...)
}
