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
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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
		{answered("ERROR", "42501"), notExecuted, true, false},
		{answered("ERROR", "25006"), notExecuted, true, true},
		{answered("ERROR", "26000"), notExecuted, true, true},
		{answered("ERROR", "53100"), broken, true, false},
		{answered("ERROR", "58030"), broken, true, false},
		{answered("ERROR", "XX001"), broken, true, false},
		{answered("ERROR", "XX002"), broken, true, false},
		{answered("ERROR", "40003"), lost, true, false},
		{answered("FATAL", "57P01"), lost, false, true},
		{answered("FATAL", "25P03"), lost, false, true},
		{answered("PANIC", "53100"), lost, false, true},
		{io.ErrUnexpectedEOF, lost, false, true},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, lost, false, true},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, lost, false, true},
		{driver.ErrBadConn, lost, false, true},
		{sql.ErrConnDone, lost, false, true},
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
