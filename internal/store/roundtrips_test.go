package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// What is asked for all the time costs the database one statement.
func TestReads_TakeOneRoundTrip(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		recorded, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.requireSchema(t.Context()); err != nil {
			t.Fatal(err)
		}
		statements := 0
		count := func(db *gorm.DB) {
			if !db.DryRun { // as a part of another statement is built
				statements++
			}
		}
		callbacks := s.reader.Callback()
		for _, register := range []func(string, func(*gorm.DB)) error{
			callbacks.Query().Before("gorm:query").Register, callbacks.Row().Before("gorm:row").Register, callbacks.Raw().Before("gorm:raw").Register,
		} {
			if err := register("test:round trips", count); err != nil {
				t.Fatal(err)
			}
		}
		for name, read := range map[string]func(ctx context.Context) (found bool, err error){
			"document": func(ctx context.Context) (bool, error) {
				document, err := s.Document(ctx, documentID)
				return len(document.Deliveries) > 0 && !document.AsOf.IsZero(), err
			},
			"deliveries of a document": func(ctx context.Context) (bool, error) {
				page, err := s.Attempts(ctx, delivery.AttemptQuery{DocumentID: documentID, OfDocument: true, Limit: 20})
				return len(page.Attempts) == 1, err
			},
			"empty list of a document": func(ctx context.Context) (bool, error) {
				page, err := s.Attempts(ctx, delivery.AttemptQuery{DocumentID: documentID, OfDocument: true, ExecutionID: "run-2", Limit: 20})
				return len(page.Attempts) == 0, err
			},
			"list of no document": func(ctx context.Context) (bool, error) {
				_, err := s.Attempts(ctx, delivery.AttemptQuery{DocumentID: "nowhere", OfDocument: true, Limit: 20})
				if errors.Is(err, delivery.ErrDocumentNotFound) {
					return true, nil
				}
				return false, err
			},
			"attempt": func(ctx context.Context) (bool, error) {
				attempt, err := s.Attempt(ctx, recorded[0].Attempt.ID)
				return attempt.ExecutionID == "run-1", err
			},
		} {
			statements = 0
			if found, err := read(t.Context()); err != nil || !found || statements != 1 {
				t.Error(fmt.Errorf("%s: found is %t after %d statements: %w", name, found, statements, err))
			}
		}
	})
}
