package store

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"

	"github.com/numora/delivery/internal/store/storetest"
)

func TestMigrate_Again_ChangesNothing(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		before := appliedMigrations(t, s)
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after := appliedMigrations(t, s); after != before {
			t.Errorf("%d migrations are noted, %d before", after, before)
		}
		if _, err := s.Document(t.Context(), documentID); err != nil {
			t.Errorf("what was registered before: %v", err)
		}
	})
}

func appliedMigrations(t *testing.T, s *Store) (n int64) {
	t.Helper()
	if err := s.reader.Model(&migrationRow{}).Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// Replicas start together, and each opens the fresh database and brings its schema up.
func TestMigrate_ManyStartersAtOnce_AllSucceed(t *testing.T) {
	for name, starters := range map[string]int{"Two": 2, "Eight": 8} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Engines(t, func(t *testing.T, url string) {
				errs := make([]error, starters)
				start := make(chan struct{})
				var running sync.WaitGroup
				for i := range starters {
					running.Go(func() {
						<-start
						errs[i] = startOnce(t.Context(), url)
					})
				}
				close(start)
				running.Wait()
				if err := errors.Join(errs...); err != nil {
					t.Error(err)
				}
				// Goose notes its own beginning as version 0.
				if n := appliedMigrations(t, opened(t, url, Options{Create: true})); n != schemaVersion+1 {
					t.Errorf("%d migrations are noted, want each once", n)
				}
			})
		})
	}
}

// startOnce does what a server does until it is ready, and stops.
func startOnce(ctx context.Context, url string) error {
	s, err := Open(url, Options{Create: true})
	if err != nil {
		return err
	}
	if err = s.Migrate(ctx); err == nil {
		err = s.Ready(ctx)
	}
	return errors.Join(err, s.Close())
}

// Starters that race do not meet each time; this one does.
func TestMigrate_WhileAnotherMigrates_Waits(t *testing.T) {
	holds := map[string]func(t *testing.T, url string) (release func()){
		"sqlite": func(t *testing.T, url string) func() {
			held := flock.New(strings.TrimPrefix(url, "sqlite:") + ".lock")
			if locked, err := held.TryLock(); err != nil || !locked {
				t.Fatalf("locked %t, error %v", locked, err)
			}
			return func() {
				if err := held.Unlock(); err != nil {
					t.Error(err)
				}
			}
		},
		"postgres": func(t *testing.T, url string) func() {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock($1)", lock.DefaultLockID); err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock($1)", lock.DefaultLockID); err != nil {
					t.Error(err)
				}
				if err := conn.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		},
	}
	storetest.Engines(t, func(t *testing.T, url string) {
		s := opened(t, url, Options{Create: true})
		release := holds[s.writer.Name()](t, url)
		// However long it waits: it ends waiting, and has done nothing.
		brief, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := s.Migrate(brief); err == nil {
			t.Error("it did not wait")
		}
		if s.reader.Migrator().HasTable(&documentRow{}) {
			t.Error("it migrated beside the other")
		}
		release()
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("after the other: %v", err)
		}
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("after the other: %v", err)
		}
	})
}

func TestReady_EmptyDatabase_SaysWhatToRun(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		err := opened(t, url, Options{Create: true}).Ready(t.Context())
		if err == nil || !strings.Contains(err.Error(), "numora-delivery migrate") {
			t.Errorf("got %v, want an error that says what to run", err)
		}
		checkNotExecuted(t, err) // somebody else may be about to migrate: a server waits for it
	})
}

func TestReady_NewerSchema_IsReady(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		run(t, s, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, ?)", schemaVersion+1, true)
		if err := s.Ready(t.Context()); err != nil {
			t.Error(err)
		}
		// An older replica that starts only now has nothing to do.
		if err := s.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestReady_OlderSchema_SaysWhatToRun(t *testing.T) {
	for name, note := range map[string]string{
		"NeverApplied": "DELETE FROM goose_db_version WHERE version_id = ?",
		"Withdrawn":    "UPDATE goose_db_version SET is_applied = false WHERE version_id = ?",
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Engines(t, func(t *testing.T, url string) {
				s := migrated(t, url)
				run(t, s, note, schemaVersion)
				if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "numora-delivery migrate") {
					t.Errorf("got %v, want an error that says what to run", err)
				}
			})
		})
	}
}

// The number of the last migration is written down twice; what a binary brings must be what it needs.
func TestSchemaVersion_IsTheLastMigrationOfEachEngine(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		var version int64
		if err := s.reader.Model(&migrationRow{}).Select("max(version_id)").Row().Scan(&version); err != nil {
			t.Fatal(err)
		}
		if version != schemaVersion {
			t.Errorf("the last migration is %d, schemaVersion is %d", version, schemaVersion)
		}
	})
}

// Whoever watches a start that takes long must be able to see why.
func TestPostgres_MigrationThatWaitsForALock_SaysSo(t *testing.T) {
	url := storetest.Postgres(t)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	if _, err := other.Exec(t.Context(), "BEGIN; CREATE TABLE documents ()"); err != nil {
		t.Fatal(err)
	}
	told := 0
	s := opened(t, url, Options{MigrationWaits: func(reason error) {
		if errors.Is(reason, errLongMigration) {
			return // on a busy machine it takes long, too
		}
		told++
		if !strings.Contains(reason.Error(), "55P03") {
			t.Errorf("told %v", reason)
		}
		if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}})
	if err := s.Migrate(t.Context()); err != nil || told != 1 {
		t.Errorf("told %d times, then %v", told, err)
	}
}
