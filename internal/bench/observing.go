package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/numora/delivery/internal/bench/part"
	"github.com/numora/delivery/internal/bench/program"
)

const (
	observingBound = 0.05 // of the throughput

	observingClients = 4
	observingRound   = 50 * time.Millisecond // short, so that what else the machine does meets both twins alike
	observingWarmUp  = 10
	observingRounds  = 300 // over a database
	observingAlone   = 100 // over none, where less disturbs
)

// measureObserving measures what log and metrics cost over each database and, where it does not drown in what a
// database takes, over none.
func measureObserving(ctx context.Context, built program.Program, _ settings) (rows []row, err error) {
	const none = "no database"
	without, err := observe(ctx, built, none, "", observingAlone)
	if err != nil {
		return nil, err
	}
	rows = append(rows, without.rows(none, false)...)
	overSQLite, err := observe(ctx, built, sqliteEngine.name, "sqlite:"+filepath.Join(built.Directory, "twins.db"), observingRounds)
	if err != nil {
		return rows, err
	}
	rows = append(rows, overSQLite.rows(sqliteEngine.name, true)...)

	serverURL := os.Getenv(postgresVariable)
	if serverURL == "" {
		return append(rows, measured("log and metrics, PostgreSQL", "not measured: "+postgresVariable+" is not set")), nil
	}
	databaseURL, drop, err := makeDatabase(ctx, serverURL)
	if err != nil {
		return rows, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	overPostgres, err := observe(ctx, built, postgresEngine.name, databaseURL, observingRounds)
	if err != nil {
		return rows, err
	}
	return append(rows, overPostgres.rows(postgresEngine.name, true)...), nil
}

// observe lets the twins take reports in turn, for so many rounds.
func observe(ctx context.Context, built program.Program, over, databaseURL string, rounds int) (found observation, err error) {
	var key string
	if databaseURL != "" {
		if key, err = built.Prepare(ctx, databaseURL); err != nil {
			return found, err
		}
	}
	twins, err := part.Start(ctx, twinsPart)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, twins.Stop()) }()
	var at twinsAnswer
	if err := twins.Ask(twinsOrder{databaseURL, key, filepath.Join(built.Directory, "twins.log")}, &at); err != nil {
		return found, err
	}
	progress("%s: %d rounds of reports with and without log and metrics", over, rounds)
	var loads [2]*load
	for i, origin := range []string{at.Bare, at.Observed} {
		loads[i] = newLoad(observingClients, 0, target{origin, at.Key})
		defer loads[i].close()
	}
	if err := loads[0].register(ctx); err != nil {
		return found, err
	}
	for round := range observingWarmUp + rounds {
		if round == 0 || round == observingWarmUp {
			for i := range found {
				found[i] = twinFindings{meter: newMeter(twins.Process)}
			}
		}
		for i := range loads {
			which := (round + i) % 2 // each is the first in turn
			if err := found[which].round(ctx, loads[which]); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// observation is what was found of the bare twin and of the observed one.
type observation [2]twinFindings

// twinFindings is what was found of one twin.
type twinFindings struct {
	meter   *meter
	reports int
	rates   []float64 // reports in a second, of each round
}

func (t *twinFindings) round(ctx context.Context, l *load) error {
	reports, before := 0, t.meter.took
	err := t.meter.during(func() error {
		taken, err := l.measure(ctx, observingRound)
		if err == nil {
			reports = len(taken[0])
		}
		return err
	})
	t.reports += reports
	t.rates = append(t.rates, float64(reports)/(t.meter.took-before).Seconds())
	return err
}

// perReport is how long the process computed for each report.
func (t *twinFindings) perReport() time.Duration {
	return t.meter.computed[0] / time.Duration(max(t.reports, 1))
}

// cost is what the observed twin lacks of the bare one's throughput, the median of all pairs of rounds.
func (o *observation) cost() float64 {
	ratios := make([]float64, len(o[0].rates))
	for i := range ratios {
		ratios[i] = o[1].rates[i] / o[0].rates[i]
	}
	return 1 - median(ratios)
}

func (o *observation) rows(over string, held bool) []row {
	what := "log and metrics, share of throughput, " + over
	cost := o.cost()
	figure := fmt.Sprintf("%s (%.0f/s / %.0f/s)", percent(cost), median(o[1].rates), median(o[0].rates))
	rows := []row{measured(what, figure)}
	if held {
		rows[0] = bounded(what, figure, percent(observingBound), cost < observingBound)
	}
	if !o[0].meter.tells() {
		return rows
	}
	with, without := o[1].perReport(), o[0].perReport()
	return append(rows, measured("log and metrics, processor time of a report, "+over,
		fmt.Sprintf("%+d µs (%d µs / %d µs)", (with-without).Microseconds(), with.Microseconds(), without.Microseconds())))
}
