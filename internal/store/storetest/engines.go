// Package storetest is what a store has to pass: a conformance suite of basic and concurrent cases that
// takes a factory, and fresh databases of both engines for tests of every package.
package storetest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresVariable names the environment variable with the URL of a PostgreSQL whose role may create
// databases. "make test" sets it.
const PostgresVariable = "NUMORA_TEST_POSTGRES_URL"

// Engines runs test on a fresh, empty database of each engine, given by its URL.
func Engines(t *testing.T, test func(t *testing.T, databaseURL string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite returns the URL of a file that does not exist yet; it goes with the test.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "numora.db")
}

// HasPostgres tells whether there is a PostgreSQL, for benchmarks: tests fail without one.
func HasPostgres() bool { return os.Getenv(PostgresVariable) != "" }

// Postgres returns the URL of a new database, which is dropped with the test. Without a server the test
// fails: what is not tested on PostgreSQL is not tested.
func Postgres(t testing.TB) string {
	t.Helper()
	return PostgresWith(t, "")
}

// PostgresWith is Postgres for a database that CREATE DATABASE makes with options.
func PostgresWith(t testing.TB, options string) string {
	t.Helper()
	server := os.Getenv(PostgresVariable)
	if server == "" {
		t.Fatalf("%s is not set; run the tests with \"make test\", which brings a PostgreSQL", PostgresVariable)
	}
	name := "test_" + strings.ToLower(rand.Text())
	administer(t, server, "CREATE DATABASE "+name+" "+options)
	t.Cleanup(func() { administer(t, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	database := parse(t, server)
	database.Path = "/" + name
	return database.String()
}

// Copy returns the URL of a copy of a database that nobody is connected to, by the same role. To copy one that is migrated
// takes a fraction of the time that migrating takes.
func Copy(t testing.TB, databaseURL string) string {
	t.Helper()
	original := parse(t, databaseURL)
	duplicate := parse(t, PostgresWith(t, "TEMPLATE "+path.Base(original.Path)))
	duplicate.User = original.User
	return duplicate.String()
}

// Role is a role of PostgreSQL that owns nothing.
type Role struct {
	Name string
	URL  string // of a database, by this role
}

// ApplicationRole makes a role that servers of a database may connect as. It goes with the test.
func ApplicationRole(t testing.TB, databaseURL string) Role {
	t.Helper()
	database := parse(t, databaseURL)
	name := "application_" + strings.ToLower(rand.Text())
	administer(t, databaseURL, "CREATE ROLE "+name+" LOGIN NOSUPERUSER")
	t.Cleanup(func() { administer(t, databaseURL, "DROP OWNED BY "+name+"; DROP ROLE "+name) })
	database.User = url.User(name)
	return Role{Name: name, URL: database.String()}
}

// AsOwner runs a statement as the owner of a database, whose URL may name another role.
func AsOwner(t testing.TB, databaseURL, statement string) {
	t.Helper()
	database := parse(t, databaseURL)
	database.User = parse(t, os.Getenv(PostgresVariable)).User
	administer(t, database.String(), statement)
}

func parse(t testing.TB, databaseURL string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// administer runs one statement on the server that serverURL names.
func administer(t testing.TB, serverURL, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, serverURL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, statement)
	if err != nil {
		t.Error(err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}
}
