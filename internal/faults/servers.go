package main

import (
	"context"
	"fmt"
	"time"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/wire"
	"github.com/numora/delivery/internal/faults/workers"
)

// anyServer is the one that a fault befalls.
func (r *rig) anyServer() *workers.Server { return r.servers[r.random.IntN(len(r.servers))] }

// killServer kills a server under load, and starts it again when clients have noticed.
func killServer(ctx context.Context, r *rig) (felt, error) {
	s := r.anyServer()
	before := r.trouble()
	if err := s.Kill(); err != nil {
		return felt{}, err
	}
	how := s.AwaitEnd()
	evidence, err := r.awaitTrouble(ctx, before, s.Number)
	if err != nil {
		return felt{}, err
	}
	if evidence != "" {
		evidence = fmt.Sprintf("%v; %s", how, evidence)
	}
	cleared, err := s.Start(ctx)
	return felt{cleared: cleared, evidence: evidence}, err
}

// killAt kills a server at the very moment at which one of its transactions is at a point, and starts it again at once.
func killAt(point wire.Point) func(context.Context, *rig) (felt, error) {
	return func(ctx context.Context, r *rig) (felt, error) {
		s := r.anyServer()
		sprung, err := r.spring(ctx, s.Number, point, func() { _ = s.Kill() }) // it has not ended before, or that is found
		if err != nil || !sprung {
			return felt{cleared: time.Now()}, err
		}
		how := s.AwaitEnd()
		cleared, err := s.Start(ctx)
		return felt{cleared: cleared, evidence: fmt.Sprint("the trap sprung; ", how)}, err
	}
}

// spring waits until a transaction of a server is at a point, where act is called, and tells whether that was in time.
func (r *rig) spring(ctx context.Context, server int, point wire.Point, act func()) (bool, error) {
	armed := r.proxies[server].Arm(point, act)
	select {
	case <-armed.Sprung():
		return true, nil
	case <-ctx.Done():
		armed.Disarm()
		return false, context.Cause(ctx)
	case <-time.After(feelLimit):
		return !armed.Disarm(), nil
	}
}

// rollingRestart replaces one server after the other, as a deployment does. No client may be left without an answer.
func rollingRestart(ctx context.Context, r *rig) (felt, error) {
	from := r.journal.Now()
	var cleared time.Time
	for _, s := range r.servers {
		if err := s.Terminate(); err != nil {
			return felt{}, err
		}
		var err error
		if cleared, err = s.Start(ctx); err != nil {
			return felt{}, err
		}
		if err := s.AwaitReady(ctx); err != nil {
			return felt{}, err
		}
	}
	f := felt{cleared: cleared, evidence: "all servers ended in order"}
	for _, o := range r.journal.Since(from) {
		// What was asked before, and answered, may still be in doubt over the fault before.
		if o.Outcome == history.Unknown && !o.Halted && (o.HTTP == 0 || o.Call >= from) {
			f.findings = append(f.findings, history.Finding{Check: "rolling restart", What: fmt.Sprintf(
				"client %d was left in doubt by server %d on %s %s%s: %s", o.Client, o.Server, o.Kind, o.DocumentID, o.ExecutionID, o.Problem)})
		}
	}
	return f, nil
}

// leasesOf counts the leases that a server has handed out and that are open, as far as clients know.
func (r *rig) leasesOf(server int) int {
	open := make(map[string]bool)
	now := r.journal.Now()
	// One that was not extended is over by then.
	for _, o := range r.journal.Since(now - workers.Lease) {
		switch {
		case o.Outcome != history.Done:
		case o.Kind == history.Claim && o.Server == server:
			for _, l := range o.Leases {
				open[l.ExecutionID] = true
			}
		case o.Kind == history.Record, o.Kind == history.Release:
			delete(open, o.ExecutionID)
		}
	}
	return len(open)
}

// stopServer stops the process of a server that holds leases where it is, and lets it go on later.
func stopServer(lasts time.Duration) func(context.Context, *rig) (felt, error) {
	return func(ctx context.Context, r *rig) (felt, error) {
		s := r.anyServer()
		for end := time.Now().Add(feelLimit); r.leasesOf(s.Number) == 0 && time.Now().Before(end); {
			if err := pause(ctx, lookEvery); err != nil {
				return felt{}, err
			}
		}
		if err := s.Stop(); err != nil {
			return felt{}, err
		}
		stopped := r.journal.Now()
		leases := r.leasesOf(s.Number)
		interrupted := pause(ctx, lasts)
		resumed, cleared := r.journal.Now(), time.Now()
		if failed := s.Continue(); failed != nil {
			return felt{}, failed
		}
		if interrupted != nil {
			return felt{}, interrupted
		}
		f := felt{cleared: cleared}
		if leases == 0 {
			return f, nil // then it is no server that holds leases
		}
		// Who asked it while it stood still waited for as long, or gave up.
		for end := time.Now().Add(feelLimit); time.Now().Before(end); {
			waited := 0
			for _, o := range r.journal.Since(stopped) {
				if o.Server == s.Number && o.Call < resumed && (o.Return >= resumed || o.HTTP == 0) {
					waited++
				}
			}
			if waited > 0 {
				f.evidence = fmt.Sprintf("%d leases that it had handed out were open; %d requests waited for it", leases, waited)
				return f, nil
			}
			if err := pause(ctx, lookEvery); err != nil {
				return f, err
			}
		}
		return f, nil
	}
}
