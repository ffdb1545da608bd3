package alone

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// checkFile looks for what was acknowledged in a SQLite file that no server has open, and checks the file.
func checkFile(ctx context.Context, r *Result, path string, acknowledged []string) (err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var says string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&says); err != nil {
		return err
	}
	if says != "ok" {
		r.find("the file is broken: %s", says)
	}
	rows, err := db.QueryContext(ctx, "SELECT execution_id FROM delivery_attempts")
	if err != nil {
		return err
	}
	defer rows.Close() // its error is that of rows.Err
	var stored []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		stored = append(stored, id)
	}
	compare(r, acknowledged, stored)
	return rows.Err()
}

const (
	killClients = 8
	killsLast   = 6 * time.Second // in short
	betweenMin  = 100 * time.Millisecond
	betweenMax  = 500 * time.Millisecond
)

// KillSQLite kills a server on a SQLite file under load, again and again, and then looks for what it had acknowledged.
func KillSQLite(ctx context.Context, options Options) (Result, error) {
	return inFolder(options, func(options Options) (r Result, err error) {
		path := filepath.Join(options.Directory, "killed.db")
		s, err := newServer(ctx, options, "sqlite:"+path)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.kill()) }()
		if err := s.start(ctx); err != nil {
			return r, err
		}
		if err := s.register(ctx); err != nil {
			return r, err
		}
		l := startLoad(ctx, s, killClients, 100)
		err = killAgain(ctx, &r, s, l)
		acknowledged := l.end(&r)
		if err := errors.Join(err, s.kill()); err != nil {
			return r, err
		}
		if seen := l.counts(); seen.lost == 0 || seen.acknowledged == 0 {
			return r, notFelt("of %d kills no client noticed anything, or nothing was acknowledged", r.Faults)
		}
		return r, checkFile(ctx, &r, path, acknowledged)
	})
}

func killAgain(ctx context.Context, r *Result, s *server, l *load) error {
	last := s.options.Lasts
	if last == 0 {
		last = killsLast
	}
	for until := time.Now().Add(last); time.Now().Before(until); r.Faults++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(betweenMin + rand.N(betweenMax-betweenMin)): // anywhere in whatever the server is at
		}
		if s.hasEnded() {
			return fmt.Errorf("the server ended by itself: %s; its log:\n%s", s.command.ProcessState, s.log())
		}
		if err := s.kill(); err != nil {
			return err
		}
		began := time.Now()
		if err := s.start(ctx); err != nil {
			return err
		}
		before := l.counts().acknowledged // with what the killed process had answered, whenever a client came to it
		if !await(ctx, readyLimit, func() bool { return l.counts().acknowledged > before }) {
			return errors.New("nothing is recorded after the server was started again")
		}
		r.Recovery = max(r.Recovery, time.Since(began))
	}
	return nil
}
