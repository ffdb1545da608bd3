package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

const (
	lorisConnections = 1000
	lorisOpen        = 950         // fewest that count as so many: one that was just ended is opened again, but not at once
	lorisBound       = 1.10        // what it may make of the slowest good reports
	slowest          = 0.99        // the percentile that these are
	newcomerBound    = time.Second // more, and new clients are kept out

	// The good clients leave the machine some time to spare: one that has none is slow by itself.
	goodClients = 2 // of each server
	goodPause   = 4 * time.Millisecond

	lorisRounds  = 8 // half of them on either server
	lorisAttack  = 3 * time.Second
	lorisCalm    = 1500 * time.Millisecond
	lorisSettles = 300 * time.Millisecond // after it began or ended
)

// measureLoris attacks one of two servers, in turn, while good clients record reports on both.
func measureLoris(ctx context.Context, built program.Program, _ settings) (rows []row, err error) {
	var targets []target
	var servers []*os.Process
	for _, name := range []string{"one", "other"} {
		databaseURL := "sqlite:" + filepath.Join(built.Directory, "loris-"+name+".db")
		key, err := built.Prepare(ctx, databaseURL)
		if err != nil {
			return nil, err
		}
		running, startErr := built.Start(ctx, databaseURL)
		if startErr != nil {
			return nil, startErr
		}
		defer func() { err = errors.Join(err, running.Stop()) }()
		targets, servers = append(targets, target{running.Origin, key}), append(servers, running.Process)
	}
	// One processor is enough for it: the others are for what is measured.
	attacker, err := part.Start(ctx, attackerPart, "GOMAXPROCS=1")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, attacker.Stop()) }()
	good := newLoad(goodClients, goodPause, targets...)
	defer good.close()
	if err := good.register(ctx); err != nil {
		return nil, err
	}
	progress("%d rounds of a slow-loris of %d connections", lorisRounds, lorisConnections)
	found := newLorisFindings(
		newMeter(servers[0], servers[1], attacker.Process), newMeter(servers[1], servers[0], attacker.Process))
	for round := range lorisRounds {
		if err := found.round(ctx, good, attacker, targets, round%2); err != nil {
			return nil, err
		}
	}
	return found.rows(), nil
}

// lorisFindings is what good clients met on the server that was attacked, at the same time on the other one,
// and on the former while there was no attack.
type lorisFindings struct {
	attacked, elsewhere, calm times
	newcomers                 times     // a new connection to the attacked one and a report over it
	open                      int64     // connections of an attack at its end, fewest
	meters                    [2]*meter // by the server attacked: of that one, the other one and the attacker
}

func newLorisFindings(meters ...*meter) *lorisFindings {
	return &lorisFindings{open: lorisConnections, meters: [2]*meter(meters)}
}

// round measures with an attack on one of the servers, then without.
func (f *lorisFindings) round(ctx context.Context, good *load, attacker *part.Player, targets []target, server int) error {
	var taken []times
	record := func(lasts time.Duration) (err error) {
		taken, err = good.measure(ctx, lasts)
		return err
	}
	var before, attack attackAnswer
	order := attackOrder{strings.TrimPrefix(targets[server].origin, "http://"), targets[server].key, lorisConnections}
	if err := errors.Join(attacker.Ask(order, &before), record(lorisSettles)); err != nil {
		return err
	}
	if err := f.meters[server].during(func() error { return record(lorisAttack) }); err != nil {
		return err
	}
	newcomer := newClient(targets[server].origin, targets[server].key)
	defer newcomer.close()
	began := time.Now()
	if err := good.report(ctx, newcomer); err != nil {
		return err
	}
	f.newcomers = append(f.newcomers, time.Since(began))
	f.attacked = append(f.attacked, taken[server]...)
	f.elsewhere = append(f.elsewhere, taken[1-server]...)
	if err := errors.Join(attacker.Ask(attackOrder{}, &attack), record(lorisSettles), record(lorisCalm)); err != nil {
		return err
	}
	f.open = min(f.open, attack.Open)
	f.calm = append(f.calm, taken[server]...)
	return nil
}

func (f *lorisFindings) rows() []row {
	const what = "one report, 99th percentile, "
	ratio := func(other times) (float64, string) {
		r := float64(f.attacked.percentile(slowest)) / float64(other.percentile(slowest))
		return r, fmt.Sprintf("%.2f (%s / %s)", r,
			milliseconds(f.attacked.percentile(slowest)), milliseconds(other.percentile(slowest)))
	}
	elsewhere, figure := ratio(f.elsewhere)
	rows := []row{bounded(what+"slow-loris on its server / on another", figure, fmt.Sprintf("%.2f", lorisBound), elsewhere <= lorisBound)}
	_, figure = ratio(f.calm)
	rows = append(rows,
		measured(what+"slow-loris on its server / none", figure),
		bounded("slow-loris, one report over a new connection, slowest", milliseconds(f.newcomers.percentile(1)),
			milliseconds(newcomerBound), f.newcomers.percentile(1) <= newcomerBound),
		bounded("slow-loris, connections at a round's end, fewest",
			fmt.Sprintf("%d of %d", f.open, lorisConnections), fmt.Sprint(lorisOpen), f.open >= lorisOpen))
	if !f.meters[0].tells() {
		return rows
	}
	// Both servers have the same to do for the good clients; what one does beyond the other is for the attack.
	var handling, attacking float64
	for _, m := range f.meters {
		handling += m.share(m.computed[0]-m.computed[1]) / float64(len(f.meters))
		attacking += m.share(m.computed[2]) / float64(len(f.meters))
	}
	return append(rows, measured("slow-loris, share of a processor", fmt.Sprintf("%s server, %s attacker", percent(handling), percent(attacking))))
}
