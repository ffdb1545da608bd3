//go:build faults

package wire_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/numora/delivery/internal/faults/cluster"
	"github.com/numora/delivery/internal/faults/wire"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	ctx := context.Background()
	var err error
	if shared, err = cluster.Start(ctx, cluster.Options{}); err != nil {
		panic(err)
	}
	connection, err := pgx.Connect(ctx, cluster.ServerURL(shared.Address()))
	if err == nil {
		_, err = connection.Exec(ctx, "CREATE TABLE delivery_attempts (id text PRIMARY KEY); CREATE TABLE deliveries (id int, n int); INSERT INTO deliveries VALUES (1, 0); CREATE TABLE claims (id text)")
	}
	if err != nil {
		panic(err)
	}
	_ = connection.Close(ctx)
	code := m.Run()
	if err := shared.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listen makes a proxy before a database without attempts.
func listen(t testing.TB) *wire.Proxy {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), shared.URL())
	check(t, err)
	_, err = connection.Exec(t.Context(), "TRUNCATE delivery_attempts")
	check(t, err)
	check(t, connection.Close(t.Context()))
	p, err := wire.Listen(shared.Address())
	check(t, err)
	t.Cleanup(func() { check(t, p.Close()) })
	return p
}

// pool is one of database/sql, as servers use it, with two connections that are open.
func pool(t testing.TB, p *wire.Proxy, notices *[]string) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(cluster.ServerURL(p.Address()))
	check(t, err)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { *notices = append(*notices, n.Code) }
	db := stdlib.OpenDB(*config)
	t.Cleanup(func() { check(t, db.Close()) })
	return db
}

// isThere answers whether an attempt is there, past the proxy, when nobody is at work on it any more.
func isThere(t testing.TB, id string) (there bool) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), shared.URL())
	check(t, err)
	defer func() { check(t, connection.Close(context.Background())) }()
	for busy := true; busy; {
		check(t, connection.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'numora' AND (state = 'active' OR xact_start IS NOT NULL))").Scan(&busy))
	}
	check(t, connection.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM delivery_attempts WHERE id = $1)", id).Scan(&there))
	return there
}

// keep is of the shape of the server's statement of that name.
const keep = `WITH moved AS (UPDATE deliveries SET n = n + 1 WHERE id = $1 RETURNING id),
	added AS (INSERT INTO delivery_attempts (id) SELECT $2 FROM moved)
	SELECT id FROM moved`

func keepAlone(ctx context.Context, db *sql.Conn, delivery int, id string) error {
	rows, err := db.QueryContext(ctx, keep, delivery, id)
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

func inTransaction(ctx context.Context, db *sql.Conn, id string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO "delivery_attempts" (id) VALUES ($1)`, id); err != nil {
		_ = tx.Rollback() // the connection is gone
		return err
	}
	return tx.Commit()
}

func isSprung(trap *wire.Trap) bool {
	select {
	case <-trap.Sprung():
		return true
	default:
		return false
	}
}

func TestPoints(t *testing.T) {
	ways := map[string]func(ctx context.Context, db *sql.Conn, id string) error{
		"transaction": inTransaction,
		"statement":   func(ctx context.Context, db *sql.Conn, id string) error { return keepAlone(ctx, db, 1, id) },
	}
	type sees struct{ fails, there, goesOn bool }
	for point, want := range map[wire.Point]sees{
		wire.AfterInsert:     {fails: true},
		wire.BeforeCommit:    {fails: true},
		wire.AfterForward:    {fails: true},
		wire.AnswerLost:      {fails: true, there: true},
		wire.WarningAtCommit: {there: true, goesOn: true},
		wire.ErrorAtCommit:   {fails: true, there: true},
	} {
		for way, write := range ways {
			if point == wire.AfterInsert && way == "statement" {
				continue // it has no such point
			}
			t.Run(string(point)+", "+way, func(t *testing.T) {
				p := listen(t)
				var notices []string
				db := pool(t, p, &notices)
				victim, err := db.Conn(t.Context())
				check(t, err)
				other, err := db.Conn(t.Context())
				check(t, err)
				check(t, write(t.Context(), victim, t.Name()+" prepared"))
				acted := 0
				trap := p.Arm(point, func() { acted++ })

				// Reading, and what writes nothing, does not spring it.
				var n int
				check(t, other.QueryRowContext(t.Context(), "SELECT count(*) FROM delivery_attempts").Scan(&n))
				reading, err := other.BeginTx(t.Context(), nil)
				check(t, err)
				check(t, reading.QueryRowContext(t.Context(), "SELECT n FROM deliveries FOR UPDATE").Scan(&n))
				check(t, reading.Commit())
				if isSprung(trap) {
					t.Fatal("it sprung on a read")
				}

				err = write(t.Context(), victim, t.Name())
				<-trap.Sprung()
				if acted != 1 || (err != nil) != want.fails {
					t.Errorf("acted %d times, and the server is told %v", acted, err)
				}
				var failure *pgconn.PgError
				if (point == wire.ErrorAtCommit) != (errors.As(err, &failure) && failure.Code == "57P01") {
					t.Errorf("the server is told %v", err)
				}
				if (point == wire.WarningAtCommit) != (len(notices) == 1 && notices[0] == "01000") {
					t.Errorf("the server is warned of %v", notices)
				}
				if there := isThere(t, t.Name()); there != want.there && point != wire.AfterForward {
					t.Errorf("the attempt is there: %t", there)
				}
				if err := victim.PingContext(t.Context()); (err == nil) != want.goesOn {
					t.Errorf("the connection: %v", err)
				}
				if trap.Disarm() {
					t.Error("it can be disarmed though it has sprung")
				}
				check(t, write(t.Context(), other, t.Name()+" other")) // and it does not spring again
				check(t, other.Close())
				_ = victim.Close() // it may be broken
			})
		}
	}
}

// A commit after which nothing is there to lose leaves the trap for the next.
func TestAnswerLost_NothingWritten_StaysArmed(t *testing.T) {
	p := listen(t)
	var notices []string
	connection, err := pool(t, p, &notices).Conn(t.Context())
	check(t, err)
	check(t, keepAlone(t.Context(), connection, 1, t.Name()))
	trap := p.Arm(wire.AnswerLost, nil)
	check(t, keepAlone(t.Context(), connection, 2, t.Name()+" no such delivery"))
	if err := keepAlone(t.Context(), connection, 1, t.Name()); err == nil {
		t.Error("the attempt was there, and is twice")
	}
	if isSprung(trap) {
		t.Fatal("it sprung though nothing was written")
	}
	if err := keepAlone(t.Context(), connection, 1, t.Name()+" again"); err == nil {
		t.Error("it did not spring")
	}
	<-trap.Sprung()
	_ = connection.Close() // it is broken
}

// An answer that comes in several parts is lost whole.
func TestAnswerLost_LargeAnswer(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	trap := p.Arm(wire.AnswerLost, nil)
	result := connection.PgConn().ExecParams(t.Context(), "INSERT INTO delivery_attempts SELECT 'large-' || n FROM generate_series(1, 20) AS n RETURNING id, repeat('x', 100000)", nil, nil, nil, nil)
	if result.NextRow() {
		t.Error("a part of the answer was forwarded")
	}
	if _, err := result.Close(); err == nil {
		t.Error("the answer was forwarded")
	}
	<-trap.Sprung()
}

// PostgreSQL says that a statement is done before it commits it, and that a transaction is committed after that.
func TestErrorAtCommit_ComesWherePostgreSQLCommits(t *testing.T) {
	p := listen(t)
	for _, test := range []struct {
		before string
		sends  []pgproto3.FrontendMessage
		done   bool // says that the statement is done
	}{
		{before: "SELECT", done: true, sends: []pgproto3.FrontendMessage{
			&pgproto3.Parse{Query: "INSERT INTO delivery_attempts VALUES ('statement')"}, &pgproto3.Bind{}, &pgproto3.Execute{}, &pgproto3.Sync{},
		}},
		{before: "BEGIN; INSERT INTO delivery_attempts VALUES ('transaction')", sends: []pgproto3.FrontendMessage{&pgproto3.Query{String: "COMMIT"}}},
	} {
		connection, err := pgconn.Connect(t.Context(), cluster.ServerURL(p.Address()))
		check(t, err)
		check(t, connection.Exec(t.Context(), test.before).Close())
		trap := p.Arm(wire.ErrorAtCommit, nil)
		for _, message := range test.sends {
			connection.Frontend().Send(message)
		}
		check(t, connection.Frontend().Flush())
		done, failed := false, false
		for {
			message, err := connection.Frontend().Receive()
			if err != nil {
				break // it is closed
			}
			switch message.(type) {
			case *pgproto3.CommandComplete:
				done = true
			case *pgproto3.ErrorResponse:
				failed = true
			case *pgproto3.ReadyForQuery:
				t.Errorf("after %s the session goes on", test.before)
			}
		}
		<-trap.Sprung()
		if !failed || done != test.done {
			t.Errorf("after %s: failed is %t, done %t", test.before, failed, done)
		}
	}
}

// Leases are commits as well.
func TestBeforeCommit_OtherTable(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	trap := p.Arm(wire.BeforeCommit, nil)
	if _, err := connection.Exec(t.Context(), "UPDATE claims AS c SET id = $1 WHERE id = $2", "a", "b"); err == nil {
		t.Error("it did not spring")
	}
	<-trap.Sprung()
}

func TestDisarm(t *testing.T) {
	p := listen(t)
	var notices []string
	connection, err := pool(t, p, &notices).Conn(t.Context())
	check(t, err)
	first := p.Arm(wire.BeforeCommit, nil)
	second := p.Arm(wire.AnswerLost, nil)
	if first.Disarm() {
		t.Error("the first was armed beside the second")
	}
	if !second.Disarm() || second.Disarm() {
		t.Error("the second was not armed, or still is")
	}
	check(t, inTransaction(t.Context(), connection, t.Name()))
	if isSprung(first) || isSprung(second) {
		t.Error("a disarmed trap has sprung")
	}
	check(t, connection.Close())
}

func TestCutAndRefuse(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	check(t, connection.Ping(t.Context()))
	if n := p.Connections(); n != 1 {
		t.Errorf("there are %d connections", n)
	}
	p.Refuse(true)
	check(t, connection.Ping(t.Context()))
	if _, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address())); err == nil {
		t.Error("a new connection was taken")
	}
	p.Cut()
	if err := connection.Ping(t.Context()); err == nil {
		t.Error("a connection has survived the cut")
	}
	p.Refuse(false)
	connection, err = pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	check(t, connection.Close(t.Context()))
	for p.Connections() > 0 {
	}
}

func TestSilence(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	p.Silence(true)
	var group sync.WaitGroup
	answered := make(chan error, 2)
	group.Go(func() { answered <- connection.Ping(t.Context()) })
	group.Go(func() {
		second, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
		if err == nil {
			err = second.Close(t.Context())
		}
		answered <- err
	})
	select {
	case err := <-answered:
		t.Errorf("something came through: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	p.Silence(false)
	group.Wait()
	for range 2 {
		check(t, <-answered)
	}
	check(t, connection.Close(t.Context()))
}

// A request that its caller gives up is cancelled by a connection of its own.
func TestCancel_PassesOn(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := connection.Exec(context.WithoutCancel(t.Context()), "SELECT pg_sleep(60)")
		ended <- err
	}()
	for {
		check(t, connection.PgConn().CancelRequest(t.Context()))
		select {
		case err := <-ended:
			if failure := (*pgconn.PgError)(nil); !errors.As(err, &failure) || failure.Code != "57014" {
				t.Errorf("got %v", err)
			}
			check(t, connection.Close(t.Context()))
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A result that is larger than everything that is read at once.
func TestLargeMessages(t *testing.T) {
	p := listen(t)
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(p.Address()))
	check(t, err)
	var n int
	check(t, connection.QueryRow(t.Context(), "SELECT length($1::text || repeat('x', 3000000))", string(make([]byte, 0))).Scan(&n))
	var text string
	check(t, connection.QueryRow(t.Context(), "SELECT repeat('x', 3000000)").Scan(&text))
	if n != 3000000 || len(text) != n {
		t.Errorf("got %d and %d bytes", n, len(text))
	}
	check(t, connection.Close(t.Context()))
}

func BenchmarkProxy(b *testing.B) {
	p := listen(b)
	b.RunParallel(func(parallel *testing.PB) {
		connection, err := pgx.Connect(b.Context(), cluster.ServerURL(p.Address()))
		check(b, err)
		for parallel.Next() {
			var n int
			check(b, connection.QueryRow(b.Context(), "SELECT $1::int", 1).Scan(&n))
		}
		check(b, connection.Close(b.Context()))
	})
}
