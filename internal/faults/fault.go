package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

// fault is one thing that goes wrong.
type fault struct {
	name  string
	every int           // in how many rounds of a long run it is once; the first round has all
	limit time.Duration // until when writes must be back; 0: recoveryLimit
	// inflict makes it happen, waits until it is felt, and takes the cause away.
	inflict func(ctx context.Context, r *rig) (felt, error)
}

// felt is what is known of a fault that has happened.
type felt struct {
	cleared  time.Time // since when the cause is gone
	evidence string    // by what it was felt; empty: it was not
	findings []history.Finding
}

const (
	// recoveryLimit is for faults without a limit of their own. Beyond it nothing recovers by itself.
	recoveryLimit = 30 * time.Second
	// soon is the limit where PostgreSQL takes connections again, or answers them.
	soon = time.Second
	// calm is the time between two faults, in the short run and in a long one, which is to get a lot done as well.
	calm     = 400 * time.Millisecond
	longCalm = 2500 * time.Millisecond
	// feelLimit is how long it may take until a fault is felt.
	feelLimit = 10 * time.Second
)

// happened is one fault that was inflicted.
type happened struct {
	name     string
	at       time.Duration
	cleared  time.Duration // like at, of when its cause was gone
	evidence string
	recovery time.Duration
}

// happen inflicts a fault, measures how long it takes until all servers acknowledge writes again, and waits until they hold no more
// than before. Where a server is the reason for an error, that is a finding as well.
func (r *rig) happen(ctx context.Context, f fault, number int) (happened, []history.Finding, error) {
	calm, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	probe, err := r.load.NewProbe(calm, fmt.Sprintf("%d", number))
	if err != nil {
		return happened{}, nil, fmt.Errorf("before %s: %w", f.name, err)
	}
	began := r.journal.Now()
	found, err := f.inflict(ctx, r)
	if err != nil {
		err = fmt.Errorf("%s: %w", f.name, err)
		if errors.Is(err, workers.ErrServer) {
			return happened{}, []history.Finding{{Check: "servers", What: err.Error()}}, err
		}
		return happened{}, nil, err
	}
	h := happened{name: f.name, at: began, cleared: found.cleared.Sub(r.journal.Began), evidence: found.evidence}
	findings := found.findings
	limited, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	if h.recovery, err = probe.Recovery(limited, found.cleared); err != nil {
		findings = append(findings, history.Finding{Check: "recovery", What: fmt.Sprintf("%s after %s %v", recoveryLimit, f.name, err)})
	} else if f.limit > 0 && h.recovery > f.limit {
		findings = append(findings, history.Finding{Check: "recovery", What: fmt.Sprintf(
			"%s, %s into the run: writes were back on all servers after %s, not within %s", f.name, began.Round(time.Millisecond), h.recovery.Round(time.Millisecond), f.limit)})
	}
	back, err := r.awaitBaseLine(ctx, f.name)
	return h, append(findings, back...), err
}

// awaitTrouble waits until a server answered a client otherwise than it should, or did not answer, since the tally was taken; any
// server where none is named. It returns what happened as evidence, or nothing.
func (r *rig) awaitTrouble(ctx context.Context, before map[int]int, servers ...int) (string, error) {
	if len(servers) == 0 {
		servers = []int{0, 1, 2}
	}
	for end := time.Now().Add(feelLimit); time.Now().Before(end); {
		now := r.journal.Tally().Trouble
		for _, n := range servers {
			if more := now[n] - before[n]; more > 0 {
				return fmt.Sprintf("clients felt it: %d requests to server %d", more, n), nil
			}
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", nil
}

// trouble is how much trouble there was until now, by server.
func (r *rig) trouble() map[int]int { return r.journal.Tally().Trouble }
