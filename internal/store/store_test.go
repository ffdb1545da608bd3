package store_test

import (
	"testing"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/store/storetest"
)

// open opens and migrates the database that url names; it is closed with the test.
func open(t *testing.T, url string) *store.Store {
	t.Helper()
	return openWith(t, url, store.Options{Create: true})
}

func openWith(t *testing.T, url string, options store.Options) *store.Store {
	t.Helper()
	s := openUnmigrated(t, url, options)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func openUnmigrated(t *testing.T, url string, options store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance_SQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, storetest.SQLite(t)) })
}

func TestConformance_Postgres(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t, storetest.Postgres(t)) })
}

// As the role that servers connect as where another one owns the tables.
func TestConformance_PostgresApplicationRole(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return openAsApplication(t, store.Options{}) })
}

// openAsApplication opens a new database, which its owner has migrated, as a role that owns nothing.
func openAsApplication(t *testing.T, options store.Options) *store.Store {
	t.Helper()
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	openWith(t, url, store.Options{ApplicationRole: application.Name})
	return openUnmigrated(t, application.URL, options)
}

func TestMachine_SQLite(t *testing.T) {
	storetest.Machine(t, func(t *testing.T, retry delivery.RetryPolicies) storetest.Store {
		return openWith(t, storetest.SQLite(t), store.Options{Create: true, Retry: retry})
	})
}

func TestMachine_Postgres(t *testing.T) {
	storetest.Machine(t, func(t *testing.T, retry delivery.RetryPolicies) storetest.Store {
		return openWith(t, storetest.Postgres(t), store.Options{Retry: retry})
	})
}

func TestMachine_PostgresApplicationRole(t *testing.T) {
	storetest.Machine(t, func(t *testing.T, retry delivery.RetryPolicies) storetest.Store {
		return openAsApplication(t, store.Options{Retry: retry})
	})
}
