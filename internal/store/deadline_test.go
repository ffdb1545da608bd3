package store

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// The deadline of a request reaches the statement that waits for somebody else's lock: the write is given up for
// certain, and the next one succeeds.
func TestRecord_Deadline_EndsTheWaitingForALock(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
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
	eachEngine(t, func(t *testing.T, url string) {
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

// The connection keeps the deadline of what is recorded without a transaction: whoever waits for a server that does not
// answer is told in time that nobody knows, and the connection's next user has a deadline of its own.
func TestRecord_Deadline_IsKeptByTheConnection(t *testing.T) {
	url := applicationURL(t)
	register(t, migrated(t, url))
	s := opened(t, url, Options{Connections: 1})
	within := func(n int, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := s.Record(ctx, []delivery.Attempt{failedAttempt(n, fmt.Sprint("run-", n), documentID, "dynamics365")}, nil)
		return err
	}
	session := func() (pid int) {
		if err := s.writer.Raw("SELECT pg_backend_pid()").Row().Scan(&pid); err != nil {
			t.Error(err)
		}
		return pid
	}
	const limit = hurry + 300*time.Millisecond
	if err := within(1, limit); err != nil {
		t.Fatal(err)
	}
	before := session()
	run(t, s, fmt.Sprintf("SELECT pg_sleep(%f)", (limit+100*time.Millisecond).Seconds()))
	if after := session(); after != before {
		t.Error("the deadline of one who is done has ended the session")
	}

	storetest.AsOwner(t, url, "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'")
	storetest.AsOwner(t, url, "CREATE TRIGGER linger BEFORE INSERT ON delivery_attempts FOR EACH ROW EXECUTE FUNCTION linger()")
	began := time.Now()
	err := within(2, limit)
	var unavailable *delivery.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Outcome != delivery.OutcomeUnknown {
		t.Errorf("got %v, want the outcome to be unknown", err)
	}
	if took := time.Since(began); took < limit || took > limit+time.Second {
		t.Errorf("it took %s, and had %s", took, limit)
	}
	other := opened(t, url, Options{})
	run(t, other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO delivery_attempts%' AND pid <> pg_backend_pid()")
	storetest.AsOwner(t, url, "DROP TRIGGER linger ON delivery_attempts")
	if err := within(2, limit); err != nil {
		t.Errorf("sent again: %v", err)
	}
}
