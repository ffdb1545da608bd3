package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

// standing is what a server holds at one moment.
type standing struct{ goroutines, connections int }

// Under load what a server holds moves with the requests that it has, by more than a leak would. So clients stand still, without
// connections, while it is counted: goroutines come and go even so, but always back to the same number. The base line is the least that
// it has then before all faults, and it is back when it is seen with no more than 5 % above that. Connections to PostgreSQL are opened
// as they are needed, up to a number that is set.
const (
	calmTime      = time.Second
	lookEvery     = 100 * time.Millisecond
	backLimit     = 10 * time.Second
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

// takeBaseLine notes what servers hold while nothing is wrong and nothing is asked of them.
func (r *rig) takeBaseLine(ctx context.Context) error {
	resume, err := r.load.Pause(ctx)
	if err != nil {
		return err
	}
	defer resume()
	r.base = slices.Repeat([]standing{{goroutines: math.MaxInt, connections: workers.Connections + 1}}, len(r.servers))
	for end := time.Now().Add(calmTime); time.Now().Before(end); {
		now, err := r.look(ctx)
		if err != nil {
			return err
		}
		for n, s := range now {
			r.base[n].goroutines = min(r.base[n].goroutines, s.goroutines)
		}
		if err := pause(ctx, lookEvery); err != nil {
			return err
		}
	}
	return nil
}

// awaitBaseLine waits until all servers hold no more than they did, and finds those that go on holding more.
func (r *rig) awaitBaseLine(ctx context.Context, after string) (findings []history.Finding, err error) {
	limited, cancel := context.WithTimeoutCause(ctx, recoveryLimit, fmt.Errorf("%s after %s clients still wait for answers", recoveryLimit, after))
	defer cancel()
	resume, err := r.load.Pause(limited)
	if err != nil {
		return nil, err
	}
	defer resume()
	for end := time.Now().Add(backLimit); ; {
		now, err := r.look(ctx)
		findings = nil
		if err != nil {
			findings = []history.Finding{{Check: "base line", What: fmt.Sprintf("after %s it cannot be told what servers hold: %v", after, err)}}
		}
		for n, s := range now {
			if above(s.goroutines, r.base[n].goroutines) || above(s.connections, r.base[n].connections) {
				findings = append(findings, history.Finding{Check: "base line", What: fmt.Sprintf(
					"%s after %s server %d has %d goroutines and %d connections to PostgreSQL, and should have %d and %d at most",
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

func above(now, base int) bool { return float64(now) > float64(base)*tolerated }

// pause waits, unless ctx ends before.
func pause(ctx context.Context, how time.Duration) error {
	select {
	case <-time.After(how):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
