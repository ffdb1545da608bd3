package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// failure is what an error means for the transaction that met it. Each engine's sort is the one place that says so of the
// database's errors, and what follows from it is here.
type failure int

const (
	none        failure = iota // none of the database's: an answer, or a bug
	notExecuted                // and would not be now either: the request may be sent again later
	rolledBack                 // it was undone through no fault of its own, and may be run again at once
	lost                       // so was it, unless it was committing: the connection is gone, and said no more
	broken                     // the storage is full or damaged: not executed, and so may others be, until a write succeeds again
)

// sort tells what an error means, and remembers of the storage that it is broken.
func (s *Store) sort(err error) failure {
	sorted := s.engine.sort(err)
	if sorted == broken {
		s.broken.Store(true)
	}
	return sorted
}

// translate makes an *UnavailableError of an engine's error that will pass, by itself or by an operator's hand, unless it
// is one. Nothing was written then.
func (s *Store) translate(err error) error {
	if isUnavailable(err) || s.sort(err) == none {
		return err
	}
	return delivery.Unavailable(err)
}

func isUnavailable(err error) bool {
	unavailable := (*delivery.UnavailableError)(nil)
	return errors.As(err, &unavailable)
}

// committed tells what became of what an error of a commit, or of a statement that commits by itself, is about: unless the
// error says that nothing was written, nobody knows.
func (s *Store) committed(err error) error {
	if err == nil || s.engine.certain(err) {
		return err
	}
	_ = s.sort(err) // which remembers what it shows
	return &delivery.UnavailableError{Outcome: delivery.OutcomeUnknown, Cause: err}
}

func isUnknown(err error) bool {
	unavailable := (*delivery.UnavailableError)(nil)
	return errors.As(err, &unavailable) && unavailable.Outcome == delivery.OutcomeUnknown
}

// runsAgain tells whether what met an error may be run again at once: it was rolled back, or its connection was lost and
// there is another one.
func (s *Store) runsAgain(err error) bool {
	sorted := s.sort(err)
	return errors.Is(err, errTwinWon) || sorted == rolledBack || sorted == lost
}

// The pauses between two runs of a transaction: none before the second, and then from the shortest on twice as long each.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 100 * time.Millisecond
)

// runUntilKnown runs a transaction until it is known what became of it, or ctx, which ends at its deadline alone, ends. It
// is run again after an error that again accepts, and after one that left open whether it was committed, which is kept in
// unknown, where that of a run before may be already. do finds what an earlier run of it has committed, and returns then what
// that has.
func (s *Store) runUntilKnown(ctx context.Context, unknown *error, do func(tx *gorm.DB) error, again func(error) bool) error {
	if err := s.requireSchema(ctx); err != nil {
		return err
	}
	for pause := time.Duration(0); ; {
		err := s.writeOnce(ctx, do)
		switch {
		case isUnknown(err):
			*unknown = err
		case again(err):
		case *unknown != nil && isUnavailable(s.translate(err)): // for now
		default:
			return s.translate(err)
		}
		if !wait(ctx, pause) {
			if *unknown != nil {
				return *unknown
			}
			return delivery.Unavailable(err)
		}
		pause = min(max(shortestPause, 2*pause), longestPause)
	}
}

// wait returns after a pause, or says that ctx has ended.
func wait(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
	return ctx.Err() == nil
}

// checkStorage has a broken storage, as it was found last, tried by a write. Readiness comes back with that, not with a read.
func (s *Store) checkStorage(ctx context.Context) error {
	if !s.broken.Swap(false) { // which a write that fails sets again
		return nil
	}
	if err := s.write(ctx, s.engine.tryStorage); err != nil {
		s.broken.Store(true)
		return fmt.Errorf("the storage was full or damaged, and still is: %w", err)
	}
	return nil
}

// newTrialRow is a row of some pages that cannot be compressed.
func newTrialRow() documentRow {
	const size = 16 << 10
	var wide []byte
	for len(wide) < size {
		wide = append(wide, rand.Text()...)
	}
	trial := delivery.Registration{Stage: delivery.Processing, Metadata: []byte(`"` + string(wide) + `"`)}
	return newDocumentRow("trial-"+rand.Text(), trial, instant{delivery.NewInstant(time.Now())})
}
