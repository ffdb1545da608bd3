package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// withHistory has one attempt and one audit entry recorded.
func withHistory(t *testing.T, s *Store) {
	t.Helper()
	register(t, s)
	if _, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil); err != nil {
		t.Fatal(err)
	}
	requeue := delivery.Requeue{ID: attemptID(2), DocumentID: documentID, Provider: "dynamics365", Reason: "by hand"}
	if _, err := s.Requeue(t.Context(), requeue); err != nil {
		t.Fatal(err)
	}
}

// allHistory is what is in the tables that only grow.
func allHistory(t *testing.T, s *Store) (attempts []attemptRow, entries []auditRow) {
	t.Helper()
	if err := errors.Join(s.writer.Find(&attempts).Error, s.writer.Find(&entries).Error); err != nil {
		t.Fatal(err)
	}
	if len(attempts) != 1 || len(entries) != 1 {
		t.Fatalf("%d attempts and %d audit entries", len(attempts), len(entries))
	}
	return attempts, entries
}

// changes are ways to rewrite history, of both engines and of one.
var changes = []struct{ engine, statement string }{
	{"", "UPDATE delivery_attempts SET status = 'skipped'"},
	{"", "UPDATE delivery_attempts SET recorded_by_name = recorded_by_name WHERE id = '" + attemptID(1) + "'"},
	{"", "DELETE FROM delivery_attempts"},
	{"", "UPDATE audit_entries SET reason = NULL"},
	{"", "DELETE FROM audit_entries WHERE id = '" + attemptID(2) + "'"},
	{"", "UPDATE audit_leaves SET number = number + 10"},
	{"", "DELETE FROM audit_leaves"},
	{"", "UPDATE audit_checkpoints SET note = ''"},
	{"", "DELETE FROM audit_checkpoints"},
	{"sqlite", "INSERT OR REPLACE INTO delivery_attempts SELECT * FROM delivery_attempts"},
	{"sqlite", "INSERT INTO delivery_attempts SELECT * FROM delivery_attempts WHERE true ON CONFLICT (id) DO UPDATE SET status = 'skipped'"},
	{"sqlite", "REPLACE INTO audit_entries SELECT * FROM audit_entries"},
	{"postgres", "INSERT INTO delivery_attempts SELECT * FROM delivery_attempts ON CONFLICT (id) DO UPDATE SET status = 'skipped'"},
	{"postgres", "TRUNCATE delivery_attempts"},
	{"postgres", "TRUNCATE audit_entries"},
	{"postgres", "TRUNCATE documents CASCADE"},
}

// What is recorded is neither changed nor taken away, also by who owns the tables.
func TestAppendOnly_HistoryIsNotRewritten(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		withHistory(t, s)
		sign, _ := signing(t)
		if sealed, _, err := s.Seal(t.Context(), sign); sealed != 2 || err != nil {
			t.Fatalf("sealed %d, error %v", sealed, err)
		}
		attempts, entries := allHistory(t, s)
		for _, change := range changes {
			if change.engine != "" && change.engine != s.writer.Name() {
				continue
			}
			modes := []string{""}
			if s.writer.Name() == "postgres" {
				modes = append(modes, "SET LOCAL session_replication_role = 'replica'") // in which most triggers do nothing
			}
			for _, mode := range modes {
				err := s.writer.Transaction(func(tx *gorm.DB) error {
					if mode != "" {
						if err := tx.Exec(mode).Error; err != nil {
							return err
						}
					}
					return tx.Exec(change.statement).Error
				})
				if !refused(err) {
					t.Errorf("%s %s: %v", mode, change.statement, err)
				}
			}
		}
		attemptsAfter, entriesAfter := allHistory(t, s)
		if attemptsAfter[0] != attempts[0] || entriesAfter[0] != entries[0] {
			t.Errorf("it was %+v, %+v and is %+v, %+v", attempts, entries, attemptsAfter, entriesAfter)
		}
	})
}

// refused tells whether a trigger refused a statement.
func refused(err error) bool {
	var postgres *pgconn.PgError
	var sqlite *modernc.Error
	return errors.As(err, &postgres) && postgres.Code == "23001" && strings.HasSuffix(postgres.Message, "is append-only") ||
		errors.As(err, &sqlite) && sqlite.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER
}

// The application's role may do what a server does, and is not able to rewrite history, nor to have that allowed.
func TestAppendOnly_ApplicationRole_CannotRewriteHistory(t *testing.T) {
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	owner := opened(t, url, Options{ApplicationRole: application.Name})
	if err := errors.Join(owner.Migrate(t.Context()), owner.Migrate(t.Context())); err != nil {
		t.Fatal(err)
	}
	s := opened(t, application.URL, Options{})
	withHistory(t, s)
	attempts, entries := allHistory(t, s)
	run(t, s, "GRANT ALL ON delivery_attempts, audit_entries TO CURRENT_USER") // which it has nothing of to give
	ownerRole := asked(t, s, "SELECT quote_ident(tableowner) FROM pg_tables WHERE tablename = 'delivery_attempts'")
	statements := []string{
		"UPDATE delivery_attempts SET status = 'skipped'", "UPDATE audit_entries SET reason = NULL",
		"INSERT INTO delivery_attempts SELECT * FROM delivery_attempts ON CONFLICT (id) DO UPDATE SET status = 'skipped'",
		"INSERT INTO audit_entries SELECT * FROM audit_entries ON CONFLICT (id) DO UPDATE SET reason = NULL",
		"DELETE FROM deliveries", "DELETE FROM documents", "DELETE FROM api_keys", "DELETE FROM claims", "TRUNCATE documents CASCADE",
		"CREATE OR REPLACE FUNCTION numora_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
		"ALTER FUNCTION numora_refuse_change() RENAME TO elsewhere", "DROP FUNCTION numora_refuse_change() CASCADE",
		"DROP INDEX delivery_attempts_execution_id_key", "DROP SCHEMA public CASCADE",
		"SET session_replication_role = 'replica'", "ALTER ROLE CURRENT_USER SUPERUSER", "SET ROLE " + ownerRole,
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)",
	}
	for _, table := range []string{"delivery_attempts", "audit_entries", "audit_leaves", "audit_checkpoints"} {
		for _, statement := range []string{
			"DELETE FROM %s", "TRUNCATE %s", "DROP TABLE %s", "DROP TABLE %s CASCADE", "ALTER TABLE %s ADD COLUMN note text", "ALTER TABLE %s DROP COLUMN request_id",
			"ALTER TABLE %s RENAME TO elsewhere", "ALTER TABLE %s OWNER TO CURRENT_USER", "ALTER TABLE %s ENABLE ROW LEVEL SECURITY",
			"ALTER TABLE %s DISABLE TRIGGER ALL", "ALTER TABLE %s DISABLE TRIGGER USER", "ALTER TABLE %s DISABLE TRIGGER numora_append_only",
			"DROP TRIGGER numora_append_only ON %s", "CREATE RULE r AS ON INSERT TO %s DO INSTEAD NOTHING",
			"CREATE TRIGGER t BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
		} {
			statements = append(statements, fmt.Sprintf(statement, table))
		}
	}
	for _, statement := range statements {
		var failure *pgconn.PgError
		if err := s.writer.Exec(statement).Error; !errors.As(err, &failure) || failure.Code != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if attemptsAfter, entriesAfter := allHistory(t, s); attemptsAfter[0] != attempts[0] || entriesAfter[0] != entries[0] {
		t.Errorf("it was %+v, %+v and is %+v, %+v", attempts, entries, attemptsAfter, entriesAfter)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Migrate(t.Context()); !errors.Is(err, ErrNotOwner) {
		t.Errorf("Migrate: %v", err)
	}
}

// Where anybody may make tables, as on PostgreSQL before 15, the application's role makes none that it would own.
func TestAppendOnly_ApplicationRole_MakesNoTables(t *testing.T) {
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	owner := opened(t, url, Options{ApplicationRole: application.Name})
	run(t, owner, "GRANT CREATE ON SCHEMA public TO PUBLIC")
	s := opened(t, application.URL, Options{ApplicationRole: application.Name})
	if err := s.Migrate(t.Context()); !errors.Is(err, ErrNotOwner) {
		t.Errorf("as the application's role: %v", err)
	}
	if err := errors.Join(owner.Migrate(t.Context()), s.Ready(t.Context())); err != nil {
		t.Error(err)
	}
	run(t, owner, "ALTER TABLE delivery_attempts OWNER TO "+application.Name)
	if err := owner.Migrate(t.Context()); !errors.Is(err, ErrApplicationOwns) {
		t.Errorf("with a table of the application's role: %v", err)
	}
}

// A server that finds tables of another role, which are not what it needs, waits for that role to migrate.
func TestAppendOnly_ApplicationRole_WaitsForItsOwnerToMigrate(t *testing.T) {
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	migrated(t, url)
	s := opened(t, application.URL, Options{})
	checkNotExecuted(t, s.Ready(t.Context())) // it has not been granted anything
	if err := opened(t, url, Options{ApplicationRole: application.Name}).Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

// Replicas that connect as the owner all grant at their start, perhaps at once.
func TestMigrate_ManyAtOnce_GrantTheApplicationRole(t *testing.T) {
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	migrated(t, url)
	var starts sync.WaitGroup
	for range 8 {
		s := opened(t, url, Options{ApplicationRole: application.Name})
		starts.Go(func() {
			for range 5 {
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	starts.Wait()
	if err := opened(t, application.URL, Options{}).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMigrate_ApplicationRoleThatThereIsNot_Fails(t *testing.T) {
	err := opened(t, storetest.Postgres(t), Options{ApplicationRole: "nobody\"; DROP TABLE documents; --"}).Migrate(t.Context())
	var failure *pgconn.PgError
	if !errors.As(err, &failure) || failure.Code != "42704" {
		t.Errorf("got %v", err)
	}
}

// What notes entries does so with the owner's rights, and must not be made to do anything else with them: not by a table of the
// same name, which a session may make for itself and PostgreSQL would find first.
func TestAppendOnly_ApplicationRole_CannotBorrowTheOwnersRights(t *testing.T) {
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	owner := opened(t, url, Options{ApplicationRole: application.Name})
	if err := owner.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := opened(t, application.URL, Options{})
	err := s.writer.WithContext(t.Context()).Connection(func(session *gorm.DB) error {
		session = session.Session(&gorm.Session{NewDB: true})
		for _, statement := range []string{
			"CREATE TEMP TABLE audit_unsealed (entry_id uuid PRIMARY KEY, recorded_at timestamptz)",
			"CREATE FUNCTION pg_temp.borrowed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ALTER TABLE public.delivery_attempts DISABLE TRIGGER numora_append_only; RETURN NULL; END'",
			"GRANT ALL ON pg_temp.audit_unsealed TO PUBLIC",
			"CREATE TRIGGER borrow AFTER INSERT ON pg_temp.audit_unsealed FOR EACH STATEMENT EXECUTE FUNCTION pg_temp.borrowed()",
			`INSERT INTO audit_entries (id, kind, forced, key_id, key_name, request_id, recorded_at) VALUES ('` + attemptID(1) + `', 'requeue', false, 'k', 'n', 'r', now())`,
		} {
			if err := session.Exec(statement).Error; err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if enabled := asked(t, owner, "SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'delivery_attempts'::regclass AND tgname = 'numora_append_only'"); enabled != "A" {
		t.Errorf("the trigger is %q", enabled)
	}
	if noted := asked(t, owner, "SELECT count(*) FROM audit_unsealed"); noted != "1" {
		t.Errorf("%s entries are noted", noted)
	}
	if rights := asked(t, owner, "SELECT has_function_privilege('"+application.Name+"', 'numora_unsealed()', 'EXECUTE')"); rights != "false" {
		t.Errorf("it may call the function: %s", rights)
	}
}
