package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// errTwinWon says that another transaction recorded one of our execution ids while we were at it.
var errTwinWon = errors.New("an execution id was recorded meanwhile")

// recording is one transaction of Record.
type recording struct {
	s           *Store
	submissions []*submission
	// adding says that documents and deliveries that are missing are to be added, which takes more statements and
	// other locks. Without it, submissions that need that are set aside.
	adding bool

	entries  []*entry
	aside    []*submission
	expiries uint64 // leases that had run out, and which a report ended
}

// entry is an attempt to be recorded. Its result is empty as long as nobody knows that there is one under its
// execution id.
type entry struct {
	delivery.Attempt
	of     *submission
	result delivery.Recorded
}

func (e *entry) target() target { return target{e.DocumentID, e.Provider} }

// target names a delivery.
type target struct{ documentID, provider string }

func (t target) compare(other target) int {
	return cmp.Or(cmp.Compare(t.documentID, other.documentID), cmp.Compare(t.provider, other.provider))
}

// write runs the transaction, by the first deadline that a submission has. One that finds itself overtaken is rolled
// back whole and run again, so that nothing which depended on being first, such as an added delivery, is left
// behind. It then finds what overtook it, which is committed by then: so it ends. A single submission waits for a
// lock again, too; several had better do so apart. A panic is an error of the reports that it befalls: it is not in the
// goroutine of any request, and would end the process.
func (r *recording) write() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	soonest := slices.MinFunc(r.submissions, func(a, b *submission) int { return a.deadline.Compare(b.deadline) })
	ctx, cancel := context.WithDeadline(context.WithoutCancel(soonest.ctx), soonest.deadline)
	defer cancel()
	err = r.s.writeAgain(ctx, r.run, func(err error) bool {
		return errors.Is(err, errTwinWon) || len(r.submissions) == 1 && r.s.engine.rolledBack(err)
	})
	if err == nil {
		r.s.tally.expiries.Add(r.expiries)
	}
	return err
}

func (r *recording) run(tx *gorm.DB) error {
	r.begin()
	if r.adding {
		if err := r.addMissing(tx); err != nil {
			return err
		}
	}
	found, err := r.s.engine.lockFresh(tx, r.open())
	if err != nil {
		return fmt.Errorf("lock deliveries: %w", err)
	}
	if found.recorded && r.adding {
		return errTwinWon // it was not when we looked, and what was added for it must go
	}
	if found.recorded {
		if err := r.settleRecorded(tx); err != nil {
			return err
		}
	}
	deliveries := make(map[target]*deliveryRow, len(found.deliveries))
	for i := range found.deliveries {
		row := &found.deliveries[i]
		deliveries[target{row.DocumentID, row.Provider}] = row
	}
	if !r.adding {
		r.setAside(deliveries)
	}
	if err := r.store(tx, deliveries, r.s.adjusted(found.now)); err != nil {
		return err
	}
	r.settleTwins()
	return nil
}

// begin forgets what an earlier run left behind.
func (r *recording) begin() {
	r.entries, r.aside, r.expiries = nil, nil, 0
	for _, given := range r.submissions {
		for _, attempt := range given.attempts {
			r.entries = append(r.entries, &entry{Attempt: attempt, of: given})
		}
	}
}

// open returns the entries without a result.
func (r *recording) open() []*entry {
	open := make([]*entry, 0, len(r.entries))
	for _, e := range r.entries {
		if e.result.Result == "" {
			open = append(open, e)
		}
	}
	return open
}

// fresh returns the open entries that are to be stored: of each execution id the first.
func (r *recording) fresh() []*entry {
	seen := make(map[string]bool, len(r.entries))
	return slices.DeleteFunc(r.open(), func(e *entry) bool {
		twin := seen[e.ExecutionID]
		seen[e.ExecutionID] = true
		return twin
	})
}

// settleRecorded settles the entries whose execution id is recorded already.
func (r *recording) settleRecorded(tx *gorm.DB) error {
	open := r.open()
	ids := make([]string, len(open))
	for i, e := range open {
		ids[i] = e.ExecutionID
	}
	var rows []attemptRow
	if err := tx.Where(r.s.engine.isOneOf("execution_id", ids)).Find(&rows).Error; err != nil {
		return fmt.Errorf("find recorded attempts: %w", err)
	}
	recorded := make(map[string]delivery.Attempt, len(rows))
	for _, row := range rows {
		recorded[row.ExecutionID] = row.attempt()
	}
	for _, e := range open {
		if original, ok := recorded[e.ExecutionID]; ok {
			e.result = compare(e.Attempt, original)
		}
	}
	return nil
}

// settleTwins settles the entries whose execution id was stored with another entry.
func (r *recording) settleTwins() {
	stored := make(map[string]delivery.Attempt)
	for _, e := range r.entries {
		if e.result.Result == delivery.Created {
			stored[e.ExecutionID] = e.result.Attempt
		}
	}
	for _, e := range r.open() {
		e.result = compare(e.Attempt, stored[e.ExecutionID])
	}
}

// compare tells what a is beside the original recorded under its execution id.
func compare(a, original delivery.Attempt) delivery.Recorded {
	if differing := a.Differing(original.Report); len(differing) > 0 {
		return delivery.Recorded{Result: delivery.Conflicting, Differing: differing}
	}
	return delivery.Recorded{Result: delivery.Replayed, Attempt: original}
}

// setAside takes the submissions out that something has to be added for, or asked: a delivery is missing, and
// perhaps its document; or a recorded attempt is of another document than the entry, which then has to be known.
func (r *recording) setAside(deliveries map[target]*deliveryRow) {
	for _, e := range r.entries {
		missing := e.result.Result == "" && deliveries[e.target()] == nil
		asks := e.result.Result == delivery.Conflicting && slices.Contains(e.result.Differing, "document_id")
		if (missing || asks) && !slices.Contains(r.aside, e.of) {
			r.aside = append(r.aside, e.of)
		}
	}
	r.entries = slices.DeleteFunc(r.entries, func(e *entry) bool { return slices.Contains(r.aside, e.of) })
}

// store adds the fresh attempts, in the order in which they were given, and moves their deliveries on.
func (r *recording) store(tx *gorm.DB, deliveries map[target]*deliveryRow, now instant) error {
	fresh := r.fresh()
	if len(fresh) == 0 {
		return nil
	}
	claims, err := r.claims(tx, fresh, deliveries)
	if err != nil {
		return err
	}
	attempts := make([]attemptRow, 0, len(fresh))
	moved := make(map[target]bool, len(fresh))
	for _, e := range fresh {
		row, attempt := deliveries[e.target()], e.Attempt
		before := row.standing()
		attempt.RecordedAt = before.NextRecordedAt(now.Time)
		after := before.Record(attempt, claims[e.ExecutionID].counts(row), r.s.options.Retry.For(row.Provider))
		if ranOut(before, after, now) {
			r.expiries++
		}
		row.setStanding(after, instant{attempt.RecordedAt})
		moved[e.target()] = true
		attempts = append(attempts, newAttemptRow(attempt))
		e.result = delivery.Recorded{Result: delivery.Created, Attempt: attempt}
	}
	slices.SortFunc(attempts, func(a, b attemptRow) int { return cmp.Compare(a.ExecutionID, b.ExecutionID) })
	rows := make([]deliveryRow, 0, len(moved))
	for _, key := range slices.SortedFunc(maps.Keys(moved), target.compare) {
		rows = append(rows, *deliveries[key])
	}
	added, err := r.s.engine.keep(tx, attempts, rows)
	if err != nil {
		return fmt.Errorf("add attempts and move deliveries on: %w", err)
	}
	if added != len(attempts) {
		return errTwinWon
	}
	return nil
}

// claims returns, by execution id, those that handed out the ids of failed attempts: claims that count as tries
// already.
func (r *recording) claims(tx *gorm.DB, fresh []*entry, deliveries map[target]*deliveryRow) (map[string]claimRow, error) {
	var ids []string
	for _, e := range fresh {
		if row := deliveries[e.target()]; row == nil {
			return nil, errors.New("a delivery that was added is not there")
		} else if e.Status == delivery.Failed && row.Tries > 0 {
			ids = append(ids, e.ExecutionID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []claimRow
	if err := tx.Where(r.s.engine.isOneOf("execution_id", ids)).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find claims: %w", err)
	}
	claims := make(map[string]claimRow, len(rows))
	for _, row := range rows {
		claims[row.ExecutionID] = row
	}
	return claims, nil
}

// counts tells whether the claim is one of the delivery's tries.
func (c claimRow) counts(row *deliveryRow) bool {
	return c.DocumentID == row.DocumentID && c.Provider == row.Provider && optional(c.DeliveryKey) == row.DeliveryKey &&
		c.ReleasedAt.IsZero()
}
