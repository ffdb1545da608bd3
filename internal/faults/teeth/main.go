package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// settings say how to look for bugs.
type settings struct {
	seed  uint64
	only  string
	limit time.Duration
	bugs  []bug
}

func main() { os.Exit(command()) }

func command() int {
	var s settings
	flag.Uint64Var(&s.seed, "seed", 0, "what all decisions of each run follow from; 0: any")
	flag.StringVar(&s.only, "only", "", "have the harness inflict only these `faults`, a list with commas")
	flag.DurationVar(&s.limit, "limit", 5*time.Minute, "how long the harness may take to find a bug")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: teeth [FLAG]... [BUG]...\nPlants bugs in the server, all or those that are named, and has the harness find them; see the package comment.")
		flag.PrintDefaults()
	}
	flag.Parse()
	var err error
	if s.bugs, err = named(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "teeth:", err)
		return 2
	}
	// A second Ctrl-C is ignored: it would leave behind what the first is having removed.
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer release()
	found, err := s.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "teeth:", err)
	}
	if err != nil || !found {
		return 1
	}
	return 0
}

// named are the bugs with these names, or all.
func named(names []string) ([]bug, error) {
	all, err := bugs()
	if err != nil || len(names) == 0 {
		return all, err
	}
	var chosen []bug
	for _, name := range names {
		i := slices.IndexFunc(all, func(b bug) bool { return b.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no bug %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// run looks for one bug after the other, prints the table, and tells whether each was found.
func (s settings) run(ctx context.Context) (foundAll bool, err error) {
	folder, err := os.MkdirTemp("", "numora-teeth-")
	if err != nil {
		return false, err
	}
	defer func() {
		if foundAll {
			err = errors.Join(err, os.RemoveAll(folder))
		} else {
			fmt.Fprintln(os.Stderr, "teeth: what there is of what was not found is kept in", folder)
		}
	}()
	module, err := moduleFolder(ctx)
	if err != nil {
		return false, err
	}
	h := hunt{settings: s, module: module, folder: folder, harness: filepath.Join(folder, "faults")}
	if err := build(ctx, module, "-o", h.harness, "./internal/faults"); err != nil {
		return false, err
	}
	var results []result
	for _, b := range s.bugs {
		fmt.Fprintf(os.Stderr, "teeth: %s: %s\n", b.name, b.says)
		found, err := h.find(ctx, b)
		if err != nil {
			return false, errors.Join(err, printTable(results))
		}
		fmt.Fprintln(os.Stderr, "teeth:", b.name, "was", found)
		results = append(results, found)
	}
	missed := slices.ContainsFunc(results, func(r result) bool { return !r.found })
	return !missed, printTable(results)
}

func printTable(results []result) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "BUG\tFOUND BY\tAFTER")
	for _, r := range results {
		by := "NOT FOUND: " + r.why
		if r.found {
			by = strings.Join(r.checks, ", ")
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", r.bug, by, r.after.Round(time.Second))
	}
	return table.Flush()
}
