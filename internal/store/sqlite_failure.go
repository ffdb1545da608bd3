package store

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/numora/delivery/internal/delivery"
)

// sort goes by the primary result code. Nothing is rolled back for somebody else's sake: with one writer, who has the lock
// finishes.
func (e *sqliteEngine) sort(err error) failure {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return notExecuted
	}
	switch primaryCode(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL:
		return notExecuted
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return broken
	}
	return none
}

// certain is true of what could not be written: SQLite has undone it. Of what could not be made durable everything may be there when the file
// is next opened, unless something else was written in its place; and the driver tells that the time is over in place of an I/O
// error that came later.
func (e *sqliteEngine) certain(err error) bool {
	late := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	return !late && primaryCode(err) != sqlite3.SQLITE_IOERR
}

func primaryCode(err error) int {
	var answer *modernc.Error
	if !errors.As(err, &answer) {
		return sqlite3.SQLITE_OK
	}
	return answer.Code() & 0xff
}

// openError says of an error that the disk, and not the file, is what a file could not be opened for.
func openError(err error) error {
	opening := fmt.Errorf("open the database: %w", err)
	if code := primaryCode(err); code == sqlite3.SQLITE_FULL || code == sqlite3.SQLITE_IOERR || isDiskError(err) {
		return delivery.Unavailable(opening)
	}
	return opening
}

func isDiskError(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS)
}

// confirmed has nothing to look at: there are no standbys.
func (e *sqliteEngine) confirmed(*gorm.DB) error { return nil }

func (e *sqliteEngine) awaitsStandbys() bool { return false }

func (e *sqliteEngine) writeSomething(*gorm.DB) error { return nil }

// tryStorage adds a row that needs room of its own and takes it out again: what is rolled back is never written.
func (e *sqliteEngine) tryStorage(tx *gorm.DB) error {
	row := newTrialRow()
	if err := tx.Create(&row).Error; err != nil {
		return err
	}
	return tx.Delete(&row).Error
}
