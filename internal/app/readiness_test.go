package app

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestReadiness_ManyAtOnce_AskTheDatabaseOnce(t *testing.T) {
	asked, holds, away, clock := 0, make(chan struct{}), errors.New("away"), time.Now()
	r := &readiness{timeout: time.Minute, now: func() time.Time { return clock }, ask: func(context.Context) error {
		asked++
		<-holds
		return away
	}}
	hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := r.check(hurried); !errors.Is(err, context.DeadlineExceeded) { // whose time is over while the question goes on
		t.Errorf("got %v", err)
	}
	var probes sync.WaitGroup
	for range 50 {
		probes.Go(func() {
			if err := r.check(t.Context()); err != away {
				t.Errorf("got %v", err)
			}
		})
	}
	close(holds)
	probes.Wait()
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}

	clock = clock.Add(readinessAge - 1)
	if err := r.check(t.Context()); err != away || asked != 1 {
		t.Errorf("soon after: got %v, asked %d times", err, asked)
	}
	clock = clock.Add(1)
	if err := r.check(t.Context()); err != away || asked != 2 {
		t.Errorf("later: got %v, asked %d times", err, asked)
	}
}
