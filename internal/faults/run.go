package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

const (
	// warmUp is load without faults, until all servers have as much open as they will.
	warmUp = 2 * time.Second
	// grace is how long clients may take to bring what they have begun to its end, once all faults are over.
	grace = 30 * time.Second
	// judgeEvery is how often a run is judged that ends with its first finding.
	judgeEvery = 20 * time.Second
)

// run runs, prints the report, and returns the exit code.
func run(ctx context.Context, s settings) int {
	directory, err := makeDirectory(s.keep)
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return invalid
	}
	report := &report{settings: s, directory: directory}
	if err := report.fill(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		report.invalid = append(report.invalid, err.Error())
	}
	code := report.code()
	if code == green && s.keep == "" {
		if err := os.RemoveAll(directory); err != nil {
			fmt.Fprintln(os.Stderr, "faults:", err)
		}
		report.directory = ""
	}
	report.print(os.Stdout)
	return code
}

func makeDirectory(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "numora-faults-")
	}
	path, err := filepath.Abs(keep)
	if err != nil {
		return "", err
	}
	return path, os.Mkdir(path, 0o700)
}

// fill does everything that a report tells of.
func (p *report) fill(ctx context.Context) (err error) {
	program := workers.Program(p.settings.binary)
	if program == "" {
		progress("building the server")
		if program, err = workers.Build(ctx, p.directory); err != nil {
			return err
		}
	}
	parts := []func(context.Context, workers.Program) error{p.standAlone, p.loaded}
	if p.settings.untilFound { // the load finds more, and sooner
		slices.Reverse(parts)
	}
	for _, part := range parts {
		if err := part(ctx, program); err != nil || p.settings.untilFound && len(p.findings) > 0 {
			return err
		}
	}
	return nil
}

// loaded is the part under load.
func (p *report) loaded(ctx context.Context, program workers.Program) (err error) {
	if !p.settings.wantsLoad() {
		return nil
	}
	r, err := build(ctx, p.settings, program, p.directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()

	// The load outlives ctx: what was begun is brought to its end.
	loading, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	r.load.Start(loading)
	failed := p.underLoad(ctx, r)
	p.lasted = r.journal.Now()
	progress("the load ends")
	ending := time.AfterFunc(grace, giveUp)
	r.load.Stop()
	ending.Stop()
	if failed != nil {
		return failed // perhaps with PostgreSQL away
	}
	p.answered(r)
	if err := p.judge(ctx, r); err != nil {
		return err
	}
	for _, s := range r.servers {
		for _, what := range s.Strange() {
			p.findings = append(p.findings, history.Finding{Check: "servers", What: what})
		}
	}
	return nil
}

// underLoad inflicts faults for as long as the run is to last.
func (p *report) underLoad(ctx context.Context, r *rig) error {
	progress("load of %d clients, seed %d", p.settings.clients, p.settings.seed)
	if err := pause(ctx, warmUp); err != nil {
		return err
	}
	if err := r.takeBaseLine(ctx); err != nil {
		return err
	}
	dealer := &rounds{
		random: rand.New(rand.NewPCG(p.settings.seed, 1<<33)), // #nosec G404 -- to be made again by its seed
		short:  p.settings.minutes == 0, only: p.settings.wanted(),
	}
	end := time.Now().Add(time.Duration(p.settings.minutes * float64(time.Minute)))
	judged := time.Now()
	between := longCalm
	if dealer.short {
		between = calm
	}
	for number := 0; dealer.short || time.Now().Before(end); number++ {
		f, found := dealer.next()
		if !found {
			break
		}
		h, findings, err := r.happen(ctx, f, number)
		p.findings = append(p.findings, findings...)
		if err != nil {
			return err
		}
		p.happened = append(p.happened, h)
		p.tell(r, h, findings)
		if p.settings.untilFound && (len(p.findings) > 0 || time.Since(judged) > judgeEvery) {
			if done, err := p.judgeMeanwhile(ctx, r); done || err != nil {
				return err
			}
			judged = time.Now()
		}
		if err := pause(ctx, between); err != nil {
			return err
		}
	}
	for _, f := range dealer.missed() {
		p.invalid = append(p.invalid, fmt.Sprintf("there was no time for %s", f.name))
	}
	return nil
}

// judgeMeanwhile judges what there is while all clients stand still, and tells whether that is enough.
func (p *report) judgeMeanwhile(ctx context.Context, r *rig) (done bool, err error) {
	if len(p.findings) > 0 {
		return true, nil // where writes do not come back, clients would not stand still
	}
	resume, err := r.load.Pause(ctx)
	if err != nil {
		return false, err
	}
	defer resume()
	lasted := r.journal.Now() // before documents are read: leases run out meanwhile
	documents, err := r.caller.Documents(ctx)
	if err != nil {
		return false, err
	}
	run, err := r.run(ctx, lasted, documents)
	if err != nil {
		return false, err
	}
	found := run.Check() // the judgement in the end is told
	if len(found) > 0 {
		progress("FOUND by %s, %s into the run", found[0].Check, run.Lasted.Round(time.Second))
	}
	return len(found) > 0, nil
}

func (p *report) tell(r *rig, h happened, findings []history.Finding) {
	evidence := h.evidence
	if evidence == "" {
		evidence = "NOT FELT"
	}
	t := r.journal.Tally()
	progress("%s: back after %s (%s); %d operations, %d recorded, %d unknown", h.name, h.recovery.Round(time.Millisecond), evidence, t.Operations, t.Recorded, t.Unknown)
	for _, f := range findings {
		progress("FOUND by %s: %s", f.Check, f.What)
	}
}
