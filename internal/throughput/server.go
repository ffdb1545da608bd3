package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

// bench is what all measurements work with.
type bench struct {
	settings
	program program.Program
	cluster *cluster
	load    *part.Player

	yardstick64 figures // once they are measured
	databases   int     // made so far
}

// target is one or more servers on one database.
type target struct {
	databaseURL, key string
	servers          []*program.Server
}

// start starts servers, with settings of their own, on a database that has its schema.
func (b *bench) start(ctx context.Context, databaseURL, key string, replicas int, settings ...string) (*target, error) {
	t := &target{databaseURL: databaseURL, key: key}
	for range replicas {
		started, err := b.program.Start(ctx, databaseURL, settings...)
		if err != nil {
			return nil, errors.Join(err, t.stop())
		}
		t.servers = append(t.servers, started)
	}
	return t, nil
}

func (t *target) stop() (err error) {
	for _, server := range t.servers {
		err = errors.Join(err, server.Stop())
	}
	return err
}

// running is a load that servers are under.
type running struct {
	kind        string
	connections int
	documents   int // doc-1 to this one; 0: all of them
	replicas    int // how many servers; 0: all
	perSecond   float64
	patient     bool
	atOnce      bool          // without a warm-up
	lasts       time.Duration // 0: as the settings say
}

// run puts servers under load.
func (b *bench) run(ctx context.Context, t *target, r running) (figure, error) {
	order := loadOrder{
		Key: t.key, Kind: r.kind, Documents: r.documents, Connections: r.connections, PerSecond: r.perSecond, Patient: r.patient,
		WarmUp: b.warmUp, Lasts: b.lasts,
	}
	if r.documents == 0 {
		order.Documents = documentCount
	}
	if r.atOnce {
		order.WarmUp = 0
	}
	if r.lasts > 0 {
		order.Lasts = r.lasts
	}
	servers := t.servers
	if r.replicas > 0 {
		servers = servers[:r.replicas]
	}
	var processes []int
	for _, server := range servers {
		order.Addresses = append(order.Addresses, strings.TrimPrefix(server.Origin, "http://"))
		processes = append(processes, server.Process.Pid)
		forgetPeak(server.Process.Pid)
	}

	var answer loadAnswer
	if err := b.load.Ask(order, &loadBegan{}); err != nil {
		return figure{}, err
	}
	before, after, err := b.computedDuring(ctx, processes, order.WarmUp, order.Lasts)
	if err := errors.Join(err, b.load.Await(&answer)); err != nil {
		return figure{}, err
	}
	if answer.Err != "" {
		return figure{}, fmt.Errorf("the load %q of %d connections: %s", r.kind, r.connections, answer.Err)
	}
	found := figure{
		done: answer.Took.count(), took: answer.Took, refused: answer.Refused,
		serverCPU: after.servers - before.servers, databaseCPU: after.database - before.database,
		loadCPU: answer.Computed / time.Duration(max(answer.Sent, 1)),
	}
	found.rate = float64(found.done) / order.Lasts.Seconds()
	for _, process := range processes {
		peak, err := peakMemory(process)
		if err != nil {
			return figure{}, err
		}
		found.memory = max(found.memory, peak)
	}
	return found, nil
}

// computed is how long servers and database have computed.
type computed struct{ servers, database time.Duration }

func (b *bench) computedDuring(ctx context.Context, servers []int, warmUp, lasts time.Duration) (before, after computed, err error) {
	for _, step := range []struct {
		wait  time.Duration
		found *computed
	}{{warmUp, &before}, {lasts, &after}} {
		select {
		case <-time.After(step.wait):
		case <-ctx.Done():
			return before, after, context.Cause(ctx)
		}
		if step.found.servers, err = computedBy(false, servers...); err != nil {
			return before, after, err
		}
		if step.found.database, err = computedBy(true, b.cluster.postmaster); err != nil {
			return before, after, err
		}
	}
	return before, after, nil
}

// of makes a contestant of servers under load.
func (b *bench) of(name string, t *target, r running) contestant {
	return contestant{name, func(ctx context.Context) (figure, error) { return b.run(ctx, t, r) }}
}

// pgbench makes a contestant of a script of the yardstick.
func (b *bench) pgbench(y *yardstick, script string, clients int) contestant {
	return contestant{fmt.Sprintf("pgbench, %d clients", clients), func(ctx context.Context) (figure, error) {
		return y.run(ctx, b.settings, script, clients)
	}}
}
