package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// measureSQLite measures new reports over SQLite in turn with one transaction for each report on the same disk.
func measureSQLite(ctx context.Context, b *bench) (rows []row, err error) {
	files := [2]string{filepath.Join(b.program.Directory, "delivery.db"), filepath.Join(b.program.Directory, "single.db")}
	var key string
	for i, file := range files {
		made, err := b.program.Prepare(ctx, "sqlite:"+file)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			key = made
		}
		if err := fillSQLite(ctx, file); err != nil {
			return nil, err
		}
	}
	t, err := b.start(ctx, "sqlite:"+files[0], key, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	single, err := openSingle(ctx, files[1])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, single.close()) }()
	found, err := inTurn(ctx, b.rounds,
		contestant{"SQLite, a transaction for each report", func(ctx context.Context) (figure, error) { return single.run(ctx, b.settings) }},
		b.of("SQLite, new reports", t, running{kind: newReports, connections: 64}))
	if err != nil {
		return nil, err
	}
	return []row{
		newRow("SQLite, a transaction for each report", 64, found[0]),
		newRow("SQLite, new reports", 64, found[1]).atLeast(found[1].ratioTo(found[0]), "a transaction each", 3),
	}, nil
}

func openSQLite(file string) (*sql.DB, error) {
	return sql.Open("sqlite", file+"?_pragma=busy_timeout(3000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)")
}

func fillSQLite(ctx context.Context, file string) error {
	db, err := openSQLite(file)
	if err != nil {
		return err
	}
	terms := strings.NewReplacer("{now}", `strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now')`, "{all}", "series")
	series := fmt.Sprintf("WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %d) ", documentCount)
	for _, statement := range []string{fillDocuments, fillDeliveries} {
		// SQLite has WITH before or after INSERT INTO.
		if _, err = db.ExecContext(ctx, series+terms.Replace(statement)); err != nil {
			break
		}
	}
	return errors.Join(err, db.Close())
}

// single is what the yardstick is to PostgreSQL: the least that a report has to write, by prepared statements, in a
// transaction for each, over the product's schema. SQLite takes one write at a time, so there is one connection.
type single struct {
	db             *sql.DB
	connection     *sql.Conn
	update, insert *sql.Stmt
	turn           sync.Mutex
}

func openSingle(ctx context.Context, file string) (*single, error) {
	s := &single{}
	var err error
	if s.db, err = openSQLite(file); err != nil {
		return nil, err
	}
	if s.connection, err = s.db.Conn(ctx); err != nil {
		return nil, err
	}
	if s.update, err = s.connection.PrepareContext(ctx, `
		UPDATE deliveries SET touched = 1, settled = 1, latest_attempt_id = ?1, latest_status = 'succeeded', latest_effective_at = ?2,
			last_recorded_at = ?2, resting = 'succeeded', due_at = NULL, updated_at = ?2, derived_at = ?2
		WHERE document_id = ?3 AND provider = 'dynamics365'`); err != nil {
		return nil, err
	}
	s.insert, err = s.connection.PrepareContext(ctx, `
		INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, external_record_id,
			request_id, recorded_by_key_id, recorded_by_name, recorded_at)
		VALUES (?, ?, 'dynamics365', 'succeeded', ?, ?, 'crm-row-001', 'req-1', 'key-1', 'bench', ?) ON CONFLICT (execution_id) DO NOTHING`)
	return s, err
}

func (s *single) close() error {
	return errors.Join(s.update.Close(), s.insert.Close(), s.connection.Close(), s.db.Close())
}

// run lets 64 goroutines record reports in a closed loop.
func (s *single) run(ctx context.Context, settings settings) (figure, error) {
	from := time.Now().Add(settings.warmUp)
	until := from.Add(settings.lasts)
	total := newHistogram()
	var adding sync.Mutex
	computed := processorTime()
	working, ctx := errgroup.WithContext(ctx)
	for range 64 {
		working.Go(func() error {
			requests, took := newRequests(""), newHistogram()
			for {
				began := time.Now()
				if !began.Before(until) {
					break
				}
				if err := s.record(ctx, requests.fresh(documentCount), id(time.Now(), requests.random)); err != nil {
					return err
				}
				if ended := time.Now(); ended.After(from) && !ended.After(until) {
					took.add(ended.Sub(began))
				}
			}
			adding.Lock()
			defer adding.Unlock()
			total.merge(took)
			return nil
		})
	}
	if err := working.Wait(); err != nil {
		return figure{}, err
	}
	// That of the warm-up is in it: its share is taken out.
	share := float64(settings.lasts) / float64(settings.lasts+settings.warmUp)
	return figure{
		rate: float64(total.count()) / settings.lasts.Seconds(), done: total.count(), took: total,
		databaseCPU: time.Duration(share * float64(processorTime()-computed)),
	}, nil
}

// id is an attempt's, as the product makes them: each sorts after those before it.
func id(at time.Time, random *rand.PCG) string {
	return fmt.Sprintf("019d1d1a-%04x-7%03x-8%03x-%012x", at.Unix()&0xffff, at.Nanosecond()>>18&0xfff, at.Nanosecond()>>6&0xfff, random.Uint64()&0xffffffffffff)
}

func (s *single) record(ctx context.Context, r report, id string) error {
	const layout = "2006-01-02T15:04:05.000000Z"
	at, document := r.at.UTC().Format(layout), fmt.Sprintf("doc-%d", r.document)
	s.turn.Lock()
	defer s.turn.Unlock()
	if _, err := s.connection.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	now := time.Now().UTC().Format(layout)
	_, err := s.update.ExecContext(ctx, id, now, document)
	if err == nil {
		_, err = s.insert.ExecContext(ctx, id, document, "n8n-"+hex.EncodeToString(r.execution[:]), at, now)
	}
	if err != nil {
		return err // the file is given up as a whole
	}
	_, err = s.connection.ExecContext(ctx, "COMMIT")
	return err
}
