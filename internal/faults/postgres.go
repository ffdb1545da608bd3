package main

import (
	"context"
	"fmt"
	"time"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

// restart ends PostgreSQL in some way, and starts it again when clients have noticed.
func restart(ctx context.Context, r *rig, end func() error) (felt, error) {
	before := r.trouble()
	if err := end(); err != nil {
		return felt{}, err
	}
	evidence, err := r.awaitTrouble(ctx, before)
	if err != nil {
		return felt{}, err
	}
	cleared, err := r.cluster.StartAgain(ctx)
	return felt{cleared: cleared, evidence: evidence}, err
}

func fastStop(ctx context.Context, r *rig) (felt, error) { return restart(ctx, r, r.cluster.FastStop) }

func immediateStop(ctx context.Context, r *rig) (felt, error) {
	return restart(ctx, r, r.cluster.ImmediateStop)
}

func killPostmaster(ctx context.Context, r *rig) (felt, error) {
	return restart(ctx, r, r.cluster.KillPostmaster)
}

// killBackend kills the process of one session. PostgreSQL ends all others and recovers.
func killBackend(ctx context.Context, r *rig) (felt, error) {
	pid, err := r.cluster.KillBackend(ctx)
	if err != nil {
		return felt{}, err
	}
	cleared, err := r.cluster.Ready(ctx)
	return felt{cleared: cleared, evidence: fmt.Sprintf("PostgreSQL recovered from the end of process %d", pid)}, err
}

const (
	freezeTime = 10 * time.Second
	// overtime is how much longer than the deadline an answer may take while PostgreSQL is frozen.
	overtime = 500 * time.Millisecond
)

// freeze stops PostgreSQL's processes where they are. Everybody must be answered all the same.
func freeze(ctx context.Context, r *rig) (felt, error) {
	before := r.trouble()
	if err := r.cluster.Freeze(); err != nil {
		return felt{}, err
	}
	from := r.journal.Now()
	interrupted := pause(ctx, freezeTime)
	cleared := time.Now()
	if err := r.cluster.Thaw(); err != nil {
		return felt{}, err
	}
	if interrupted != nil {
		return felt{}, interrupted
	}
	evidence, err := r.awaitTrouble(ctx, before)
	if err != nil {
		return felt{}, err
	}
	// What was asked just before the thaw has its time as well, and is seen when it returns.
	err = pause(ctx, time.Until(cleared.Add(workers.Deadline+overtime)))
	return felt{cleared: cleared, evidence: evidence, findings: late(r.journal.Since(from))}, err
}

// late finds requests that were not answered in time.
func late(operations []history.Operation) (findings []history.Finding) {
	const limit = workers.Deadline + overtime
	longest, count := history.Operation{}, 0
	for _, o := range operations {
		if o.Halted || o.Took() <= limit {
			continue
		}
		if count++; o.Took() > longest.Took() {
			longest = o
		}
	}
	if count == 0 {
		return nil
	}
	return []history.Finding{{Check: "frozen", What: fmt.Sprintf(
		"%d requests were answered later than %s, or not at all, while PostgreSQL was frozen; the slowest is %s of %s%s by client %d to server %d, %s into the run: %s, status %d %s",
		count, limit, longest.Kind, longest.DocumentID, longest.ExecutionID, longest.Client, longest.Server, longest.Call.Round(time.Millisecond),
		longest.Took().Round(time.Millisecond), longest.HTTP, longest.Problem)}}
}

// terminateSessions ends all sessions of servers, as an operator would. The servers may hide that from clients.
func terminateSessions(ctx context.Context, r *rig) (felt, error) {
	count, err := r.cluster.TerminateBackends(ctx)
	f := felt{cleared: time.Now()}
	if count > 0 {
		f.evidence = fmt.Sprintf("PostgreSQL ended %d sessions", count)
	}
	return f, err
}

// exhaustConnections takes all connections away from servers: those that are free, and then those that servers have, which come back
// for them.
func exhaustConnections(ctx context.Context, r *rig) (felt, error) {
	const goesOn = 700 * time.Millisecond
	release, err := r.cluster.ExhaustConnections(ctx)
	if err != nil {
		return felt{}, err
	}
	held, left := 0, 0
	for end := time.Now().Add(feelLimit); time.Now().Before(end); {
		ended, err := r.cluster.TerminateBackends(ctx)
		if err != nil {
			release()
			return felt{}, err
		}
		if held, left = max(held, ended), ended; left <= len(r.servers) {
			break
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			release()
			return felt{}, err
		}
	}
	before := r.trouble()
	interrupted := pause(ctx, goesOn)
	evidence, err := r.awaitTrouble(ctx, before)
	release()
	f := felt{cleared: time.Now()}
	if left < held && evidence != "" {
		f.evidence = fmt.Sprintf("servers had %d of %d sessions; %s", left, held, evidence)
	}
	if interrupted != nil {
		err = interrupted
	}
	return f, err
}

// lockTable locks a table for longer than servers wait for a lock.
func lockTable(table string) func(context.Context, *rig) (felt, error) {
	return func(ctx context.Context, r *rig) (felt, error) {
		const lasts = 2600 * time.Millisecond // servers wait for two seconds
		before := r.trouble()
		release, err := r.cluster.LockTable(ctx, table)
		if err != nil {
			return felt{}, err
		}
		interrupted := pause(ctx, lasts)
		evidence, err := r.awaitTrouble(ctx, before)
		if failed := release(); failed != nil {
			return felt{}, failed
		}
		if interrupted != nil {
			err = interrupted
		}
		return felt{cleared: time.Now(), evidence: evidence}, err
	}
}
