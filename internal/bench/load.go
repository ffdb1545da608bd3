package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// target is where a server is, and a key for it.
type target struct{ origin, key string }

// load is some workers that record reports in a closed loop: each sends its next one when it has the answer to
// the last, and has paused. Where there are several servers, each worker reports to all of them at the same time,
// so that whatever else the machine does then meets all of them alike.
type load struct {
	workers [][]client // of each worker, a client for each server, with a connection of its own
	pause   time.Duration
	run     string // in the ids of these reports and no others
	sent    atomic.Int64
}

func newLoad(workers int, pause time.Duration, targets ...target) *load {
	l := &load{pause: pause, run: strings.ToLower(rand.Text())}
	for range workers {
		var clients []client
		for _, t := range targets {
			clients = append(clients, newClient(t.origin, t.key))
		}
		l.workers = append(l.workers, clients)
	}
	return l
}

func (l *load) close() {
	for _, c := range slices.Concat(l.workers...) {
		c.close()
	}
}

// register registers the documents that the reports go to.
func (l *load) register(ctx context.Context) error {
	for _, c := range l.workers[0] {
		for i := range documentCount {
			if err := c.registerDocument(ctx, fmt.Sprintf("doc-%d", i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure returns for each server how long the reports took that were begun within the time.
func (l *load) measure(ctx context.Context, lasts time.Duration) ([]times, error) {
	end := time.Now().Add(lasts)
	ofEach := make([][]times, len(l.workers))
	working, ctx := errgroup.WithContext(ctx)
	for worker, clients := range l.workers {
		ofEach[worker] = make([]times, len(clients))
		working.Go(func() error {
			for time.Now().Before(end) {
				var reporting errgroup.Group
				for server, c := range clients {
					reporting.Go(func() error {
						began := time.Now()
						err := l.report(ctx, c)
						ofEach[worker][server] = append(ofEach[worker][server], time.Since(began))
						return err
					})
				}
				if err := reporting.Wait(); err != nil {
					return err
				}
				pause(ctx, l.pause)
			}
			return nil
		})
	}
	if err := working.Wait(); err != nil {
		return nil, err
	}
	ofServer := make([]times, len(l.workers[0]))
	for _, taken := range ofEach {
		for server := range taken {
			ofServer[server] = append(ofServer[server], taken[server]...)
		}
	}
	return ofServer, nil
}

func (l *load) report(ctx context.Context, c client) error {
	n := l.sent.Add(1)
	return c.report(ctx, fmt.Sprintf("doc-%d", n%documentCount), fmt.Sprintf("%s-%d", l.run, n))
}
