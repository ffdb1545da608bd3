package store

import (
	"testing"

	"github.com/numora/delivery/internal/delivery"
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
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
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
