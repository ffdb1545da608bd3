package store

import (
	"context"
	"database/sql"
	"net"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// unwatched is a context that nobody has to watch, since the connection keeps its deadline.
type unwatched struct{ context.Context }

// Done implements context.Context: nothing comes that way.
func (unwatched) Done() <-chan struct{} { return nil }

// limit has the connection under a session keep the deadline of the session's context, until it is released. What database/sql
// and pgx do otherwise takes two goroutines for each statement, which is much of what one report costs. A connection that
// is wrapped, for traces, is left as it is.
func (e *postgresEngine) limit(session *gorm.DB) (limited *gorm.DB, release func()) {
	unlimited := func() {}
	ctx := session.Statement.Context
	deadline, given := ctx.Deadline()
	conn, alone := session.Statement.ConnPool.(*sql.Conn)
	if !given || !alone {
		return session, unlimited
	}
	var connection net.Conn
	err := conn.Raw(func(driver any) error {
		if c, bare := driver.(*stdlib.Conn); bare {
			connection = c.Conn().PgConn().Conn()
		}
		return nil
	})
	if err != nil || connection == nil || connection.SetDeadline(deadline) != nil {
		return session, unlimited // the statement will tell
	}
	return session.WithContext(unwatched{ctx}), func() { _ = connection.SetDeadline(time.Time{}) } // a broken one is dropped
}
