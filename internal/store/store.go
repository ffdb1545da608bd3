// Package store keeps documents, deliveries, attempts and API keys in SQLite or PostgreSQL. It is the only
// place that knows GORM, and it means the same on both engines; storetest says so case by case.
//
// # Locks
//
// On PostgreSQL reports are first tried without a transaction: their deliveries are read, and one statement, which commits
// by itself, moves those on that are still as they were and adds their attempts. What others changed meanwhile is recorded
// again, in a transaction that locks it. Nothing is locked between two statements this way, and a report takes two round
// trips in place of four.
//
// Every write takes locks in one order: documents by id, that are registered or refreshed, or that get another
// delivery; then deliveries, which are added and then locked by (document id, provider); then attempts, which are
// added by execution id. So replicas that write at the same time wait for each other but never deadlock. Claims
// take of the due deliveries those that nobody has locked, and wait for none. The unique index on execution_id
// decides who was first; nothing in the code does.
//
// # Reports are written together
//
// A commit costs a disk write however much it holds. So a writer takes all reports that wait and records them in one
// transaction, while others come in for the next; where nothing is being written, a report is written at once and by
// itself, by its caller. There is no timer. There are as many writers as the engine has use for: one on SQLite, a few on
// PostgreSQL, where another one begins when enough reports wait, or at least as many as are being written, since few in a
// transaction cost nearly what many do.
//
//   - How many wait is bounded by who calls: admission lets so many requests into work, and refuses others before it
//     reads their bodies. A transaction takes 256 attempts at most.
//   - Each report has its own result. None is acknowledged before the commit of its transaction; those that share one
//     are acknowledged in the order in which they came, which is also that of recorded_at within a delivery.
//   - A transaction that fails is undone for all, and each of its reports recorded once more by itself, beside the next
//     ones: a report that cannot be written, or whose delivery somebody else keeps locked, fails alone. When nobody knows
//     whether a commit succeeded, its reports are recorded again until that is known: an attempt that is found under its
//     own id was created. Only when the time is over first, a report is told that nobody knows.
//   - What has little more time left than a statement may wait for a lock is recorded in a transaction: given up, that
//     has certainly written nothing, while a statement that commits by itself may yet be done.
//   - A client that hangs up changes nothing. When a report's time is over, it is taken back if nobody has begun to
//     write it; else the transaction ends by the first deadline that one of its reports has, and the others, which
//     have time left, are recorded once more by themselves.
//   - Closing the store refuses new reports and waits for those that it has, which are recorded, or refused when their
//     time is over.
//   - The spans of a shared transaction belong to the trace of the report with the first deadline.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/numora/delivery/internal/delivery"
)

// writeTimeout bounds a write whose caller set no deadline.
const writeTimeout = 5 * time.Second

// Options are a deployment's choices about its database.
type Options struct {
	// AllowLossy accepts a database that is set to lose acknowledged writes (PostgreSQL: fsync=off).
	AllowLossy bool
	// Create makes the SQLite file where it is missing; its folder has to be there. Without it a missing
	// file is an error: a mistyped path must not look like an empty database.
	Create bool
	// Alone refuses a SQLite file that another server works on: what one of them remembers between requests
	// the other would not know. Commands work beside a server.
	Alone bool
	// Connections is how many connections to PostgreSQL to open at most; 0 means DefaultConnections.
	Connections int
	// Retry says when deliveries that were tried are due again; where zero, as delivery.DefaultRetry.
	Retry delivery.RetryPolicies
	// ApplicationRole is the PostgreSQL role that servers connect as where it is not the one that migrates, which grants it
	// what a server needs; empty when there is none.
	ApplicationRole string
	// MigrationWaits, when given, is told why a migration gave way to requests, each time before it tries again.
	MigrationWaits func(reason error)
	// Traces gets a span of each statement and commit; nil makes none.
	Traces trace.TracerProvider
}

// Store implements delivery.Store and apikey.Store.
type Store struct {
	engine  engine
	options Options
	writer  *gorm.DB
	reader  *gorm.DB
	prober  *gorm.DB

	schemaServes atomic.Bool // see requireSchema
	broken       atomic.Bool // see checkStorage
	clockOffset  atomic.Int64
	tally        tally
	group        group
}

// freshDeliveries is what engine.readFresh finds.
type freshDeliveries struct {
	deliveries []*freshDelivery
	recorded   bool    // whether some execution id is recorded already
	now        instant // when all were read, or locked
}

// freshDelivery is a delivery with what the engine knows its state by. Of its columns those are read that recording needs.
type freshDelivery struct {
	deliveryRow
	place, version string
}

// pools are the connections that an engine opens: for writes, for reads, and for asking whether it can be worked
// with. They may be the same.
type pools struct{ writer, reader, prober gorm.Dialector }

// engine is what differs between the databases.
type engine interface {
	open(options Options) (pools, error)
	// now reads the time source of this database, within tx.
	now(tx *gorm.DB) (instant, error)
	// clock is the expression for the time source, for a statement that reads it beside other things.
	clock() clause.Expr
	// readFresh reads the deliveries of those entries whose execution id is not recorded, and the time. With locking
	// nobody else can change them until db, a transaction, ends; they are locked in the order of (document id, provider).
	readFresh(db *gorm.DB, entries []*entry, locking bool) (freshDeliveries, error)
	// keep moves deliveries on that nobody changed since they were read, adds their attempts, and returns which those
	// are. Both are sorted. errTwinWon says that one of the execution ids was recorded meanwhile, and nothing written.
	keep(db *gorm.DB, attempts []attemptRow, deliveries []*freshDelivery) (moved []*freshDelivery, err error)
	// limit has a session keep the deadline of its context at less cost, if it can, until it is released.
	limit(session *gorm.DB) (limited *gorm.DB, release func())
	// optimistic tells whether it is of use to call readFresh and keep outside of a transaction, without locks.
	optimistic() bool
	// sort tells what an error means for its transaction, as long as that was not committing.
	sort(err error) failure
	// certain tells whether an error of a commit, or of a statement that commits by itself, says what became of it: nothing.
	certain(err error) bool
	// confirmed returns an error when a session, which is a connection of its own, has committed and the answer to that must not
	// be relied on.
	confirmed(session *gorm.DB) error
	// awaitsStandbys tells whether a commit waits for other machines to have it, as was found last: then what can be read may
	// not be there yet, and only the commit of a transaction that wrote something tells that it is.
	awaitsStandbys() bool
	// writeSomething makes tx one that wrote something.
	writeSomething(tx *gorm.DB) error
	// tryStorage needs room within tx, and leaves nothing behind.
	tryStorage(tx *gorm.DB) error
	// isOneOf writes the condition that a text column has one of values.
	isOneOf(column string, values []string) (condition string, argument any)
	// sealing makes sure that no other server seals until tx ends; it tells when another one does.
	sealing(tx *gorm.DB) (got bool, err error)
	// sealAtOnce is how many entries are sealed in one transaction, and sealingRest how many times as long as that took
	// nothing is sealed then.
	sealAtOnce() int
	sealingRest() int
	// hasID writes the condition that a row's id is one of ids.
	hasID(ids []string) (condition string, argument any)
	// addLeaves adds leaves whose numbers follow each other.
	addLeaves(tx *gorm.DB, leaves []leafRow) error
	// snapshot begins a transaction that reads, as often as it likes, what was committed when it began.
	snapshot() string
	// writers is how many transactions that record reports are of use at the same time.
	writers() int
	// equals writes the condition that a text column has a value, byte for byte, as its index knows it.
	equals(column string) string
	// checkWritable asks whether a commit is possible, and whether it survives a crash of the machine: of the
	// latter lossy returns the last answer, which new connections and now give too, as an error that says
	// what to set.
	checkWritable(ctx context.Context, db *gorm.DB) error
	lossy() error
	// migrate brings the schema up to this binary's level; several may try at once. It tells waits, if that is
	// given, why it has to try again.
	migrate(ctx context.Context, waits func(reason error)) error
	// named returns the pools by the names that metrics give them.
	named() map[string]*sql.DB
	close() error
}

// CheckURL returns an error that says why url cannot name a database, without repeating it: it may hold a
// password. Whether the database is there is another question.
func CheckURL(url string) error {
	_, err := newEngine(url)
	return err
}

// newEngine chooses by the URL's scheme.
func newEngine(url string) (engine, error) {
	scheme, rest, ok := strings.Cut(url, ":")
	switch {
	case ok && scheme == "sqlite":
		return newSQLite(rest)
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		return newPostgres(url)
	default:
		return nil, errors.New("it must begin with sqlite: or postgres://")
	}
}

// Open opens the database that url names: sqlite:PATH or postgres://…. It does not migrate, and does not
// wait for the database to answer; Ready does. When the disk is full or fails, that is an *UnavailableError.
func Open(url string, options Options) (*Store, error) {
	engine, err := newEngine(url)
	if err != nil {
		return nil, fmt.Errorf("the database URL is wrong: %w", err)
	}
	opened, err := engine.open(options)
	if err != nil {
		return nil, errors.Join(openError(err), engine.close())
	}
	s := &Store{engine: engine, options: options}
	s.group.s = s
	for pool, dialector := range map[**gorm.DB]gorm.Dialector{&s.writer: opened.writer, &s.reader: opened.reader, &s.prober: opened.prober} {
		if *pool, err = gorm.Open(dialector, gormConfig()); err != nil {
			return nil, errors.Join(openError(err), engine.close())
		}
	}
	return s, nil
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true, // each method says where its transaction begins and ends
		DisableAutomaticPing:   true,
		QueryFields:            true,           // never "*": a column that a newer version adds must not break a cached plan
		Logger:                 logger.Discard, // errors are returned, and logged once, with their request
	}
}

// Pools returns the pools of connections by name, for their figures alone: every statement goes through gorm.
func (s *Store) Pools() map[string]*sql.DB { return s.engine.named() }

// Close answers the calls of Record that are going on, takes no more of them, and closes the pools. No other method
// may be called afterwards, nor be going on.
func (s *Store) Close() error {
	s.group.close()
	return s.engine.close()
}

// SetClockOffset makes the store's clock, by which leases end and deliveries get due, differ from the database's.
// It is for tests, which cannot wait.
func (s *Store) SetClockOffset(offset time.Duration) { s.clockOffset.Store(int64(offset)) }

// now reads the store's clock, within tx.
func (s *Store) now(tx *gorm.DB) (instant, error) {
	now, err := s.engine.now(tx)
	if err != nil {
		return instant{}, fmt.Errorf("ask for the time: %w", err)
	}
	return s.adjusted(now), nil
}

func (s *Store) adjusted(now instant) instant {
	return instant{now.Add(time.Duration(s.clockOffset.Load()))}
}

// write runs do in one transaction that commits durably before write returns nil. What do returns
// otherwise comes back, the engine's errors translated, and nothing was written; unless it says that nobody knows. A
// transaction that was rolled back through no fault of its own, or of which nobody knows whether it was committed, is run
// again, from the beginning, until the caller's deadline: do must not rely on what an earlier run of it left behind, but
// must find what that may have committed.
func (s *Store) write(ctx context.Context, do func(tx *gorm.DB) error) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadlineOf(ctx))
	defer cancel()
	var unknown error
	return s.runUntilKnown(ctx, &unknown, do, s.runsAgain)
}

// deadlineOf returns when a write has to be done. It ends with that alone: a client that hangs up must not decide whether
// a commit succeeds.
func deadlineOf(ctx context.Context) time.Time {
	if deadline, given := ctx.Deadline(); given {
		return deadline
	}
	return time.Now().Add(writeTimeout)
}

// writeOnce runs do in one transaction, on a connection of its own. Where a commit waits for standbys, the transaction writes in
// any case: what do may only have read is not to be acknowledged before they have it, too.
func (s *Store) writeOnce(ctx context.Context, do func(tx *gorm.DB) error) error {
	return s.writer.WithContext(ctx).Connection(func(session *gorm.DB) error {
		tx := session.Session(&gorm.Session{NewDB: true}).Begin()
		if tx.Error != nil {
			return tx.Error
		}
		finished := false
		defer func() {
			if !finished {
				tx.Rollback() // its error adds nothing: the connection is dropped when it fails
			}
		}()
		if err := do(tx); err != nil {
			return err
		}
		if s.engine.awaitsStandbys() {
			if err := s.engine.writeSomething(tx); err != nil {
				return err
			}
		}
		if err := s.requireDurable(); err != nil {
			return err
		}
		finished = true
		_ = s.engine.confirmed(session) // what a statement warned of is not about the commit
		err := tx.Commit().Error
		if err == nil {
			err = s.engine.confirmed(session)
		}
		return s.committed(err)
	})
}

// writeUnlocked runs do, which writes with one statement, on one session without a transaction, by ctx's deadline alone.
func (s *Store) writeUnlocked(ctx context.Context, do func(session *gorm.DB) error) error {
	if err := s.requireSchema(ctx); err != nil {
		return err
	}
	return s.translate(s.writer.WithContext(ctx).Connection(func(session *gorm.DB) error {
		limited, release := s.engine.limit(session.Session(&gorm.Session{NewDB: true}))
		defer release()
		return do(limited)
	}))
}

// read returns the pool for reads, once the schema is there to be read.
func (s *Store) read(ctx context.Context) (*gorm.DB, error) {
	if err := s.requireSchema(ctx); err != nil {
		return nil, err
	}
	return s.reader.WithContext(ctx), nil
}

// requireSchema refuses work, as something that will pass, until the schema is at least what this binary
// needs. It does not ask again afterwards: migrations only add.
func (s *Store) requireSchema(ctx context.Context) error {
	if s.schemaServes.Load() {
		return nil
	}
	if err := s.checkSchema(ctx); err != nil {
		return delivery.Unavailable(err)
	}
	s.schemaServes.Store(true)
	return nil
}

// requireDurable refuses to acknowledge what the database may lose, unless the deployment accepts that.
func (s *Store) requireDurable() error {
	if err := s.engine.lossy(); err != nil && !s.options.AllowLossy {
		return delivery.Unavailable(err)
	}
	return nil
}

// Ready returns nil when the database answers, its schema is at least what this binary needs, and it takes
// writes, has room for them and keeps what is acknowledged; else an *UnavailableError.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.checkSchema(ctx); err != nil {
		return delivery.Unavailable(err)
	}
	if err := s.engine.checkWritable(ctx, s.prober.WithContext(ctx)); err != nil {
		return delivery.Unavailable(err)
	}
	if err := s.checkStorage(ctx); err != nil {
		return delivery.Unavailable(err)
	}
	return s.requireDurable()
}
