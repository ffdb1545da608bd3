package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// held keeps the writers of a store's group busy, so that what is recorded meanwhile waits, until it is let go.
type held struct{ s *Store }

func hold(t *testing.T, s *Store) *held {
	t.Helper()
	waitUntil(t, "no writer", s, func(g *group) bool {
		if g.writers > 0 {
			return false // it is about to find that there is nothing more
		}
		g.writers = s.engine.writers()
		return true
	})
	return &held{s}
}

// release lets one writer take all that waits.
func (h *held) release() {
	h.s.group.mu.Lock()
	h.s.group.writers -= h.s.engine.writers() - 1
	h.s.group.mu.Unlock()
	h.s.group.write(nil)
}

// recorded is what one call of Record returned.
type recorded struct {
	result delivery.Recorded
	err    error
}

// recordHeld records attempts, each in a call of its own, which wait together in their order and are then let go.
func recordHeld(t *testing.T, s *Store, release func(h *held), attempts ...delivery.Attempt) []recorded {
	t.Helper()
	h := hold(t, s)
	answers := make([]recorded, len(attempts))
	var calls sync.WaitGroup
	for i, a := range attempts {
		calls.Go(func() {
			results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil)
			answers[i].err = err
			if err == nil {
				answers[i].result = results[0]
			}
		})
		waitUntil(t, fmt.Sprint(i+1, " submissions"), s, func(g *group) bool { return len(g.waiting) == i+1 })
	}
	release(h)
	calls.Wait()
	return answers
}

// waitUntil waits until something is so of the store's group.
func waitUntil(t *testing.T, what string, s *Store, isSo func(g *group) bool) {
	t.Helper()
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		s.group.mu.Lock()
		is := isSo(&s.group)
		s.group.mu.Unlock()
		if is {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// commits counts the transactions that record attempts.
func commits(t *testing.T, s *Store) func() int {
	t.Helper()
	var mu sync.Mutex
	count := 0
	look := func(db *gorm.DB) {
		mu.Lock()
		defer mu.Unlock()
		if db.Statement.Table == "delivery_attempts" || strings.Contains(db.Statement.SQL.String(), "INSERT INTO delivery_attempts") {
			count++
		}
	}
	callbacks := s.writer.Callback()
	for _, register := range []func(string, func(*gorm.DB)) error{
		callbacks.Create().Before("gorm:create").Register, callbacks.Row().Before("gorm:row").Register,
	} {
		if err := register("test:commits", look); err != nil {
			t.Fatal(err)
		}
	}
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

func TestGroup_WhatWaits_IsRecordedTogether_EachWithItsResult(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		first := failedAttempt(1, "run-1", documentID, "dynamics365")
		if _, err := s.Record(t.Context(), []delivery.Attempt{first}, nil); err != nil {
			t.Fatal(err)
		}
		count := commits(t, s)
		other := first
		other.ErrorMessage = "another"
		answers := recordHeld(t, s, (*held).release,
			failedAttempt(2, "run-2", documentID, "dynamics365"), first, other,
			failedAttempt(3, "run-3", "nobody", "dynamics365"),
			failedAttempt(4, "run-4", documentID, "dynamics365"), failedAttempt(5, "run-4", documentID, "dynamics365"))
		var got []delivery.Result
		for _, a := range answers {
			if a.err != nil {
				t.Fatal(a.err)
			}
			got = append(got, a.result.Result)
		}
		want := []delivery.Result{delivery.Created, delivery.Replayed, delivery.Conflicting, delivery.UnknownDocument, delivery.Created, delivery.Replayed}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if !answers[0].result.Attempt.RecordedAt.Before(answers[4].result.Attempt.RecordedAt) {
			t.Error("the order of recording is not that of coming")
		}
		if n := count(); n != 1 {
			t.Errorf("%d transactions added attempts, want 1", n)
		}
	})
}

// A value that the database refuses is a hole in validation. It must not take its neighbours with it.
func TestGroup_WhatCannotBeWritten_FailsAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		broken := failedAttempt(2, "run-2", documentID, "dynamics365")
		broken.Status = "nonsense"
		answers := recordHeld(t, s, (*held).release,
			failedAttempt(1, "run-1", documentID, "dynamics365"), broken, failedAttempt(3, "run-3", documentID, "dynamics365"))
		for i, failed := range []bool{false, true, false} {
			if (answers[i].err != nil) != failed {
				t.Errorf("report %d: error %v", i+1, answers[i].err)
			}
		}
		document, err := s.Document(t.Context(), documentID)
		if err != nil {
			t.Fatal(err)
		}
		if tries := document.Deliveries[0].Standing.Tries; tries != 2 {
			t.Errorf("%d tries, want 2", tries)
		}
	})
}

// A mistake in the code must not end the server, nor keep anybody waiting.
func TestGroup_WhatPanics_FailsAlone(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		bad := failedAttempt(2, "run-2", documentID, "dynamics365")
		panics := func(db *gorm.DB) {
			if strings.Contains(fmt.Sprint(db.Statement.Vars...)+fmt.Sprintf("%+v", db.Statement.Dest), bad.ExecutionID) {
				panic("a mistake")
			}
		}
		callbacks := s.writer.Callback()
		for _, register := range []func(string, func(*gorm.DB)) error{
			callbacks.Create().Before("gorm:create").Register, callbacks.Row().Before("gorm:row").Register,
		} {
			if err := register("test:panic", panics); err != nil {
				t.Fatal(err)
			}
		}
		answers := recordHeld(t, s, (*held).release, failedAttempt(1, "run-1", documentID, "dynamics365"), bad)
		if a := answers[0]; a.err != nil || a.result.Result != delivery.Created {
			t.Errorf("its neighbour: %+v", a)
		}
		if a := answers[1]; a.err == nil || !strings.Contains(a.err.Error(), "a mistake") {
			t.Errorf("the report that it befell: %+v", a)
		}
		if _, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(3, "run-3", documentID, "dynamics365")}, nil); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

// While somebody keeps a delivery locked, reports on other deliveries are recorded.
func TestGroup_WhatIsLocked_WaitsAlone(t *testing.T) {
	url := applicationURL(t)
	s := migrated(t, url)
	register(t, s)
	if _, _, err := s.PutDocument(t.Context(), "other", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}, nil); err != nil {
		t.Fatal(err)
	}
	other := opened(t, url, Options{})
	lock := other.writer.WithContext(t.Context()).Begin()
	if err := lock.Exec("SELECT FROM deliveries WHERE document_id = ? FOR UPDATE", documentID).Error; err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	answers := recordHeld(t, s, func(h *held) {
		h.release() // returns when the transaction of all has failed, and each is on its own
		go func() {
			defer close(done)
			for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
				if _, err := s.Attempt(t.Context(), failedAttempt(2, "run-2", "other", "dynamics365").ID); err == nil {
					break
				}
			}
			_ = lock.Rollback()
		}()
	}, failedAttempt(1, "run-1", documentID, "dynamics365"), failedAttempt(2, "run-2", "other", "dynamics365"))
	<-done
	for i, a := range answers {
		if a.err != nil || a.result.Result != delivery.Created {
			t.Errorf("report %d: %+v", i+1, a)
		}
	}
}

func TestGroup_WhatWaitsTooLong_IsTakenBack(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		register(t, s)
		h := hold(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		a := failedAttempt(1, "run-1", documentID, "dynamics365")
		_, err := s.Record(ctx, []delivery.Attempt{a}, nil)
		checkNotExecuted(t, err)
		h.release()
		if _, err := s.Attempt(t.Context(), a.ID); !errors.Is(err, delivery.ErrAttemptNotFound) {
			t.Errorf("what was taken back was recorded: %v", err)
		}
	})
}

func TestGroup_Closed_RecordsWhatWaits_AndNothingMore(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s, err := Open(url, Options{Create: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil && !errors.Is(err, ErrNotOwner) {
			t.Fatal(err)
		}
		register(t, s)
		var attempts []delivery.Attempt
		for i := range 300 { // more than fit into one transaction
			attempts = append(attempts, failedAttempt(i, fmt.Sprint("run-", i), documentID, "dynamics365"))
		}
		answers := recordHeld(t, s, func(h *held) {
			go h.release()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}, attempts...)
		again := opened(t, url, Options{})
		for i, a := range answers {
			if a.err != nil {
				t.Errorf("report %d: %v", i, a.err)
			} else if _, err := again.Attempt(t.Context(), attempts[i].ID); err != nil {
				t.Errorf("report %d was acknowledged and is lost: %v", i, err)
			}
		}
		_, err = s.Record(t.Context(), attempts[:1], nil)
		checkNotExecuted(t, err)
	})
}
