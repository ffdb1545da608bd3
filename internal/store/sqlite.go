package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/delivery"
)

// sqliteReaders is how many reads may run beside the one writer.
const sqliteReaders = 8

// sqliteWriting are the writer's settings for what it writes: a statement of many rows keeps what it would have to undo in
// memory; the pages of the indexes that random ids hit are there, too (16 MiB); and those that are written again and again
// are copied into the file less often, every 4,000 pages (16 MiB of write-ahead log).
var sqliteWriting = []string{"temp_store(MEMORY)", "cache_size(-16384)", "wal_autocheckpoint(4000)"}

var errFileGone = errors.New("the SQLite file was removed or replaced under the running server; restart it")

// sqliteEngine is an embedded database in one file: one connection writes, a pool reads.
type sqliteEngine struct {
	path  string
	file  os.FileInfo  // what path named when it was opened
	pools []*sql.DB    // the writer first
	alone *flock.Flock // held while a server works on the file; nil for commands
}

func newSQLite(path string) (*sqliteEngine, error) {
	if absolute, ok := strings.CutPrefix(path, "///"); ok { // as URLs with an empty host write it
		path = "/" + absolute
	}
	if path == "" || path == ":memory:" || strings.HasPrefix(path, "//") {
		return nil, errors.New("it must name a file, sqlite:PATH")
	}
	return &sqliteEngine{path: path}, nil
}

// dsn names the file with the settings that durability and concurrency rest on, and one that has triggers refuse rows to be
// replaced as they refuse them to be deleted. A transaction that will
// write takes the write lock at once: one that begins by reading could not upgrade after another's commit.
func (e *sqliteEngine) dsn(extra ...string) string {
	query := url.Values{
		"_pragma": append([]string{"busy_timeout(3000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "recursive_triggers(ON)"}, extra...),
		"_txlock": {"immediate"},
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: e.path}).EscapedPath(), RawQuery: query.Encode()}
	return file.String()
}

func (e *sqliteEngine) pool(traces trace.TracerProvider, connections int, extra ...string) (*sql.DB, error) {
	open := sql.Open
	if traces != nil {
		open = func(driver, dsn string) (*sql.DB, error) {
			return otelsql.Open(driver, dsn, spans(traces, semconv.DBSystemNameSQLite)...)
		}
	}
	pool, err := open("sqlite", e.dsn(extra...))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	e.pools = append(e.pools, pool)
	return pool, nil
}

func (e *sqliteEngine) open(options Options) (opened pools, err error) {
	if err := e.find(options.Create); err != nil {
		return pools{}, err
	}
	if options.Alone {
		e.alone = flock.New(e.path + ".serving")
		if got, err := e.alone.TryLock(); err != nil || !got {
			return pools{}, errors.Join(fmt.Errorf("another server works on %s; several servers need PostgreSQL", e.path), err)
		}
	}
	if err := e.makeWAL(); err != nil {
		return pools{}, err
	}
	for _, p := range []struct {
		dialector   *gorm.Dialector
		connections int
		pragmas     []string
	}{{&opened.writer, 1, sqliteWriting}, {&opened.reader, sqliteReaders, []string{"query_only(ON)"}}} {
		pool, err := e.pool(options.Traces, p.connections, p.pragmas...)
		if err != nil {
			return pools{}, err
		}
		*p.dialector = sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: pool})
	}
	opened.prober = opened.reader
	return opened, nil
}

// find makes sure that the file is there, or makes it for the owner alone: it holds the hashes of the API keys.
func (e *sqliteEngine) find(create bool) error {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(e.path, flags, 0o600)
	if err != nil {
		return err
	}
	e.file, err = file.Stat()
	return errors.Join(err, file.Close())
}

// makeWAL opens the file for the first time, which turns its journal into a write-ahead log. SQLite does not
// wait for others at that: where several open a new file at once, the lock file puts them in a row.
func (e *sqliteEngine) makeWAL() error {
	lock := flock.New(e.path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock to open: %w", err)
	}
	pool, err := sql.Open("sqlite", e.dsn())
	if err == nil {
		err = errors.Join(pool.Ping(), pool.Close())
	}
	return errors.Join(err, lock.Unlock())
}

// now is the process's clock: an embedded database has no other.
func (e *sqliteEngine) now(*gorm.DB) (instant, error) {
	return instant{delivery.NewInstant(time.Now())}, nil
}

func (e *sqliteEngine) clock() clause.Expr {
	return gorm.Expr("?", instant{delivery.NewInstant(time.Now())})
}

func (e *sqliteEngine) equals(column string) string { return column + " = ?" }

func (e *sqliteEngine) checkWritable(context.Context, *gorm.DB) error { return e.lossy() }

// lossy looks whether the file is still in its place: SQLite would go on writing into one that was removed or
// replaced, and nobody would find what it acknowledged. The rest of durability is settled by the pragmas of dsn.
func (e *sqliteEngine) lossy() error {
	if now, err := os.Stat(e.path); err != nil || !os.SameFile(now, e.file) {
		return errFileGone
	}
	return nil
}

// migrate holds a lock file meanwhile: goose itself takes no lock on SQLite.
func (e *sqliteEngine) migrate(ctx context.Context, _ func(reason error)) error {
	lock := flock.New(e.path + ".lock")
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil { // without error it has the lock
		return fmt.Errorf("lock for migration: %w", err)
	}
	return errors.Join(migrateUp(ctx, goose.DialectSQLite3, e.pools[0]), lock.Unlock())
}

func (e *sqliteEngine) named() map[string]*sql.DB {
	return map[string]*sql.DB{"sqlite-write": e.pools[0], "sqlite-read": e.pools[1]}
}

func (e *sqliteEngine) close() error {
	var errs []error
	for _, pool := range e.pools {
		errs = append(errs, pool.Close())
	}
	if e.alone != nil {
		errs = append(errs, e.alone.Close())
	}
	return errors.Join(errs...)
}
