package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Exit codes.
const (
	green   = 0
	red     = 1 // something was found
	misused = 2
	invalid = 3 // nothing can be said
)

// settings say how to run.
type settings struct {
	minutes    float64
	seed       uint64
	clients    int
	keep       string
	only       string
	judge      string
	binary     string
	untilFound bool
}

func main() { os.Exit(command()) }

func command() int {
	var s settings
	flag.Float64Var(&s.minutes, "minutes", 0, "for how many minutes faults go on; 0: until each has been once")
	flag.Uint64Var(&s.seed, "seed", 0, "what all decisions follow from; 0: any")
	flag.IntVar(&s.clients, "clients", 24, "how many clients there are")
	flag.StringVar(&s.keep, "keep", "", "keep history and logs in this `directory`, which must not exist, also when nothing was found")
	flag.StringVar(&s.only, "only", "", "inflict only these `faults`, a list with commas")
	flag.StringVar(&s.judge, "judge", "", "judge the kept history in this `file` again")
	flag.StringVar(&s.binary, "binary", "", "a server in this `file`, instead of one that is built")
	flag.BoolVar(&s.untilFound, "until-found", false, "stop every 20 seconds to judge, and end with the first finding")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: faults [FLAG]...\nTries to break the promise that no acknowledged report is lost and no execution id has two; see the package comment.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if s.seed == 0 {
		s.seed = rand.Uint64N(1_000_000) + 1 // #nosec G404 -- to be told and made again
	}
	if err := s.check(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return misused
	}
	if s.judge != "" {
		return judgeKept(s.judge)
	}

	// A second Ctrl-C is ignored: it would leave behind what the first is having removed.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer release()
	return run(ctx, s)
}

func (s settings) check() error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if s.minutes < 0 || s.clients < 1 {
		return errors.New("-minutes must not be negative, and -clients at least 1")
	}
	for _, name := range s.wanted() {
		if !slices.Contains(everyName(), name) {
			return fmt.Errorf("there is no fault %q, only %s", name, strings.Join(everyName(), ", "))
		}
	}
	return nil
}

// wanted are the faults that nothing else than is to be inflicted; none stands for all.
func (s settings) wanted() []string {
	if s.only == "" {
		return nil
	}
	return strings.Split(s.only, ",")
}

var began = time.Now()

// progress tells a person who waits what is being done.
func progress(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "faults: %4.0f s: "+format+"\n", append([]any{time.Since(began).Seconds()}, arguments...)...)
}
