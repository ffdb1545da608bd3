package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// DefaultConnections is how many connections to PostgreSQL one replica opens at most when nothing else is said.
// Recording is short: more of them only wait for the same disk.
const DefaultConnections = 16

// oldestPostgres is the oldest major version that is served.
const oldestPostgres = 13

var errLossyPostgres = errors.New("PostgreSQL runs with fsync=off and may lose acknowledged reports; set fsync=on, or allow it with NUMORA_ALLOW_LOSSY_DATABASE")

var errReadOnlyPostgres = errors.New("PostgreSQL takes no writes: it is a standby or set to read-only")

type postgresEngine struct {
	config *pgx.ConnConfig
	pool   *sql.DB
	prober *sql.DB // one more connection, so that a probe does not wait for what reports wait for

	fsyncOff   atomic.Bool  // as it was found last, by a new session, a write or a probe
	replicated atomic.Bool  // alike: whether commits wait for standbys
	staleAt    atomic.Int64 // sessions opened before this instant, in Unix nanoseconds, are not used again
	askAt      atomic.Int64 // those that have not answered since this one are asked first whether they are there

	applicationRole string // see grants.go

	comparing sync.Mutex // see checkPooler
}

func newPostgres(url string) (*postgresEngine, error) {
	config, err := pgx.ParseConfig(url)
	if file := (*fs.PathError)(nil); errors.As(err, &file) {
		return nil, fmt.Errorf("a file that it names cannot be read: %w", file)
	}
	if err != nil || strings.HasSuffix(url, "://") {
		// pgx leaves passwords out of its error, but repeats the rest of the URL.
		return nil, errors.New("it is not postgres://USER@HOST:PORT/DATABASE?OPTIONS")
	}
	followHosts(config)
	config.OnNotice = noteWarning
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "numora-delivery"
	}
	return &postgresEngine{config: config}, nil
}

func (e *postgresEngine) open(options Options) (pools, error) {
	e.applicationRole = options.ApplicationRole
	connector := stdlib.GetConnector(*e.config, stdlib.OptionAfterConnect(orClose(e.prepareSession)), stdlib.OptionShouldPing(noteIdle), stdlib.OptionResetSession(e.checkSession))
	if options.Traces == nil {
		e.pool = sql.OpenDB(connector)
	} else {
		e.pool = otelsql.OpenDB(connector, spans(options.Traces, semconv.DBSystemNamePostgreSQL)...)
	}
	connections := cmp.Or(options.Connections, DefaultConnections)
	e.pool.SetMaxOpenConns(connections)
	e.pool.SetMaxIdleConns(connections)
	e.pool.SetConnMaxIdleTime(5 * time.Minute)
	e.pool.SetConnMaxLifetime(10 * time.Minute) // a plan made for nearly empty tables is not kept for ever
	e.prober = sql.OpenDB(connector)
	e.prober.SetMaxOpenConns(1)
	all, prober := postgres.New(postgres.Config{Conn: e.pool}), postgres.New(postgres.Config{Conn: e.prober})
	return pools{writer: all, reader: all, prober: prober}, nil
}

// sessionSettings hold in every session. A replica that hangs or vanishes in the middle of a transaction must
// not keep a delivery locked for the others, nor those waiting for it a connection each; no request has as long as a statement
// may take. Planning costs about as much
// as these statements do, and compiling plans more, so a session plans each once. Every row is found by an index, one after another: a join that reads all of a
// table is the better plan while that is empty, and would be kept when it is not.
const sessionSettings = `
	SET default_transaction_isolation = 'read committed';
	SET statement_timeout = '8s';
	SET idle_in_transaction_session_timeout = '5s';
	SET lock_timeout = '2s';
	SET plan_cache_mode = force_generic_plan;
	SET enable_seqscan = off;
	SET enable_hashjoin = off;
	SET enable_mergejoin = off;
	SET enable_material = off;
	SET jit = off`

// prepareSession settles what recording rests on in each new session, whatever the role's or the database's
// defaults are: a commit is acknowledged only when it is on disk, a statement sees what was committed before
// it, and no plan made while a table was empty scans it for ever.
func (e *postgresEngine) prepareSession(ctx context.Context, conn *pgx.Conn) error {
	if err := e.checkServer(ctx, conn); err != nil {
		return err
	}
	var fsync, commit, standbys string
	if err := conn.QueryRow(ctx, "SELECT "+durability).Scan(&fsync, &commit, &standbys); err != nil {
		return err
	}
	e.noteServer(fsync, standbys)
	if commit != "remote_apply" {
		commit = "on"
	}
	// Set even where it is so already: a session's own setting is not changed by a reload.
	_, err := conn.Exec(ctx, sessionSettings+"; SET synchronous_commit = "+commit)
	data, now := conn.PgConn().CustomData(), time.Now().UnixNano()
	data[openedAt], data[seenAt] = now, now
	return err
}

// orClose closes a session that prepare fails on: nobody else would.
func orClose(prepare func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		err := prepare(ctx, conn)
		if err != nil {
			_ = conn.Close(ctx) // the first error says more
		}
		return err
	}
}

// errServer says that this PostgreSQL cannot be worked with as it is.
var errServer = errors.New("this PostgreSQL cannot be used")

// checkServer refuses a server that is too old, a database that cannot hold every text, and a pooler that does
// not keep a session for us.
func (e *postgresEngine) checkServer(ctx context.Context, conn *pgx.Conn) error {
	if err := e.checkPooler(ctx, conn); err != nil {
		return err
	}
	var version int
	var encoding string
	row := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')")
	if err := row.Scan(&version, &encoding); err != nil {
		return err
	}
	return judgeServer(version, encoding)
}

func judgeServer(version int, encoding string) error {
	switch {
	case version < oldestPostgres:
		return fmt.Errorf("%w: it is version %d, and %d or newer is needed", errServer, version, oldestPostgres)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the database's encoding is %s, and UTF8 is needed", errServer, encoding)
	}
	return nil
}

// openedAt is where a session keeps when it was opened.
const openedAt = "numora.opened_at"

// seenAt is where a session keeps when it was asked last whether it is there, and was.
const seenAt = "numora.seen_at"

// idle is where a session keeps whether it was left alone for a while before it is used again.
const idle = "numora.idle"

func noteIdle(_ context.Context, p stdlib.ShouldPingParams) bool {
	p.Conn.PgConn().CustomData()[idle] = p.IdleDuration > time.Second
	return false // checkSession asks
}

// askSessions has the sessions that are open now asked whether they are there before they are used again.
func (e *postgresEngine) askSessions() { e.askAt.Store(time.Now().UnixNano()) }

// dropSessions keeps the sessions that are open now from being used again.
func (e *postgresEngine) dropSessions() { e.staleAt.Store(time.Now().UnixNano()) }

// checkSession drops a session that was opened before others were found to be read-only or gone, as before a
// failover; and one that was idle, or open when another one was silent, and does not answer, in a part of the time that the
// request has.
func (e *postgresEngine) checkSession(ctx context.Context, conn *pgx.Conn) error {
	data := conn.PgConn().CustomData()
	if opened, _ := data[openedAt].(int64); opened < e.staleAt.Load() {
		return driver.ErrBadConn
	}
	was, _ := data[idle].(bool)
	if seen, _ := data[seenAt].(int64); !was && seen >= e.askAt.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	asked := time.Now().UnixNano()
	if err := conn.PgConn().Ping(ctx); err != nil {
		e.dropSessions()
		return driver.ErrBadConn
	}
	data[seenAt] = asked
	return nil
}

// now looks at durability too, since it asks anyway: fsync can be switched by a reload, under open sessions, and a
// session that does not commit as ours do is not ours.
func (e *postgresEngine) now(tx *gorm.DB) (instant, error) {
	var now instant
	var fsync, commit, standbys string
	if err := tx.Raw("SELECT clock_timestamp(), "+durability).Row().Scan(&now, &fsync, &commit, &standbys); err != nil {
		return now, err
	}
	return now, e.noteSession(fsync, commit, standbys)
}

func (e *postgresEngine) clock() clause.Expr { return gorm.Expr("clock_timestamp()") }

// durability is what durability rests on, as a session has it now.
const durability = "current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit, current_setting('synchronous_standby_names') AS standbys"

func (e *postgresEngine) noteServer(fsync, standbys string) {
	e.fsyncOff.Store(fsync != "on")
	e.replicated.Store(standbys != "")
}

// noteSession looks at what durability rests on.
func (e *postgresEngine) noteSession(fsync, synchronousCommit, standbys string) error {
	e.noteServer(fsync, standbys)
	if synchronousCommit != "on" && synchronousCommit != "remote_apply" {
		e.dropSessions()
		return errPooler
	}
	return nil
}

// equals names the collation that all indexes on text have.
func (e *postgresEngine) equals(column string) string { return column + ` COLLATE "C" = ?` }

func (e *postgresEngine) checkWritable(ctx context.Context, db *gorm.DB) error {
	var fsync, commit, standbys, readOnly string
	row := db.WithContext(ctx).Raw("SELECT " + durability + ", current_setting('transaction_read_only')").Row()
	if err := row.Scan(&fsync, &commit, &standbys, &readOnly); err != nil {
		return err
	}
	e.noteServer(fsync, standbys)
	if readOnly == "on" {
		e.dropSessions()
		return errReadOnlyPostgres
	}
	return nil
}

func (e *postgresEngine) lossy() error {
	if e.fsyncOff.Load() {
		return errLossyPostgres
	}
	return nil
}

func (e *postgresEngine) migrate(ctx context.Context, waits func(reason error)) error {
	// It asks every second, for a day: another's migration may take as long as somebody's transaction that it
	// waits for, and ctx ends the waiting.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 24*60*60))
	if err != nil {
		return err
	}
	// A connection of its own: the session lock must not be shared with a pool's other users.
	pool := stdlib.OpenDB(*e.config, stdlib.OptionAfterConnect(orClose(e.prepareMigration)))
	if waits != nil {
		defer time.AfterFunc(longMigration, func() { waits(errLongMigration) }).Stop()
	}
	for {
		err := e.checkOwner(ctx, pool)
		if err == nil {
			err = migrateUp(ctx, goose.DialectPostgres, pool, goose.WithSessionLocker(locker))
		}
		if err == nil {
			err = e.grant(ctx, pool)
		}
		if e.sort(err) != rolledBack || ctx.Err() != nil {
			return errors.Join(err, pool.Close())
		}
		if waits != nil {
			waits(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(migrationPause):
		}
	}
}

// longMigration is after how long whoever waits for a migration is told that it takes long.
const longMigration = 5 * time.Second

var errLongMigration = errors.New("it takes long, or another server is migrating")

// migrationPause is how long requests have the tables to themselves between two tries of a migration.
const migrationPause = 3 * time.Second

// prepareMigration keeps a migration from holding up the requests of running servers: while it waits for a lock,
// everybody else waits behind it. It gives up soon enough for them to be answered in time, lets them through,
// and tries again. It waits for longer than deadlock_timeout, a second unless set otherwise: only then does
// PostgreSQL end an autovacuum that stands in the way.
func (e *postgresEngine) prepareMigration(ctx context.Context, conn *pgx.Conn) error {
	if err := e.checkServer(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "SET lock_timeout = '1500ms'")
	return err
}

func (e *postgresEngine) named() map[string]*sql.DB { return map[string]*sql.DB{"postgres": e.pool} }

func (e *postgresEngine) close() error {
	if e.pool == nil {
		return nil
	}
	if err := errors.Join(e.pool.Close(), e.prober.Close()); err != nil {
		return fmt.Errorf("close the PostgreSQL pools: %w", err)
	}
	return nil
}
