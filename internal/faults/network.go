package main

import (
	"context"
	"time"

	"github.com/numora/delivery/internal/faults/wire"
)

// trap cuts a connection, or falsifies an answer, where one transaction of a server is at a point. The servers may hide that from
// clients.
func trap(point wire.Point) func(context.Context, *rig) (felt, error) {
	return func(ctx context.Context, r *rig) (felt, error) {
		sprung, err := r.spring(ctx, r.anyServer().Number, point, nil)
		f := felt{cleared: time.Now()}
		if sprung {
			f.evidence = "the trap sprung"
		}
		return f, err
	}
}

// cutNetwork cuts all connections of a server to PostgreSQL, and refuses new ones for a while.
func cutNetwork(ctx context.Context, r *rig) (felt, error) {
	const lasts = 300 * time.Millisecond
	s := r.anyServer()
	before := r.trouble()
	p := r.proxies[s.Number]
	p.Refuse(true)
	p.Cut()
	interrupted := pause(ctx, lasts)
	evidence, err := r.awaitTrouble(ctx, before, s.Number)
	p.Refuse(false)
	if interrupted != nil {
		err = interrupted
	}
	return felt{cleared: time.Now(), evidence: evidence}, err
}

// silence lets nothing through between a server and PostgreSQL, with all connections open, until clients have noticed.
func silence(ctx context.Context, r *rig) (felt, error) {
	s := r.anyServer()
	before := r.trouble()
	p := r.proxies[s.Number]
	p.Silence(true)
	evidence, err := r.awaitTrouble(ctx, before, s.Number)
	p.Silence(false)
	return felt{cleared: time.Now(), evidence: evidence}, err
}
