package store

import (
	"context"
	"database/sql"
	neturl "net/url"
	"os"
	"path"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// A newer version of the server adds to the schema while this one serves: nothing of this one fails.
func TestServing_ASchemaThatGrows(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		serve := func(n int) {
			t.Helper()
			for i := range 3 * sqliteReaders { // enough for every connection to have its plans
				a := failedAttempt(n+i, "run-"+string(rune('A'+n+i)), documentID, "dynamics365")
				if results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil); err != nil || results[0].Result != delivery.Created {
					t.Fatalf("Record: %+v, %v", results, err)
				}
				if _, err := s.Document(t.Context(), documentID); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Attempts(t.Context(), delivery.AttemptQuery{DocumentID: documentID, Limit: 5}); err != nil {
					t.Fatal(err)
				}
			}
		}
		serve(0)
		for _, table := range []string{"documents", "deliveries", "delivery_attempts", "api_keys"} {
			statement := "ALTER TABLE " + table + " ADD COLUMN of_a_newer_version text"
			if s.writer.Name() == "postgres" {
				storetest.AsOwner(t, url, statement)
			} else {
				run(t, s, statement)
			}
		}
		serve(100)
	})
}

// Without a schema nothing is a bug of ours: it will pass, once somebody has migrated.
func TestServing_BeforeTheSchemaIsThere_IsUnavailable(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := opened(t, url, Options{Create: true})
		_, err := s.Document(t.Context(), documentID)
		checkNotExecuted(t, err)
		_, err = s.Key(t.Context(), "0123456789abcdef")
		checkNotExecuted(t, err)
		_, err = s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
		checkNotExecuted(t, err)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		register(t, s)
	})
}

// A primary that was read-only, as after a failover, is written to again as soon as it can be, without a
// restart: what a session was told when it began must not outlive the state of the server.
func TestPostgres_ReadOnlyForAWhile_IsUnavailableThatLong(t *testing.T) {
	url := applicationURL(t)
	register(t, migrated(t, url))
	set(t, url, "default_transaction_read_only", "on")
	s := opened(t, url, Options{})
	_, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
	checkNotExecuted(t, err)
	checkNotExecuted(t, s.Ready(t.Context()))
	name := path.Base(parse(t, url).Path) // from another database: this one takes no writes, not even this
	administer(t, os.Getenv(storetest.PostgresVariable), "ALTER DATABASE "+name+" RESET default_transaction_read_only")
	if _, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil); err != nil {
		t.Errorf("Record: %v", err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

// To accept a lossy database is not to accept one that takes no writes or does not answer.
func TestPostgres_LossyAllowed_IsStillHeldToTheRest(t *testing.T) {
	url := storetest.Postgres(t)
	migrated(t, url)
	set(t, url, "default_transaction_read_only", "on")
	checkNotExecuted(t, opened(t, url, Options{AllowLossy: true}).Ready(t.Context()))
}

// What a session set by itself is not changed under it when the server's configuration is reloaded.
func TestPostgres_Sessions_OwnTheirDurability(t *testing.T) {
	s := opened(t, applicationURL(t), Options{})
	everyConnection(t, s.writer, func(name string, conn *sql.Conn) {
		var source string
		err := conn.QueryRowContext(t.Context(), "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'").Scan(&source)
		if err != nil || source != "session" {
			t.Errorf("%s: synchronous_commit comes from %q (%v), want the session", name, source, err)
		}
	})
}

// A probe that waited for the connections that reports wait for would take every replica out of service for one
// lock.
func TestPostgres_Ready_DoesNotWaitForReports(t *testing.T) {
	s := opened(t, applicationURL(t), Options{Connections: 1})
	held := s.writer.WithContext(t.Context()).Begin() // all of the pool
	defer held.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

// Rights that were taken away will be given back: no worker made a mistake, nor did we.
func TestPostgres_RightsTaken_IsUnavailable(t *testing.T) {
	url := storetest.Postgres(t)
	register(t, migrated(t, url))
	administer(t, url, "CREATE ROLE "+path.Base(parse(t, url).Path)+" LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+path.Base(parse(t, url).Path))
	weak := parse(t, url)
	weak.User = neturl.User(path.Base(weak.Path))
	_, err := opened(t, weak.String(), Options{}).Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
	checkNotExecuted(t, err)
	administer(t, url, "DROP OWNED BY "+path.Base(weak.Path), "DROP ROLE "+path.Base(weak.Path))
}
