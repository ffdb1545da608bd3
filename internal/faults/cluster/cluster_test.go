//go:build faults

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/numora/delivery/internal/faults/cluster"
)

// shared is the cluster of all tests: each leaves it as it was, or the next one fails.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	if os.Getenv(killedVariable) != "" {
		beKilled()
	}
	var err error
	if shared, err = cluster.Start(context.Background(), cluster.Options{MaxConnections: 20}); err != nil {
		panic(err)
	}
	code := m.Run()
	if code != 0 {
		fmt.Println(shared.Log())
	}
	if err := shared.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect connects as a server does.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), cluster.ServerURL(shared.Address())+"&application_name=numora-delivery")
	check(t, err)
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

// works makes sure that the server takes writes, and kept what was written before.
func works(t *testing.T) {
	t.Helper()
	connection := connect(t)
	var before, after int
	_, err := connection.Exec(t.Context(), "CREATE TABLE IF NOT EXISTS kept (n int)")
	check(t, err)
	check(t, connection.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&before))
	_, err = connection.Exec(t.Context(), "INSERT INTO kept VALUES (1)")
	check(t, err)
	check(t, connection.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&after))
	if after != before+1 || after < kept {
		t.Errorf("there are %d rows after %d, and at least %d were kept", after, before, kept)
	}
	kept = after
	check(t, connection.Close(t.Context()))
}

var kept int

func code(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code
	}
	return fmt.Sprint(err)
}

func TestStart_DurableAndRefusesMore(t *testing.T) {
	works(t)
	connection := connect(t)
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "20", "listen_addresses": "127.0.0.1", "is_superuser": "off",
	} {
		var got string
		check(t, connection.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got))
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestStart_DirectoriesAndSettings(t *testing.T) {
	folder, err := os.MkdirTemp("/tmp", "faults-test-")
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(folder)) })
	check(t, os.Chmod(folder, 0o755))
	data, log := filepath.Join(folder, "data"), filepath.Join(folder, "wal")
	c, err := cluster.Start(t.Context(), cluster.Options{DataDirectory: data, WALDirectory: log, Settings: map[string]string{"work_mem": "5MB"}})
	check(t, err)
	defer func() { check(t, c.Close()) }()
	connection, err := pgx.Connect(t.Context(), c.URL())
	check(t, err)
	var got string
	check(t, connection.QueryRow(t.Context(), "SHOW work_mem").Scan(&got))
	if files, err := filepath.Glob(filepath.Join(log, "0*")); got != "5MB" || err != nil || len(files) == 0 {
		t.Errorf("work_mem is %s, and in the log's directory is %v (%v)", got, files, err)
	}
	check(t, connection.Close(t.Context()))
}

func TestStops(t *testing.T) {
	for name, stop := range map[string]func() error{
		"Fast": shared.FastStop, "Immediate": shared.ImmediateStop, "KillPostmaster": shared.KillPostmaster,
	} {
		t.Run(name, func(t *testing.T) {
			works(t)
			connection := connect(t)
			check(t, stop())
			if err := connection.Ping(t.Context()); err == nil {
				t.Error("a session has survived")
			}
			if shared.Running() {
				t.Error("it runs")
			}
			if _, err := pgx.Connect(t.Context(), shared.URL()); err == nil {
				t.Error("it accepts connections")
			}
			before := time.Now()
			accepting, err := shared.StartAgain(t.Context())
			check(t, err)
			if accepting.Before(before) || accepting.After(time.Now()) {
				t.Errorf("accepts connections since %s", accepting)
			}
			works(t)
		})
	}
}

// A session that is at work does not notice by itself that the postmaster is gone.
func TestKillPostmaster_SessionAtWork_IsMadeToEnd(t *testing.T) {
	connection := connect(t)
	ended := make(chan error, 1)
	go func() {
		_, err := connection.Exec(context.WithoutCancel(t.Context()), "DO $$ BEGIN LOOP END LOOP; END $$")
		ended <- err
	}()
	awaitActive(t)
	check(t, shared.KillPostmaster())
	if err := <-ended; err == nil {
		t.Error("the loop came to an end")
	}
	_, err := shared.StartAgain(t.Context())
	check(t, err)
	works(t)
}

// awaitActive waits until a server's session is at work.
func awaitActive(t *testing.T) {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), shared.URL())
	check(t, err)
	for active := false; !active; {
		check(t, connection.QueryRow(t.Context(),
			"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'numora-delivery' AND state = 'active')").Scan(&active))
	}
	check(t, connection.Close(t.Context()))
}

func TestKillBackend(t *testing.T) {
	if _, err := shared.KillBackend(t.Context()); err == nil {
		t.Error("there was none to kill, and one was killed")
	}
	first, second := connect(t), connect(t)
	pid, err := shared.KillBackend(t.Context())
	check(t, err)
	if got := uint32(pid); got != first.PgConn().PID() && got != second.PgConn().PID() {
		t.Errorf("%d was killed, which is none of the servers' sessions", got)
	}
	_, err = shared.Ready(t.Context())
	check(t, err)
	for _, connection := range []*pgx.Conn{first, second} {
		if err := connection.Ping(t.Context()); err == nil {
			t.Error("a session has survived")
		}
	}
	works(t)
}

func TestFreeze(t *testing.T) {
	connection := connect(t)
	check(t, shared.Freeze())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := pgx.Connect(ctx, shared.URL()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("to a new connection it says %v", err)
	}
	answered := make(chan error, 1)
	go func() { answered <- connection.Ping(context.WithoutCancel(t.Context())) }()
	select {
	case err := <-answered:
		t.Errorf("a session was answered: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	check(t, shared.Thaw())
	if err := <-answered; err != nil {
		t.Errorf("after the thaw the session got %v", err)
	}
	check(t, shared.Thaw()) // once more does nothing
	works(t)
}

func TestExhaustConnections(t *testing.T) {
	admin, err := pgx.Connect(t.Context(), shared.URL())
	check(t, err)
	held := connect(t)
	release, err := shared.ExhaustConnections(t.Context())
	check(t, err)
	refused := func() string {
		connection, err := pgx.Connect(t.Context(), cluster.ServerURL(shared.Address()))
		if err == nil {
			check(t, connection.Close(t.Context()))
		}
		return code(err)
	}
	if got := refused(); got != "53300" {
		t.Errorf("a connection more: %s", got)
	}
	if count, err := shared.Connections(t.Context()); err != nil || count != 1 {
		t.Errorf("the harness is told of %d sessions, %v", count, err)
	}
	// What a server gives back is taken.
	taken := func() (count int) {
		check(t, admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = 'numora' AND application_name = ''").Scan(&count))
		return count
	}
	before := taken()
	check(t, held.Close(t.Context()))
	for deadline := time.Now().Add(10 * time.Second); taken() != before+1; {
		if time.Now().After(deadline) {
			t.Fatalf("what was given back is not taken: %d before, %d now", before, taken())
		}
	}
	if got := refused(); got != "53300" {
		t.Errorf("after one was given back: %s", got)
	}
	check(t, admin.Close(t.Context()))
	release()
	works(t)
}

func TestLockTable(t *testing.T) {
	works(t)
	connection := connect(t)
	release, err := shared.LockTable(t.Context(), "kept")
	check(t, err)
	_, err = connection.Exec(t.Context(), "SET lock_timeout = '100ms'")
	check(t, err)
	if _, err := connection.Exec(t.Context(), "SELECT FROM kept"); code(err) != "55P03" {
		t.Errorf("a read of the locked table: %v", err)
	}
	check(t, release())
	works(t)
	if _, err := shared.LockTable(t.Context(), "not there"); err == nil {
		t.Error("a table that is not there was locked")
	}
}

func TestTerminateBackends(t *testing.T) {
	first, second := connect(t), connect(t)
	count, err := shared.TerminateBackends(t.Context())
	check(t, err)
	if count != 2 {
		t.Errorf("%d sessions were ended", count)
	}
	for _, connection := range []*pgx.Conn{first, second} {
		if err := connection.Ping(t.Context()); code(err) != "57P01" {
			t.Errorf("a session is told %v", err)
		}
	}
	works(t)
}
