package alone

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/cluster"
)

const (
	fullClients  = 4
	messageBytes = 12_000 // so that a disk is full soon

	fillLimit    = 60 * time.Second // until the disk is full
	fullLasts    = 3 * time.Second  // in short
	notReadyIn   = 5 * time.Second  // after the first refusal
	recoverLimit = 30 * time.Second

	mebibyte = 1 << 20
)

// FullSQLite lets the disk that a SQLite file is on become full under load, and makes room again.
func FullSQLite(ctx context.Context, options Options) (Result, error) {
	return inFolder(options, func(options Options) (r Result, err error) {
		d, err := makeDisk(ctx, filepath.Join(options.Directory, "small"), 32*mebibyte)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, d.close()) }()
		path := filepath.Join(d.folder, "full.db")
		s, err := newServer(ctx, options, "sqlite:"+path)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.kill()) }()
		if err := d.leave(8 * mebibyte); err != nil {
			return r, err
		}
		acknowledged, err := fillUp(ctx, &r, s, d, func() bool { free, err := d.free(); return err == nil && free < mebibyte }, func(context.Context) error { return nil })
		if err := errors.Join(err, s.kill()); err != nil {
			return r, err
		}
		return r, checkFile(ctx, &r, path, acknowledged)
	})
}

// FullPostgres lets the disk that PostgreSQL's tables are on become full under load, and makes room again. Its log is
// elsewhere, so that it stays up.
func FullPostgres(ctx context.Context, options Options) (Result, error) {
	return fullPostgres(ctx, options, 96*mebibyte, 16*mebibyte, false, func(small, elsewhere string) cluster.Options {
		return cluster.Options{DataDirectory: filepath.Join(small, "data"), WALDirectory: filepath.Join(elsewhere, "wal")}
	})
}

// FullPostgresLog lets the disk that PostgreSQL's log is on become full, over which it panics again and again, and may end; then
// it is started again when there is room.
func FullPostgresLog(ctx context.Context, options Options) (Result, error) {
	return fullPostgres(ctx, options, 160*mebibyte, 8*mebibyte, true, func(small, elsewhere string) cluster.Options {
		return cluster.Options{DataDirectory: filepath.Join(elsewhere, "data"), WALDirectory: filepath.Join(small, "wal")}
	})
}

func fullPostgres(ctx context.Context, options Options, size, free int64, panics bool, place func(small, elsewhere string) cluster.Options) (Result, error) {
	return inFolder(options, func(options Options) (r Result, err error) {
		// PostgreSQL, as another user, may not be let into the folder that proofs have.
		elsewhere, err := os.MkdirTemp("/tmp", "faults-disk-")
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(elsewhere)) }()
		if err := os.Chmod(elsewhere, 0o755); err != nil { // #nosec G302 -- that is what it is for
			return r, err
		}
		d, err := makeDisk(ctx, filepath.Join(elsewhere, "small"), size)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, d.close()) }()
		c, err := cluster.Start(ctx, place(d.folder, elsewhere))
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		s, err := newServer(ctx, options, cluster.ServerURL(c.Address()))
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.kill()) }()
		if err := d.leave(free); err != nil {
			return r, err
		}
		isFull := func() bool { return c.Said("No space left on device") && c.Said("PANIC") == panics }
		acknowledged, err := fillUp(ctx, &r, s, d, isFull, func(ctx context.Context) error { return revive(ctx, c) })
		if c.Said("PANIC") != panics {
			err = errors.Join(err, notFelt("PostgreSQL has panicked, which is another case; its log:\n%s", c.Log()))
		}
		if err := errors.Join(err, s.kill()); err != nil {
			return r, err
		}
		return r, checkDatabase(ctx, &r, c.URL(), acknowledged)
	})
}

// revive returns when PostgreSQL accepts connections. One that panicked starts again by itself, or has ended over that, or ends
// now.
func revive(ctx context.Context, c *cluster.Cluster) error {
	for {
		if !c.Running() {
			_, err := c.StartAgain(ctx)
			return err
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		_, err := c.Ready(short)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

func checkDatabase(ctx context.Context, r *Result, databaseURL string, acknowledged []string) error {
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	rows, err := connection.Query(ctx, "SELECT execution_id FROM delivery_attempts")
	if err == nil {
		var stored []string
		stored, err = pgx.CollectRows(rows, pgx.RowTo[string])
		compare(r, acknowledged, stored)
	}
	return errors.Join(err, connection.Close(context.WithoutCancel(ctx)))
}

// fillUp records on a server until its disk is full, as isFull tells, and for a while longer; makes room, has revive bring the database back
// where it has to, and waits until reports are recorded again. It returns what was acknowledged.
func fillUp(ctx context.Context, r *Result, s *server, d *disk, isFull func() bool, revive func(context.Context) error) ([]string, error) {
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	if err := s.register(ctx); err != nil {
		return nil, err
	}
	l := startLoad(ctx, s, fullClients, messageBytes)
	err := whileFull(ctx, r, s, d, l, isFull, revive)
	acknowledged := l.end(r)
	if lost := l.counts().lost; lost > 0 {
		r.find("%d reports were not answered within %s", lost, patience)
	}
	return acknowledged, err
}

func whileFull(ctx context.Context, r *Result, s *server, d *disk, l *load, isFull func() bool, revive func(context.Context) error) error {
	if !await(ctx, fillLimit, func() bool { return isFull() && l.counts().refused > 0 || s.hasEnded() }) {
		free, err := d.free()
		return errors.Join(notFelt("the disk is not full within %s, or nothing was refused: %d bytes are free", fillLimit, free), err)
	}
	r.Faults++
	alive := watchLiveness(ctx, s)
	if !await(ctx, notReadyIn, func() bool { return s.status(ctx, "/readyz") == http.StatusServiceUnavailable }) {
		r.find("the disk is full, and the server is ready all the same for %s", notReadyIn)
	}
	select {
	case <-ctx.Done():
	case <-time.After(max(fullLasts, s.options.Lasts)):
	}
	if status := s.status(ctx, "/readyz"); status != http.StatusServiceUnavailable {
		r.find("while the disk is full /readyz is %d", status)
	}
	began := time.Now()
	err := d.makeRoom()
	if err == nil {
		err = revive(ctx)
	}
	if err != nil {
		alive(r)
		return err
	}
	again := await(ctx, recoverLimit, func() bool { return l.counts().lastAt.After(began) && s.status(ctx, "/readyz") == http.StatusOK })
	r.Recovery = time.Since(began)
	if !again {
		r.find("%s after there was room again /readyz is %d, and %d reports were recorded in all", r.Recovery.Round(time.Second), s.status(ctx, "/readyz"), l.counts().acknowledged)
	}
	alive(r)
	if s.hasEnded() {
		r.find("the server ended: %s", s.command.ProcessState)
	}
	return nil
}

// watchLiveness asks the server again and again whether it is alive, until it is told to stop.
func watchLiveness(ctx context.Context, s *server) (stop func(r *Result)) {
	watching, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	asked, dead := 0, 0
	group.Go(func() {
		for ; watching.Err() == nil; asked++ {
			if s.status(ctx, "/livez") != http.StatusOK {
				dead++
			}
			select {
			case <-watching.Done():
			case <-time.After(5 * interval):
			}
		}
	})
	return func(r *Result) {
		cancel()
		group.Wait()
		if dead > 0 {
			r.find("/livez was not 200 in %d of %d cases", dead, asked)
		}
	}
}
