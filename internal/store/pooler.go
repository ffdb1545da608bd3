package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errPooler says that a session is not kept for one connection.
var errPooler = fmt.Errorf("%w: a connection pooler in front of it deals out sessions by the transaction, and settings, "+
	"prepared statements and locks get lost between them; set it to pool_mode=session, or name PostgreSQL itself", errServer)

// checkPooler refuses a pooler that deals out sessions by the transaction: two connections that are open at once get
// the same one, or one gets another each time. That there is a pooler shows by the session's number, which it makes
// up for each connection.
func (e *postgresEngine) checkPooler(ctx context.Context, conn *pgx.Conn) error {
	ours, err := sessionNumber(ctx, conn)
	if err != nil || ours == conn.PgConn().PID() {
		return err
	}
	e.comparing.Lock() // at the same time they would hide it from each other
	defer e.comparing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	other, err := pgx.ConnectConfig(ctx, e.config)
	if err != nil {
		return nil // it has no session left: so it keeps them
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	for range 5 { // others who use it may hide it at times
		theirs, err := sessionNumber(ctx, other)
		if err != nil {
			return nil
		}
		again, err := sessionNumber(ctx, conn)
		if err != nil {
			return err
		}
		if again != ours || theirs == ours {
			return errPooler
		}
	}
	return nil
}

// sessionNumber asks in a way that leaves nothing behind in a session which may not be ours.
func sessionNumber(ctx context.Context, conn *pgx.Conn) (number uint32, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&number)
	return number, err
}
