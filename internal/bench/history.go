package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/bench/program"
)

const (
	smallHistory = 1000 // attempts in the table that the large one is compared with
	ownAttempts  = 100  // attempts of each document, in either table
	pageSize     = 20
	historyBound = 1.25 // as fast, within what two equal measurements may differ by

	documentPrefix = "filled-"
	documentRead   = documentPrefix + "7" // any will do

	postgresVariable = "NUMORA_TEST_POSTGRES_URL"
)

func measureSQLiteHistory(ctx context.Context, built program.Program, s settings) ([]row, error) {
	return measureHistory(ctx, built, s, sqliteEngine,
		"sqlite:"+filepath.Join(built.Directory, "small.db"), "sqlite:"+filepath.Join(built.Directory, "large.db"))
}

func measurePostgresHistory(ctx context.Context, built program.Program, s settings) (rows []row, err error) {
	return onPostgres(ctx, "audit page and document, PostgreSQL", func(small, large string) ([]row, error) {
		return measureHistory(ctx, built, s, postgresEngine, small, large)
	})
}

// makeDatabase makes a database on a PostgreSQL, to be dropped when it is not needed any more.
func makeDatabase(ctx context.Context, serverURL string) (databaseURL string, drop func() error, err error) {
	name := "bench_" + strings.ToLower(rand.Text())
	if databaseURL, err = withDatabase(serverURL, name); err != nil {
		return "", nil, err
	}
	drop = func() error { return administer(ctx, serverURL, "DROP DATABASE "+name+" WITH (FORCE)") }
	return databaseURL, drop, administer(ctx, serverURL, "CREATE DATABASE "+name)
}

// administer runs one statement on a PostgreSQL, to its end even when everything else is given up: a
// database is dropped then, and one that is being made must be known to be there.
func administer(ctx context.Context, serverURL, statement string) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	connection, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(ctx)) }()
	_, err = connection.Exec(ctx, statement)
	return err
}

// withDatabase returns the URL of another database on the same server.
func withDatabase(serverURL, name string) (string, error) {
	database, err := url.Parse(serverURL)
	if err != nil {
		return "", errors.New(postgresVariable + " is not a URL") // which may hold a password, and is not repeated
	}
	database.Path = "/" + name
	return database.String(), nil
}

// measureHistory asks two servers in turn for the same: one on a small, one on a large history.
func measureHistory(ctx context.Context, built program.Program, s settings, e engine, smallURL, largeURL string) (rows []row, err error) {
	small, err := makeHistory(ctx, built, e, smallURL, smallHistory)
	if err != nil {
		return nil, err
	}
	large, err := makeHistory(ctx, built, e, largeURL, s.attempts)
	if err != nil {
		return nil, err
	}
	var actions []action
	for _, h := range []history{small, large} {
		running, startErr := built.Start(ctx, h.databaseURL)
		if startErr != nil {
			return nil, startErr
		}
		defer func() { err = errors.Join(err, running.Stop()) }()
		c := newClient(running.Origin, h.key)
		defer c.close()
		if err := c.checkHistory(ctx, documentRead); err != nil {
			return nil, err
		}
		actions = append(actions,
			func(ctx context.Context) error { _, err := c.auditPage(ctx, documentRead); return err },
			func(ctx context.Context) error { _, err := c.document(ctx, documentRead); return err })
	}
	progress("%s: reading the page and the document %d times each", e.name, s.reads)
	taken, err := inTurn(ctx, s.reads, actions...)
	if err != nil {
		return nil, err
	}
	compared := fmt.Sprintf("%s, %d attempts / %d", e.name, s.attempts, smallHistory)
	return []row{
		compare("audit page, "+compared, taken[2], taken[0]),
		compare("document, "+compared, taken[3], taken[1]),
	}, nil
}

// history is a database that was filled, and a key for it.
type history struct{ databaseURL, key string }

func makeHistory(ctx context.Context, built program.Program, e engine, databaseURL string, attempts int) (history, error) {
	key, err := built.Prepare(ctx, databaseURL)
	if err != nil {
		return history{}, err
	}
	return history{databaseURL, key}, e.fill(ctx, databaseURL, attempts)
}

func compare(what string, large, small times) row {
	ratio := float64(large.median()) / float64(small.median())
	return bounded(what+", medians",
		fmt.Sprintf("%.2f (%s / %s)", ratio, milliseconds(large.median()), milliseconds(small.median())),
		fmt.Sprintf("%.2f", historyBound), ratio <= historyBound)
}
