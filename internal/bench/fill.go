package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// engine is what filling needs to know about a database.
type engine struct {
	name   string
	driver string
	// attemptID and recordedAt are SQL for the n-th attempt's id and instant.
	attemptID, recordedAt string
	// prepare are statements for the session that fills, finish for the database once it is full.
	prepare, finish []string
}

var sqliteEngine = engine{
	name: "SQLite", driver: "sqlite",
	attemptID:  `printf('019d1d1a-0000-7000-8000-%012d', n)`,
	recordedAt: `strftime('%Y-%m-%dT%H:%M:%S.000000Z', 1767225600 + n, 'unixepoch')`,
	// Nobody needs the file after a crash, and with the indexes in memory (512 MiB) filling takes a fraction.
	prepare: []string{"PRAGMA foreign_keys = ON", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -524288"},
}

var postgresEngine = engine{
	name: "PostgreSQL", driver: "pgx",
	attemptID:  `cast('019d1d1a-0000-7000-8000-' || lpad(cast(n AS text), 12, '0') AS uuid)`,
	recordedAt: `to_timestamp(1767225600 + n)`,
	prepare:    []string{"SET synchronous_commit = off"},
	// What autovacuum would come to do before long, and in the midst of what is measured.
	finish: []string{"VACUUM (ANALYZE)", "CHECKPOINT"},
}

// fillStep is how many attempts one statement adds; progress shows after each.
const fillStep = 200_000

// series is the numbers from the first to the last, as n, on both engines.
const series = `WITH RECURSIVE series (n) AS (SELECT %d UNION ALL SELECT n + 1 FROM series WHERE n < %d) `

// What is filled in, for each attempt n of a series or, in the first two, each document's last one.
const (
	insertDocuments = `
		INSERT INTO documents (id, stage, schema, created_at, updated_at)
		SELECT {document}, 'reviewed', 'invoice', {instant}, {instant} FROM series`
	insertDeliveries = `
		INSERT INTO deliveries (document_id, provider, retired, offered, touched, tries, settled, since,
			latest_attempt_id, latest_status, latest_effective_at, last_recorded_at, resting, updated_at, derived_at)
		SELECT {document}, {provider}, false, true, true, 0, true, {instant},
			{attempt}, 'succeeded', {instant}, {instant}, 'succeeded', {instant}, {instant} FROM series`
	insertDue = `
		INSERT INTO deliveries (document_id, provider, retired, offered, touched, tries, settled, since, resting, due_at, updated_at, derived_at)
		SELECT {document}, {provider}, false, true, false, 0, false, {instant}, 'ready', {instant}, {instant}, {instant} FROM series`
	insertAttempts = `
		INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id,
			attempted_at, external_record_id, request_id,
			recorded_by_key_id, recorded_by_name, recorded_at)
		SELECT {attempt}, {document}, {provider}, 'succeeded', 'n8n-' || cast(n AS text) || '-' || {document},
			{instant}, 'crm-row-' || cast(n AS text), 'request-' || cast(n AS text),
			'h4m2k9d0q7x1w5c8', 'crm-worker', {instant} FROM series`
)

// fill gives an empty database a history of attempts, numbered from 0. They go to the documents in turn, so
// that each document's attempts lie scattered over the table as they do where many are worked on at once.
func (e engine) fill(ctx context.Context, databaseURL string, attempts int) error {
	documents := attempts / ownAttempts
	return e.with(ctx, databaseURL, documents, func(execute execute) error {
		lastOfEach := fmt.Sprintf(series, attempts-documents, attempts-1)
		if err := execute(lastOfEach+insertDocuments, lastOfEach+insertDeliveries); err != nil {
			return err
		}
		return e.inSteps(attempts, "attempts", func(step string) error { return execute(step + insertAttempts) })
	})
}

// fillOutbox gives an empty database deliveries that are due, the newest of all, and older ones that are settled; each
// is of a document of its own.
func (e engine) fillOutbox(ctx context.Context, databaseURL string, settled int) error {
	return e.with(ctx, databaseURL, settled+dueDeliveries, func(execute execute) error {
		due := fmt.Sprintf(series, settled, settled+dueDeliveries-1)
		if err := execute(due+insertDocuments, due+insertDue); err != nil {
			return err
		}
		return e.inSteps(settled, "settled deliveries", func(step string) error { return execute(step+insertDocuments, step+insertDeliveries) })
	})
}

// inSteps fills in so many of something, numbered from 0, and shows progress.
func (e engine) inSteps(count int, what string, fill func(step string) error) error {
	for first := 0; first < count; first += fillStep {
		next := min(first+fillStep, count)
		if err := fill(fmt.Sprintf(series, first, next-1)); err != nil {
			return err
		}
		progress("%s: filled in %d of %d %s", e.name, next, count, what)
	}
	return nil
}

// execute runs statements whose terms stand for the engine's SQL.
type execute func(statements ...string) error

// with fills a database in a session that is prepared for it, and finishes it.
func (e engine) with(ctx context.Context, databaseURL string, documents int, fill func(execute) error) (err error) {
	db, err := sql.Open(e.driver, strings.TrimPrefix(databaseURL, "sqlite:"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	session, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()

	terms := strings.NewReplacer(
		"{document}", fmt.Sprintf("'%s' || cast(n %% %d AS text)", documentPrefix, documents),
		"{provider}", "'"+provider+"'", "{attempt}", e.attemptID, "{instant}", e.recordedAt)
	execute := func(statements ...string) error {
		for _, statement := range statements {
			if _, err := session.ExecContext(ctx, terms.Replace(statement)); err != nil {
				return fmt.Errorf("fill %s: %w", e.name, err)
			}
		}
		return nil
	}

	if err := execute(e.prepare...); err != nil {
		return err
	}
	if err := fill(execute); err != nil {
		return err
	}
	return execute(e.finish...)
}
