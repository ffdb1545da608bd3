package main

import (
	"context"
	"errors"
	"fmt"
)

// measureNew measures new reports on 64 connections, beside pgbench with 64 clients.
func measureNew(ctx context.Context, b *bench) (rows []row, err error) {
	y, err := b.makeYardstick(ctx)
	if err != nil {
		return nil, err
	}
	t, err := b.startOnPostgres(ctx, "new", 0, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop(), b.cluster.drop(ctx, "new"), b.cluster.drop(ctx, "yardstick")) }()
	found, err := inTurn(ctx, b.rounds, b.pgbench(y, "record.sql", 64), b.of("new reports, 64 connections", t, running{kind: newReports, connections: 64}))
	if err != nil {
		return nil, err
	}
	ratio := found[1].ratioTo(found[0])
	return []row{
		yardstickRow(64, found[0]),
		newRow("new reports", 64, found[1]).beside(found[1], found[0], 64).atLeast(ratio, "the yardstick", 1.4),
	}, nil
}

func yardstickRow(clients int, f figures) row {
	return newRow(fmt.Sprintf("yardstick record.sql"), clients, f)
}
