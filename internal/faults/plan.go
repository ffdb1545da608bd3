package main

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/numora/delivery/internal/faults/wire"
)

// all are the faults that befall the rig under load. Those that take long are not in every round of a long run.
func all() []fault {
	return []fault{
		{name: "server killed", every: 1, inflict: killServer},
		{name: "server killed after insert", every: 1, inflict: killAt(wire.AfterInsert)},
		{name: "server killed before commit", every: 1, inflict: killAt(wire.BeforeCommit)},
		{name: "server killed after commit", every: 1, inflict: killAt(wire.AnswerLost)},
		{name: "rolling restart", every: 2, inflict: rollingRestart},
		{name: "server stopped", every: 2, inflict: stopServer(2500 * time.Millisecond)},
		{name: "server stopped beyond its leases", every: 12, inflict: stopServer(12 * time.Second)},
		{name: "PostgreSQL fast stop", every: 1, limit: soon, inflict: fastStop},
		{name: "PostgreSQL immediate stop", every: 1, limit: soon, inflict: immediateStop},
		{name: "PostgreSQL backend killed", every: 1, limit: soon, inflict: killBackend},
		{name: "PostgreSQL postmaster killed", every: 2, limit: soon, inflict: killPostmaster},
		{name: "PostgreSQL frozen", every: 6, limit: soon, inflict: freeze},
		{name: "sessions terminated", every: 1, limit: soon, inflict: terminateSessions},
		{name: "connections exhausted", every: 2, limit: soon, inflict: exhaustConnections},
		{name: "attempts locked", every: 3, inflict: lockTable("delivery_attempts")},
		{name: "deliveries locked", every: 3, inflict: lockTable("deliveries")},
		{name: "cut before commit", every: 1, inflict: trap(wire.BeforeCommit)},
		{name: "cut after commit was forwarded", every: 1, inflict: trap(wire.AfterForward)},
		{name: "answer to commit lost", every: 1, inflict: trap(wire.AnswerLost)},
		{name: "warning at commit", every: 1, inflict: trap(wire.WarningAtCommit)},
		{name: "error at commit", every: 1, inflict: trap(wire.ErrorAtCommit)},
		{name: "network cut", every: 1, inflict: cutNetwork},
		{name: "network silent", every: 3, inflict: silence},
	}
}

// longOnly are the faults that the short run has no time for.
var longOnly = []string{"server stopped beyond its leases"}

// rounds deals faults, round after round, each in an order of its own.
type rounds struct {
	random *rand.Rand
	short  bool
	only   []string // empty: all
	round  int
	dealt  []fault
}

// missed are the faults that have not been once.
func (d *rounds) missed() []fault {
	if d.round > 1 {
		return nil
	}
	return d.dealt
}

// next is the next fault; none is left of a short run after its one round.
func (d *rounds) next() (f fault, found bool) {
	for len(d.dealt) == 0 {
		if d.short && d.round > 0 {
			return f, false
		}
		for _, f := range all() {
			switch {
			case len(d.only) > 0:
				if slices.Contains(d.only, f.name) {
					d.dealt = append(d.dealt, f)
				}
			case d.short && slices.Contains(longOnly, f.name):
			case d.round%f.every == 0:
				d.dealt = append(d.dealt, f)
			}
		}
		d.random.Shuffle(len(d.dealt), func(i, j int) { d.dealt[i], d.dealt[j] = d.dealt[j], d.dealt[i] })
		d.round++
	}
	f, d.dealt = d.dealt[0], d.dealt[1:]
	return f, true
}
