package store

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A client that hangs up must not decide a commit.
func TestWrites_GoOnWhenTheCallerHasGone(t *testing.T) {
	key := apikey.Key{ID: "0123456789abcdef", Kind: apikey.Live, Name: "worker", Scopes: apikey.Scopes(), CreatedAt: recordedAt(0)}
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		gone := cancelled(t)
		if _, created, err := s.PutDocument(gone, documentID, delivery.Registration{Stage: delivery.Reviewed}, nil); err != nil || !created {
			t.Errorf("PutDocument: created %t, error %v", created, err)
		}
		a := failedAttempt(1, "run-1", documentID, "dynamics365")
		if results, err := s.Record(gone, []delivery.Attempt{a}, nil); err != nil || results[0].Result != delivery.Created {
			t.Errorf("Record: got %+v, error %v", results, err)
		}
		if err := s.AddKey(gone, key, "tests"); err != nil {
			t.Errorf("AddKey: %v", err)
		}
		if err := s.RevokeKey(gone, key.ID, recordedAt(1), "tests"); err != nil {
			t.Errorf("RevokeKey: %v", err)
		}

		if _, err := s.Attempt(t.Context(), a.ID); err != nil {
			t.Errorf("the attempt: %v", err)
		}
		if read, err := s.Key(t.Context(), key.ID); err != nil || !read.RevokedAt.Equal(recordedAt(1)) {
			t.Errorf("the key: %+v, error %v", read, err)
		}
	})
}

func TestRecord_GoesOnWhenTheCallerGoesInItsMidst(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		// Attempts are added near the transaction's end: by gorm's own statement or, on PostgreSQL, one of ours.
		callbacks := s.writer.Callback()
		for _, register := range []func(string, func(*gorm.DB)) error{
			callbacks.Create().Before("gorm:create").Register, callbacks.Row().Before("gorm:row").Register,
		} {
			if err := register("test:hang_up", func(*gorm.DB) { hangUp() }); err != nil {
				t.Fatal(err)
			}
		}
		a := failedAttempt(1, "run-1", documentID, "dynamics365")
		if results, err := s.Record(ctx, []delivery.Attempt{a}, nil); err != nil || results[0].Result != delivery.Created {
			t.Errorf("got %+v, error %v", results, err)
		}
		if ctx.Err() == nil {
			t.Fatal("nobody hung up")
		}
		if _, err := s.Attempt(t.Context(), a.ID); err != nil {
			t.Errorf("the attempt: %v", err)
		}
	})
}

func TestReads_EndWhenTheCallerHasGone(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		a := failedAttempt(1, "run-1", documentID, "dynamics365")
		if _, err := s.Record(t.Context(), []delivery.Attempt{a}, nil); err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func(ctx context.Context) error{
			"Attempt": func(ctx context.Context) error { _, err := s.Attempt(ctx, a.ID); return err },
			"Attempts": func(ctx context.Context) error {
				_, err := s.Attempts(ctx, delivery.AttemptQuery{DocumentID: documentID, Limit: 1})
				return err
			},
			"Document": func(ctx context.Context) error { _, err := s.Document(ctx, documentID); return err },
			"Key":      func(ctx context.Context) error { _, err := s.Key(ctx, "0123456789abcdef"); return err },
			"Keys":     func(ctx context.Context) error { _, err := s.Keys(ctx); return err },
			"Ready":    s.Ready,
		} {
			if err := read(cancelled(t)); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: got %v, want it cancelled", name, err)
			}
		}
	})
}
