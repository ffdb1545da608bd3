package store

import (
	"errors"
	"testing"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// opened is a store on the database that url names, as it is; it is closed with the test.
func opened(t *testing.T, url string, options Options) *Store {
	t.Helper()
	s, err := Open(url, options)
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

// migrated is a store on the database that url names, with its schema.
func migrated(t *testing.T, url string) *Store {
	t.Helper()
	s := opened(t, url, Options{Create: true})
	if err := s.Migrate(t.Context()); err != nil && !errors.Is(err, ErrNotOwner) { // then it is, see applicationURL
		t.Fatal(err)
	}
	return s
}

// applicationURL returns the URL of a new PostgreSQL database by a role that owns nothing of it, as servers best have. Its
// owner has migrated it.
func applicationURL(t *testing.T) string {
	t.Helper()
	url := storetest.Postgres(t)
	application := storetest.ApplicationRole(t, url)
	owner := opened(t, url, Options{ApplicationRole: application.Name})
	if err := owner.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return application.URL
}

// eachEngine runs test on a fresh database of each engine, on PostgreSQL by the application's role: for what servers do.
func eachEngine(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, storetest.SQLite(t)) })
	t.Run("postgres as the application's role", func(t *testing.T) { test(t, applicationURL(t)) })
}

// run runs one statement as the store's writer does.
func run(t *testing.T, s *Store, statement string, arguments ...any) {
	t.Helper()
	if err := s.writer.WithContext(t.Context()).Exec(statement, arguments...).Error; err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

const documentID = "4be38121-3791-4856-80d5-c57dbec2cf78"

// register registers the document as reviewed, to be delivered to dynamics365.
func register(t *testing.T, s *Store) {
	t.Helper()
	registration := delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}
	if _, _, err := s.PutDocument(t.Context(), documentID, registration, nil); err != nil {
		t.Fatal(err)
	}
}
