package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/history"
)

// standing is what a server holds at one moment.
type standing struct{ goroutines, connections int }

// Under load what a server holds moves with the requests that it has: the base line is the most that it held in calmSeconds of load
// without faults, and it is back when it holds no more than 5 % and allowance above that. Less is no leak.
const (
	calmTime      = 2 * time.Second
	lookEvery     = 100 * time.Millisecond
	backLimit     = 10 * time.Second
	allowance     = 3
	tolerated     = 1.05
	lookTimeLimit = 2 * time.Second
)

// look asks all servers for their goroutines, and PostgreSQL for their sessions.
func (r *rig) look(ctx context.Context) (found []standing, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeLimit)
	defer cancel()
	found = make([]standing, len(r.servers))
	for n, s := range r.servers {
		if found[n].goroutines, err = s.Goroutines(ctx); err != nil {
			return nil, err
		}
	}
	connection, err := pgx.Connect(ctx, r.cluster.URL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // it has done its work
	for n := range r.servers {
		err := connection.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", applicationName(n)).Scan(&found[n].connections)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// takeBaseLine notes the most that servers hold while nothing is wrong.
func (r *rig) takeBaseLine(ctx context.Context) error {
	r.base = make([]standing, len(r.servers))
	for end := time.Now().Add(calmTime); time.Now().Before(end); {
		now, err := r.look(ctx)
		if err != nil {
			return err
		}
		for n, s := range now {
			r.base[n].goroutines = max(r.base[n].goroutines, s.goroutines)
			r.base[n].connections = max(r.base[n].connections, s.connections)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
	return nil
}

// awaitBaseLine waits until all servers hold no more than they did, and finds those that go on holding more.
func (r *rig) awaitBaseLine(ctx context.Context, after string) (findings []history.Finding, err error) {
	for end := time.Now().Add(backLimit); ; {
		now, err := r.look(ctx)
		findings = nil
		if err != nil {
			findings = []history.Finding{{Check: "base line", What: fmt.Sprintf("after %s it cannot be told what servers hold: %v", after, err)}}
		}
		for n, s := range now {
			if above(s.goroutines, r.base[n].goroutines) || above(s.connections, r.base[n].connections) {
				findings = append(findings, history.Finding{Check: "base line", What: fmt.Sprintf(
					"%s after %s server %d has %d goroutines and %d connections to PostgreSQL, before all faults %d and %d at most",
					backLimit, after, n, s.goroutines, s.connections, r.base[n].goroutines, r.base[n].connections)})
			}
		}
		if findings == nil || time.Now().After(end) {
			return findings, nil
		}
		if err := pause(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
}

func above(now, base int) bool { return float64(now) > float64(base)*tolerated+allowance }

// pause waits, unless ctx ends before.
func pause(ctx context.Context, how time.Duration) error {
	select {
	case <-time.After(how):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
