package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// meanwhile has something happen once, between the reading of deliveries and the statement that moves them on.
func meanwhile(t *testing.T, s *Store, happens func()) {
	t.Helper()
	var once sync.Once
	err := s.writer.Callback().Row().Before("gorm:row").Register("test:meanwhile", func(db *gorm.DB) {
		if strings.Contains(db.Statement.SQL.String(), "INSERT INTO delivery_attempts") {
			once.Do(happens)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is recorded without locks must be as if it had been recorded with them, whatever others do at the same time.
func TestRecord_WhoIsOvertaken_RecordsWhatIsSoAfterwards(t *testing.T) {
	const elsewhere = "elsewhere"
	mine := failedAttempt(1, "run-1", documentID, "dynamics365")
	another := failedAttempt(9, "run-9", documentID, "dynamics365")
	twin := failedAttempt(8, "run-1", documentID, "dynamics365")
	stranger := failedAttempt(7, "run-1", elsewhere, "dynamics365")
	for name, test := range map[string]struct {
		overtaking delivery.Attempt
		want       delivery.Result
		tries      int
	}{
		"ByAnotherReport":                     {another, delivery.Created, 2},
		"ByTheSameReport":                     {twin, delivery.Replayed, 1},
		"ByTheSameExecutionOfAnotherDocument": {stranger, delivery.Conflicting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.Postgres(t)
			s := migrated(t, url)
			register(t, s)
			for _, id := range []string{elsewhere, "neighbour"} {
				if _, _, err := s.PutDocument(t.Context(), id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}, nil); err != nil {
					t.Fatal(err)
				}
			}
			other := opened(t, url, Options{})
			meanwhile(t, s, func() {
				if results, err := other.Record(t.Context(), []delivery.Attempt{test.overtaking}, nil); err != nil || results[0].Result != delivery.Created {
					t.Errorf("who overtakes: %+v, %v", results, err)
				}
			})
			answers := recordHeld(t, s, (*held).release, mine, failedAttempt(2, "run-2", "neighbour", "dynamics365"))
			if a := answers[0]; a.err != nil || a.result.Result != test.want {
				t.Errorf("who is overtaken: %+v, want %s", a, test.want)
			}
			if a := answers[1]; a.err != nil || a.result.Result != delivery.Created {
				t.Errorf("its neighbour: %+v", a)
			}
			for id, tries := range map[string]int{documentID: test.tries, "neighbour": 1} {
				document, err := s.Document(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if got := document.Deliveries[0].Standing.Tries; got != tries {
					t.Errorf("%s: %d tries, want %d", id, got, tries)
				}
				page, err := s.Attempts(t.Context(), delivery.AttemptQuery{DocumentID: id, OfDocument: true, Limit: 20})
				if err != nil || len(page.Attempts) != tries {
					t.Errorf("%s: %d attempts (%v), want %d", id, len(page.Attempts), err, tries)
				}
			}
		})
	}
}

// The statement commits by itself: who loses the connection over it does not know what became of it.
func TestRecord_ConnectionLostOverTheStatement_LeavesTheOutcomeOpen(t *testing.T) {
	url := storetest.Postgres(t)
	s := migrated(t, url)
	register(t, s)
	other := opened(t, url, Options{})
	meanwhile(t, s, func() {
		run(t, other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")
	})
	a := failedAttempt(1, "run-1", documentID, "dynamics365")
	_, err := s.Record(t.Context(), []delivery.Attempt{a}, nil)
	var unavailable *delivery.UnavailableError
	if !errors.As(err, &unavailable) || unavailable.Outcome != delivery.OutcomeUnknown {
		t.Errorf("got %v, want the outcome to be unknown", err)
	}
	if results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil); err != nil || results[0].Result == delivery.Conflicting {
		t.Errorf("sent again: %+v, %v", results, err)
	}
}

func TestPostgres_WroteNothing_IsSaidOnlyOfWhatIsCertain(t *testing.T) {
	e := &postgresEngine{}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "55P03"}, true},
		{fmt.Errorf("wrapped: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "23514"}), true},
		{errTwinWon, true},
		{&pgconn.PgError{SeverityUnlocalized: "FATAL", Code: "57P01"}, false},
		{&pgconn.PgError{SeverityUnlocalized: "PANIC", Code: "XX000"}, false},
		{io.ErrUnexpectedEOF, false},
		{context.DeadlineExceeded, false},
	} {
		if got := e.wroteNothing(test.err); got != test.want {
			t.Errorf("%v: %t, want %t", test.err, got, test.want)
		}
	}
}

// Few in a transaction cost nearly what many do: what is less than what is being written, waits for more or for that.
func TestGroup_AnotherWriter_BeginsWhenAsMuchWaitsAsIsBeingWritten(t *testing.T) {
	s := migrated(t, storetest.Postgres(t))
	register(t, s)
	busy := func(writers, writing int) {
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		s.group.writers, s.group.writing = writers, writing
	}
	busy(1, 2)
	var calls sync.WaitGroup
	for i := range 2 {
		calls.Go(func() {
			if _, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(i, fmt.Sprint("run-", i), documentID, "dynamics365")}, nil); err != nil {
				t.Error(err)
			}
		})
		if i == 0 {
			waitUntil(t, "the first to wait", s, func(g *group) bool { return len(g.waiting) == 1 && g.writers == 1 })
		}
	}
	calls.Wait()
	waitUntil(t, "the second writer to end", s, func(g *group) bool { return g.writers == 1 && g.writing == 2 })
	busy(0, 0)
}
