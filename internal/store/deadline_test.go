package store

import (
	"context"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// The deadline of a request reaches the statement that waits for somebody else's lock: the write is given up for
// certain, and the next one succeeds.
func TestRecord_Deadline_EndsTheWaitingForALock(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		other := opened(t, url, Options{})
		held := other.writer.WithContext(t.Context()).Begin() // on SQLite that is the write lock already
		if err := held.Exec("UPDATE deliveries SET updated_at = updated_at WHERE document_id = ?", documentID).Error; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		a := failedAttempt(1, "run-1", documentID, "dynamics365")
		_, err := s.Record(ctx, []delivery.Attempt{a}, nil)
		checkNotExecuted(t, err)
		deadline, _ := ctx.Deadline()
		if time.Now().Before(deadline) {
			t.Error("it was given up before its deadline")
		}
		if err := held.Rollback().Error; err != nil {
			t.Fatal(err)
		}
		if results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil); err != nil || results[0].Result != delivery.Created {
			t.Errorf("afterwards: %+v, %v", results, err)
		}
	})
}

func TestRecord_EveryStatement_HasTheDeadlineOfTheRequest(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		want, _ := ctx.Deadline()
		statements := 0
		look := func(db *gorm.DB) {
			statements++
			if got, limited := db.Statement.Context.Deadline(); !limited || !got.Equal(want) {
				t.Errorf("a statement may take until %v, want %v", got, want)
			}
		}
		callbacks := s.writer.Callback()
		for _, register := range []func(string, func(*gorm.DB)) error{
			callbacks.Query().Before("gorm:query").Register, callbacks.Create().Before("gorm:create").Register,
			callbacks.Update().Before("gorm:update").Register, callbacks.Row().Before("gorm:row").Register,
		} {
			if err := register("test:look", look); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Record(ctx, []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil); err != nil {
			t.Fatal(err)
		}
		if statements < 2 {
			t.Errorf("only %d statements were seen", statements)
		}
	})
}
