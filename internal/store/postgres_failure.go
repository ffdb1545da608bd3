package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// failures says what SQLSTATEs mean, each by itself or by its class, its first two characters. What is not here is an
// answer, or a bug.
var failures = map[string]failure{
	"08":    lost,                              // connections
	"08P01": none,                              // rules of the protocol that were broken: a bug
	"25006": notExecuted,                       // a primary that became a standby
	"26000": notExecuted, "42P05": notExecuted, // prepared statements that a pooler mixed up
	"40":    rolledBack,
	"40003": lost,                    // nobody knows whether it was completed
	"42501": broken,                  // rights that were taken: from us, or from PostgreSQL itself on its files
	"53":    notExecuted,             // resources
	"53100": broken,                  // the disk is full
	"55P03": rolledBack,              // a lock was not had in time
	"57":    notExecuted,             // an operator's doing, or a time-out's
	"58":    broken,                  // errors of the system
	"XX001": broken, "XX002": broken, // damaged tables and indexes
}

// useless are the SQLSTATEs after which no session that is open is of use any more.
var useless = map[string]bool{"25006": true, "26000": true, "42P05": true}

// sort goes by SQLSTATE, never by text. Where the sessions that are open are of no use any more, it drops them.
func (e *postgresEngine) sort(err error) failure {
	var connect *pgconn.ConnectError
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &connect):
		return notExecuted // whatever the reason, nothing can have happened
	case errors.As(err, &answer):
		return e.sortAnswer(answer)
	case errors.Is(err, errReadOnlyPostgres), errors.Is(err, errServer):
		return notExecuted
	case isSilent(err):
		e.askSessions() // the server may be silent, or just this statement have to wait
		return lost
	case isLost(err):
		e.dropSessions() // the server is gone, and so are the sessions that were on it
		return lost
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return notExecuted
	}
	return none
}

func (e *postgresEngine) sortAnswer(answer *pgconn.PgError) failure {
	severity := answer.SeverityUnlocalized
	over := severity == "FATAL" || severity == "PANIC" // for the session
	if over || useless[answer.Code] {
		e.dropSessions()
	}
	if over {
		return lost
	}
	if exactly, known := failures[answer.Code]; known {
		return exactly
	}
	return failures[answer.Code[:min(2, len(answer.Code))]]
}

// isSilent tells whether PostgreSQL was asked, and did not answer in time.
func isSilent(err error) bool {
	var network net.Error
	waited := pgconn.Timeout(err) || errors.As(err, &network) && network.Timeout() && !errors.Is(err, context.DeadlineExceeded)
	return waited && !pgconn.SafeToRetry(err)
}

// isLost tells whether a connection failed.
func isLost(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false // it only waited for a connection
	}
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err)
}

// certain goes by what PostgreSQL says: after an ERROR it has undone everything, unless the error is that it cannot tell. A
// connection that was lost or ended says nothing, and a warning that standbys do not have it yet is no answer either.
func (e *postgresEngine) certain(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.SeverityUnlocalized == "ERROR" && e.sortAnswer(answer) != lost
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, errTwinWon) || errors.Is(err, pgx.ErrTxCommitRollback)
}

// warned is where a session keeps that PostgreSQL did not do as it was told.
const warned = "numora.warned"

// errWarned says that a commit was answered with a warning: it may be undone when a standby takes over.
var errWarned = errors.New("PostgreSQL has committed without waiting for its standbys")

// noteWarning notes what PostgreSQL says when it was kept from waiting for a standby: by a cancellation, or its own end. The
// commit itself is answered as if nothing was.
func noteWarning(conn *pgconn.PgConn, notice *pgconn.Notice) {
	if notice.SeverityUnlocalized == "WARNING" && (notice.Code == "01000" || notice.Code == "57P01") {
		conn.CustomData()[warned] = true
	}
}

// confirmed looks at what was noted while the session committed.
func (e *postgresEngine) confirmed(session *gorm.DB) error {
	pinned, is := session.Statement.ConnPool.(*sql.Conn)
	if !is {
		return errors.New("the session is not a connection of its own")
	}
	return pinned.Raw(func(conn any) error {
		if traced, is := conn.(interface{ Raw() driver.Conn }); is {
			conn = traced.Raw()
		}
		data := conn.(*stdlib.Conn).Conn().PgConn().CustomData()
		if data[warned] == nil {
			return nil
		}
		delete(data, warned)
		return errWarned
	})
}

func (e *postgresEngine) awaitsStandbys() bool { return e.replicated.Load() }

// writeSomething writes what nobody reads.
func (e *postgresEngine) writeSomething(tx *gorm.DB) error {
	return tx.Exec("SELECT pg_logical_emit_message(true, 'numora-delivery', '')").Error
}

// tryStorage adds a document with an attempt that need room of their own, takes them back, and commits. That there was room does
// not mean that there is for everything.
func (e *postgresEngine) tryStorage(tx *gorm.DB) error {
	const name = "tried"
	if err := tx.SavePoint(name).Error; err != nil {
		return err
	}
	document := newTrialRow()
	if err := tx.Create(&document).Error; err != nil {
		return err
	}
	due := newDeliveryRow(document, "trial", document.CreatedAt, delivery.RetryPolicies{}.For("trial"))
	if err := tx.Create(&due).Error; err != nil {
		return err
	}
	id, err := delivery.NewID(document.CreatedAt.Time)
	if err != nil {
		return err
	}
	attempt := newAttemptRow(delivery.Attempt{ID: id, RecordedAt: document.CreatedAt.Time, Report: delivery.Report{
		DocumentID: document.ID, Provider: due.Provider, Status: delivery.Failed, ExecutionID: document.ID,
		AttemptedAt: document.CreatedAt.Time, ErrorMessage: string(document.Metadata),
	}})
	if err := tx.Create(&attempt).Error; err != nil {
		return err
	}
	return tx.RollbackTo(name).Error
}
