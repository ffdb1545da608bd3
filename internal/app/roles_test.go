package app_test

import (
	"strings"
	"testing"

	"github.com/numora/delivery/internal/store/storetest"
)

const allScopes = "delivery:write,delivery:read,delivery:requeue,documents:read,documents:write"

// onAnyDatabase runs test on each database, on PostgreSQL also as a role that owns nothing. The key has all scopes.
func onAnyDatabase(t *testing.T, test func(t *testing.T, databaseURL, key string)) {
	t.Helper()
	storetest.Engines(t, func(t *testing.T, databaseURL string) { test(t, databaseURL, newKey(t, databaseURL)) })
	runAsApplication(t, test)
}

// onEachEngine is onAnyDatabase, without the owner on PostgreSQL, for what takes long.
func onEachEngine(t *testing.T, test func(t *testing.T, databaseURL, key string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		databaseURL := storetest.SQLite(t)
		test(t, databaseURL, newKey(t, databaseURL))
	})
	runAsApplication(t, test)
}

func runAsApplication(t *testing.T, test func(t *testing.T, databaseURL, key string)) {
	t.Helper()
	t.Run("postgres as the application's role", func(t *testing.T) {
		_, application := roles(t)
		test(t, application.URL, newKeyFor(t, application.URL, "worker", allScopes))
	})
}

// roles has the owner of a new database migrate it for another role.
func roles(t *testing.T) (ownerURL string, application storetest.Role) {
	t.Helper()
	ownerURL = storetest.Postgres(t)
	application = storetest.ApplicationRole(t, ownerURL)
	migrateFor(t, ownerURL, application)
	return ownerURL, application
}

func migrateFor(t *testing.T, ownerURL string, application storetest.Role) {
	t.Helper()
	environment := []string{"NUMORA_DATABASE_URL=" + ownerURL, "NUMORA_APPLICATION_ROLE=" + application.Name}
	if _, stderr, code := run(t, t.TempDir(), environment, "migrate"); code != 0 {
		t.Fatalf("migrate: %s", stderr)
	}
}

// A role that owns nothing migrates nothing, and is told so.
func TestMigrate_AsTheApplicationsRole_Exit1(t *testing.T) {
	_, application := roles(t)
	_, stderr, code := run(t, t.TempDir(), []string{"NUMORA_DATABASE_URL=" + application.URL}, "migrate")
	if code != 1 || !strings.Contains(stderr, "the tables belong to another role, which has to migrate them") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

// The server that migrates as the owner gives the other role its rights just as well.
func TestServe_AsTheOwner_GrantsTheApplicationsRole(t *testing.T) {
	ownerURL := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, ownerURL)
	owner := startIn(t, t.TempDir(), "", []string{"NUMORA_DATABASE_URL=" + ownerURL, "NUMORA_APPLICATION_ROLE=" + application.Name}, "serve", "--listen", "127.0.0.1:0")
	owner.key = newKeyFor(t, application.URL, "worker", allScopes)
	owner.wants(201, "PUT", "/v1/documents/doc_1", `{"status":"reviewed"}`)
	server := start(t, application.URL, owner.key)
	server.wants(201, "POST", "/v1/documents/doc_1/delivery", report("run-1"))
}

func TestApplicationRole_WithSQLite_Exit2(t *testing.T) {
	environment := []string{"NUMORA_DATABASE_URL=" + storetest.SQLite(t), "NUMORA_APPLICATION_ROLE=numora_app"}
	for _, command := range []string{"migrate", "serve"} {
		if _, stderr, code := run(t, t.TempDir(), environment, command); code != 2 || !strings.Contains(stderr, "NUMORA_APPLICATION_ROLE") {
			t.Errorf("%s: exit code %d: %s", command, code, stderr)
		}
	}
}
