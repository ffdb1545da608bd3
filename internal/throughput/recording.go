package main

import (
	"context"
	"fmt"
	"time"
)

// yardstickClients is how many clients the yardstick has that most is compared with.
const yardstickClients = 64

// measureNew measures new reports on 64 connections, beside pgbench with 64 clients.
func measureNew(ctx context.Context, b *bench) ([]row, error) {
	return b.besideYardstick(ctx, 64)
}

// measureConnections measures new reports on one connection and on others than 64.
func measureConnections(ctx context.Context, b *bench) ([]row, error) {
	return b.besideYardstick(ctx, 1, 16, 256)
}

// besideYardstick measures new reports on so many connections, in turn with pgbench of as many clients, and with the
// 64 clients that there is a bound on.
func (b *bench) besideYardstick(ctx context.Context, counts ...int) (rows []row, err error) {
	y, err := b.makeYardstick(ctx)
	if err != nil {
		return nil, err
	}
	err = b.onPostgres(ctx, 0, 1, func(t *target) error {
		var contestants []contestant
		for _, connections := range counts {
			contestants = append(contestants, b.pgbench(y, "record.sql", connections),
				b.of(fmt.Sprintf("new reports, %d connections", connections), t, running{kind: newReports, connections: connections}))
		}
		if counts[0] != yardstickClients {
			contestants = append(contestants, b.pgbench(y, "record.sql", yardstickClients))
		}
		found, err := inTurn(ctx, b.rounds, contestants...)
		if err != nil {
			return err
		}
		at64 := found[len(found)-1]
		if counts[0] == yardstickClients {
			at64 = found[0]
			b.yardstick64 = at64
		}
		for i, connections := range counts {
			yard, server := found[2*i], found[2*i+1]
			r := newRow("new reports", connections, server).beside(server, yard, connections)
			switch connections {
			case 1:
				bound := yard.percentile(0.5) + 500*time.Microsecond
				r = r.held(server.percentile(0.5) <= bound, inText(server.percentile(0.5))+" p50", "<= "+inText(bound)+", the yardstick + 0.5 ms")
			case 64:
				r = r.atLeast(server.ratioTo(at64), "the yardstick of 64", 1.4)
			case 256:
				r = r.atLeast(server.ratioTo(at64), "the yardstick of 64", 1.7).
					held(server.memory() <= 128<<20, fmt.Sprintf("%.1f MiB", inMebibytes(server.memory())), "<= 128 MiB")
			}
			rows = append(rows, newRow("pgbench record.sql", connections, yard), r)
		}
		return nil
	})
	return rows, err
}

// measureKinds measures other reports than new ones, in turn with these.
func measureKinds(ctx context.Context, b *bench) (rows []row, err error) {
	err = b.onPostgres(ctx, 0, 1, func(t *target) error {
		found, err := inTurn(ctx, b.rounds,
			b.of("new reports", t, running{kind: newReports, connections: 64}),
			b.of("90 % new, 9 % replayed, 1 % conflicting", t, running{kind: mixed, connections: 64}),
			b.of("replay storm", t, running{kind: replays, connections: 64}),
			b.of("64 writers on one document", t, running{kind: newReports, connections: 64, documents: 1}))
		if err != nil {
			return err
		}
		rows = []row{
			b.row("new reports, in turn with the next three", 64, found[0]),
			b.row("90 % new, 9 % replayed, 1 % conflicting", 64, found[1]).compared(found[1].ratioTo(found[0]), "new reports"),
			b.row("replay storm", 64, found[2]).atLeast(found[2].ratioTo(found[0]), "new reports", 1.3),
			b.row("new reports, all on one document", 64, found[3]).atLeast(found[3].ratioTo(found[0]), "100,000 documents", 0.5),
		}
		return nil
	})
	return rows, err
}

// measureHalf measures how long reports take at half of the peak rate, in an open loop.
func measureHalf(ctx context.Context, b *bench) (rows []row, err error) {
	err = b.onPostgres(ctx, 0, 1, func(t *target) error {
		var peak figure
		found, err := inTurn(ctx, b.rounds,
			contestant{"peak, 64 connections", func(ctx context.Context) (_ figure, err error) {
				peak, err = b.run(ctx, t, running{kind: newReports, connections: 64})
				return peak, err
			}},
			contestant{"half of it", func(ctx context.Context) (figure, error) {
				return b.run(ctx, t, running{kind: newReports, connections: 64, perSecond: peak.rate / 2})
			}})
		if err != nil {
			return err
		}
		p99 := found[1].percentile(0.99)
		rows = []row{b.row("new reports at half of the peak rate, open loop", 64, found[1]).
			compared(found[1].ratioTo(found[0]), "the peak").
			held(p99 <= 10*time.Millisecond, inText(p99)+" p99", "<= 10 ms")}
		return nil
	})
	return rows, err
}

// measurePages measures audit pages beside read.sql, over tables of as many attempts.
func measurePages(ctx context.Context, b *bench) (rows []row, err error) {
	const clients, attempts = 32, 5 * documentCount
	y, err := b.makeYardstick(ctx)
	if err != nil {
		return nil, err
	}
	if err := y.fill(ctx, attempts); err != nil {
		return nil, err
	}
	err = b.onPostgres(ctx, attempts, 1, func(t *target) error {
		found, err := inTurn(ctx, b.rounds, b.pgbench(y, "read.sql", clients),
			b.of("audit pages", t, running{kind: pages, connections: clients}))
		if err != nil {
			return err
		}
		rows = []row{
			newRow("pgbench read.sql, 5 attempts a document", clients, found[0]),
			newRow("audit pages, 5 attempts a document", clients, found[1]).beside(found[1], found[0], clients).
				atLeast(found[1].ratioTo(found[0]), "read.sql", 0.2),
		}
		return nil
	})
	return rows, err
}
