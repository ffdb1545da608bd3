package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

func answered(severity, code string) error {
	return fmt.Errorf("wrapped: %w", &pgconn.PgError{SeverityUnlocalized: severity, Code: code})
}

func TestPostgres_Errors_AreSorted(t *testing.T) {
	for _, test := range []struct {
		err     error
		want    failure
		certain bool // when it comes at a commit
		drops   bool // the sessions that are open
	}{
		{nil, none, false, false},
		{errors.New("a bug"), none, false, false},
		{answered("ERROR", "23514"), none, true, false},
		{answered("ERROR", "22021"), none, true, false},
		{answered("ERROR", "XX000"), none, true, false},
		{answered("ERROR", "40001"), rolledBack, true, false},
		{answered("ERROR", "40P01"), rolledBack, true, false},
		{answered("ERROR", "55P03"), rolledBack, true, false},
		{answered("ERROR", "57014"), notExecuted, true, false},
		{answered("ERROR", "53300"), notExecuted, true, false},
		{answered("ERROR", "42501"), broken, true, false},
		{answered("ERROR", "08007"), lost, false, false},
		{answered("ERROR", "08P01"), none, true, false},
		{answered("ERROR", "25006"), notExecuted, true, true},
		{answered("ERROR", "26000"), notExecuted, true, true},
		{answered("ERROR", "53100"), broken, true, false},
		{answered("ERROR", "58030"), broken, true, false},
		{answered("ERROR", "XX001"), broken, true, false},
		{answered("ERROR", "XX002"), broken, true, false},
		{answered("ERROR", "40003"), lost, false, false},
		{answered("FATAL", "57P01"), lost, false, true},
		{answered("FATAL", "25P03"), lost, false, true},
		{answered("PANIC", "53100"), lost, false, true},
		{io.ErrUnexpectedEOF, lost, false, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, lost, false, true},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, lost, false, false},
		{driver.ErrBadConn, lost, false, true},
		{sql.ErrConnDone, lost, false, true},
		{fmt.Errorf("wrapped: %w", pgconn.ErrConnClosed), lost, false, true},
		{&pgconn.ConnectError{}, notExecuted, false, false},
		{context.DeadlineExceeded, notExecuted, false, false},
		{context.Canceled, notExecuted, false, false},
		{errReadOnlyPostgres, notExecuted, false, false},
		{errPooler, notExecuted, false, false},
		{errTwinWon, none, true, false},
		{errWarned, none, false, false},
		{pgx.ErrTxCommitRollback, none, true, false},
	} {
		t.Run(fmt.Sprint(test.err), func(t *testing.T) {
			e := &postgresEngine{}
			if got := e.sort(test.err); got != test.want {
				t.Errorf("it is sorted as %d, want %d", got, test.want)
			}
			if got := e.certain(test.err); got != test.certain {
				t.Errorf("at a commit it is certain: %t, want %t", got, test.certain)
			}
			if got := e.staleAt.Load() != 0; got != test.drops {
				t.Errorf("it drops sessions: %t, want %t", got, test.drops)
			}
		})
	}
}

func TestSQLite_Errors_AreSorted(t *testing.T) {
	s := migrated(t, storetest.SQLite(t))
	register(t, s)
	shrink := "PRAGMA max_page_count = 1" // it stays as large as it is, and grows no more
	full := s.writer.WithContext(t.Context()).Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec(shrink).Error; err != nil {
			return err
		}
		return s.engine.tryStorage(tx)
	})
	for _, test := range []struct {
		name string
		err  error
		want failure
	}{
		{"Nothing", nil, none},
		{"Bug", errors.New("a bug"), none},
		{"Constraint", s.writer.Exec("INSERT INTO documents (id) VALUES (NULL)").Error, none},
		{"ReadOnly", s.reader.Exec("DELETE FROM claims").Error, broken},
		{"Full", full, broken},
		{"Deadline", context.DeadlineExceeded, notExecuted},
	} {
		if got := s.engine.sort(test.err); got != test.want {
			t.Errorf("%s, %v: it is sorted as %d, want %d", test.name, test.err, got, test.want)
		}
		if got, want := s.engine.certain(test.err), test.name != "Deadline"; got != want {
			t.Errorf("%s, %v: it is certain: %t", test.name, test.err, got)
		}
	}
}

// A full disk makes the server not ready until a write of its own succeeds. That it can be read from does not help.
func TestStorage_Full_IsNotReadyUntilAWriteSucceeds(t *testing.T) {
	for name, engine := range map[string]struct {
		url        func(t *testing.T) string
		fill, free func(t *testing.T, s *Store, url string)
	}{
		"SQLite": {
			url:  func(t *testing.T) string { return storetest.SQLite(t) },
			fill: func(t *testing.T, s *Store, _ string) { run(t, s, "PRAGMA max_page_count = 1") }, // it grows no more
			free: func(t *testing.T, s *Store, _ string) { run(t, s, "PRAGMA max_page_count = 1000000") },
		},
		"PostgreSQL": {
			url: applicationURL,
			fill: func(t *testing.T, _ *Store, url string) {
				storetest.AsOwner(t, url, `CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END'`)
				for _, table := range []string{"documents", "delivery_attempts"} {
					storetest.AsOwner(t, url, "CREATE TRIGGER is_full BEFORE INSERT ON "+table+" FOR EACH ROW EXECUTE FUNCTION is_full()")
				}
			},
			free: func(t *testing.T, _ *Store, url string) {
				for _, table := range []string{"documents", "delivery_attempts"} {
					storetest.AsOwner(t, url, "DROP TRIGGER is_full ON "+table)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := engine.url(t)
			s := migrated(t, url)
			register(t, s)
			engine.fill(t, s, url)
			attempt := failedAttempt(1, "run-1", documentID, "dynamics365")
			attempt.ErrorMessage = strings.Repeat("x", 16_384)
			_, err := s.Record(t.Context(), []delivery.Attempt{attempt}, nil)
			checkNotExecuted(t, err)
			for range 2 {
				if _, err := s.Document(t.Context(), documentID); err != nil {
					t.Errorf("it cannot be read from: %v", err)
				}
				checkNotExecuted(t, s.Ready(t.Context()))
			}
			engine.free(t, s, url)
			if err := s.Ready(t.Context()); err != nil {
				t.Errorf("it does not get ready again: %v", err)
			}
			if results, err := s.Record(t.Context(), []delivery.Attempt{attempt}, nil); err != nil || results[0].Result != delivery.Created {
				t.Errorf("afterwards: %+v, %v", results, err)
			}
			var trials int64
			if err := s.reader.Model(&documentRow{}).Where("id LIKE 'trial-%'").Count(&trials).Error; err != nil || trials > 0 {
				t.Errorf("%d trials are left, %v", trials, err)
			}
		})
	}
}
