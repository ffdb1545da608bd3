package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/numora/delivery/internal/bench/program"
)

// measureOverload measures what is left of the peak under ten times the connections, which send again what is refused
// when they are told to, and right after these have gone. A server as it is set by default lets all of them wait; a second
// one, on the same database, refuses most.
func measureOverload(ctx context.Context, b *bench) (rows []row, err error) {
	const many = 640
	err = b.onPostgres(ctx, 0, 1, func(roomy *target) (err error) {
		small := &target{databaseURL: roomy.databaseURL, key: roomy.key}
		defer func() { err = errors.Join(err, small.stop()) }()
		started, err := b.program.Start(ctx, roomy.databaseURL, "NUMORA_MAX_IN_WORK=64", "NUMORA_MAX_QUEUED=64")
		if err != nil {
			return err
		}
		small.servers = []*program.Server{started}
		for _, one := range []struct {
			name string
			*target
		}{{"", roomy}, {", 64 in work and 64 waiting at most", small}} {
			found, err := inTurn(ctx, b.rounds,
				b.of("peak, 64 connections"+one.name, one.target, running{kind: newReports, connections: 64}),
				b.of("640 connections"+one.name, one.target, running{kind: newReports, connections: many, patient: true}),
				b.of("64 connections, right after", one.target, running{kind: newReports, connections: 64, atOnce: true, lasts: 5 * time.Second}))
			if err != nil {
				return err
			}
			peak, over, after := found[0], found[1], found[2]
			rows = append(rows,
				refusals(b.row("new reports, sent again after Retry-After"+one.name, many, over).atLeast(over.ratioTo(peak), "the peak of 64", 0.85), over),
				b.row("new reports, in the 5 s after those", 64, after).atLeast(after.ratioTo(peak), "the peak of 64", 0.95))
		}
		return nil
	})
	return rows, err
}

// refusals holds the row to how soon who was refused was told so.
func refusals(r row, found figures) row {
	refused := newHistogram()
	for _, one := range found {
		refused.merge(one.refused)
	}
	if refused.count() == 0 {
		return r.noted("nothing was refused")
	}
	p99 := refused.percentile(0.99)
	return r.held(p99 <= 50*time.Millisecond, inText(p99)+" p99 of refusals", "<= 50 ms").
		noted("%d refused in %d rounds, p50 %s", refused.count(), len(found), inText(refused.percentile(0.5)))
}

// measureGrowth measures new reports on a table of millions of attempts in turn with an empty one.
func measureGrowth(ctx context.Context, b *bench) (rows []row, err error) {
	err = b.onPostgres(ctx, 0, 1, func(empty *target) error {
		return b.onPostgres(ctx, b.attempts, 1, func(full *target) error {
			load := running{kind: newReports, connections: 64}
			found, err := inTurn(ctx, b.rounds, b.of("empty table", empty, load), b.of(fmt.Sprintf("%d attempts", b.attempts), full, load))
			if err != nil {
				return err
			}
			rows = []row{
				b.row("new reports, empty table, in turn with the next", 64, found[0]),
				b.row(fmt.Sprintf("new reports, table of %d attempts", b.attempts), 64, found[1]).atLeast(found[1].ratioTo(found[0]), "an empty table", 0.9),
			}
			return nil
		})
	})
	return rows, err
}

// measureReplicas measures new reports through one, two and three servers on one PostgreSQL.
func measureReplicas(ctx context.Context, b *bench) (rows []row, err error) {
	const most = 3
	err = b.onPostgres(ctx, 0, most, func(t *target) error {
		var contestants []contestant
		for replicas := 1; replicas <= most; replicas++ {
			contestants = append(contestants,
				b.of(fmt.Sprintf("%d replicas", replicas), t, running{kind: newReports, connections: 64, replicas: replicas}))
		}
		found, err := inTurn(ctx, b.rounds, contestants...)
		if err != nil {
			return err
		}
		for i, f := range found {
			r := b.row(fmt.Sprintf("new reports, replicas: %d", i+1), 64, f)
			switch i + 1 {
			case 2:
				r = r.compared(f.ratioTo(found[0]), "one")
			case most:
				r = r.atLeast(f.ratioTo(found[0]), "one", 0.95)
			}
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

// onPostgres does something with servers, which have settings of their own, on a database of their own, which has the registered documents and so many
// attempts.
func (b *bench) onPostgres(ctx context.Context, attempts, replicas int, do func(*target) error, settings ...string) (err error) {
	b.databases++
	name := fmt.Sprintf("delivery_%d", b.databases)
	databaseURL, err := b.cluster.database(ctx, name)
	if err != nil {
		return err
	}
	// Dropped for the room that it takes; when all is given up the cluster goes as a whole.
	defer func() {
		if ctx.Err() == nil {
			err = errors.Join(err, b.cluster.drop(ctx, name))
		}
	}()
	key, err := b.program.Prepare(ctx, databaseURL)
	if err != nil {
		return err
	}
	if err := fillPostgres(ctx, databaseURL, attempts); err != nil {
		return err
	}
	t, err := b.start(ctx, databaseURL, key, replicas, settings...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	return do(t)
}
