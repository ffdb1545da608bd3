// Command throughput measures how many reports a built server records, beside PostgreSQL's own benchmark:
//
//	go run ./internal/throughput
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
