package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/numora/delivery/internal/faults/alone"
	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

// proofs are made of one server at a time, before the load.
var proofs = []struct {
	name string
	make func(context.Context, alone.Options) (alone.Result, error)
}{
	{"SQLite: 201 follows fsync", alone.SyncSQLite},
	{"PostgreSQL: 201 follows fsync", alone.SyncPostgres},
	{"SQLite: server killed", alone.KillSQLite},
	{"SQLite: disk full", alone.FullSQLite},
	{"PostgreSQL: disk full", alone.FullPostgres},
	{"PostgreSQL: disk of its log full", alone.FullPostgresLog},
}

// proven is what a proof has come to.
type proven struct {
	name   string
	result alone.Result
}

// everyName are the names of all that can be wanted alone.
func everyName() (names []string) {
	for _, f := range all() {
		names = append(names, f.name)
	}
	for _, f := range proofs {
		names = append(names, f.name)
	}
	return names
}

// wantsLoad tells whether any fault is wanted that is under load.
func (s settings) wantsLoad() bool {
	return len(s.wanted()) == 0 || slices.ContainsFunc(all(), func(f fault) bool { return slices.Contains(s.wanted(), f.name) })
}

// proofLasts is how long the load of a proof lasts; 0 is short.
func (s settings) proofLasts() time.Duration {
	return min(time.Duration(s.minutes*float64(time.Second)), 30*time.Second)
}

// standAlone makes the proofs that are wanted.
func (p *report) standAlone(ctx context.Context, program workers.Program) error {
	for _, each := range proofs {
		if wanted := p.settings.wanted(); len(wanted) > 0 && !slices.Contains(wanted, each.name) {
			continue
		}
		began := time.Now()
		result, err := each.make(ctx, alone.Options{Program: string(program), Directory: p.directory, Lasts: p.settings.proofLasts()})
		for _, what := range result.Findings {
			p.findings = append(p.findings, history.Finding{Check: each.name, What: what})
			progress("FOUND by %s: %s", each.name, what)
		}
		p.proven = append(p.proven, proven{each.name, result})
		switch {
		case ctx.Err() != nil:
			return err
		case errors.Is(err, alone.ErrNotFelt):
			p.invalid = append(p.invalid, fmt.Sprintf("%s: %v", each.name, err))
		case err != nil:
			return fmt.Errorf("%s: %w", each.name, err)
		}
		progress("%s: %d acknowledged, after %s", each.name, result.Acknowledged, time.Since(began).Round(time.Millisecond))
	}
	return nil
}
