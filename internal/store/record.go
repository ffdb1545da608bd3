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

// way is how reports are recorded. Each does what the one before leaves undone, and costs more.
type way int

const (
	unlocked way = iota // without locks; deliveries that are changed meanwhile are left
	locked              // in a transaction; documents and deliveries that are missing are left
	adding              // in a transaction, with more statements and other locks
)

// recording is one transaction of Record, or one statement that is its own.
type recording struct {
	s           *Store
	submissions []*submission
	way         way

	maybeWritten error // why nobody knows whether an earlier run for these submissions was committed; nil when none was

	entries  []*entry
	left     map[*submission]way // to be recorded in another way
	expiries uint64              // leases that had run out, and which a report ended
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

// write records, by the first deadline that a submission has. A transaction that finds itself overtaken is rolled
// back whole and run again, so that nothing which depended on being first, such as an added delivery, is left
// behind. It then finds what overtook it, which is committed by then: so it ends. A single submission waits for a
// lock again, too, or looks for a connection that holds; several had better do so apart. When nobody knows whether a transaction
// was committed, it is run again as well: it finds its attempts, by their ids, or adds them. A panic is an error of the reports that it befalls: it must neither end the
// process nor the writer, of which there may be one only.
func (r *recording) write() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	soonest := slices.MinFunc(r.submissions, func(a, b *submission) int { return a.deadline.Compare(b.deadline) })
	ctx, cancel := context.WithDeadline(context.WithoutCancel(soonest.ctx), soonest.deadline)
	defer cancel()
	if r.way == unlocked {
		err = r.s.writeUnlocked(ctx, r.run)
	} else {
		err = r.s.runUntilKnown(ctx, &r.maybeWritten, r.run, func(err error) bool {
			return errors.Is(err, errTwinWon) || len(r.submissions) == 1 && r.s.runsAgain(err)
		})
	}
	if err == nil {
		r.s.tally.expiries.Add(r.expiries)
	}
	return err
}

func (r *recording) run(db *gorm.DB) error {
	r.begin()
	if r.way == adding {
		if err := r.addMissing(db); err != nil {
			return err
		}
	}
	found, err := r.s.engine.readFresh(db, r.unsettled(), r.way != unlocked)
	if err != nil {
		return fmt.Errorf("read deliveries: %w", err)
	}
	if found.recorded && r.way == adding {
		return errTwinWon // it was not when we looked, and what was added for it must go
	}
	if found.recorded {
		if err := r.settleRecorded(db); err != nil {
			return err
		}
	}
	if r.way == unlocked && r.s.engine.awaitsStandbys() {
		r.leaveReplays()
	}
	deliveries := make(map[target]*freshDelivery, len(found.deliveries))
	for _, d := range found.deliveries {
		deliveries[d.target()] = d
	}
	if r.way != adding {
		r.leaveMissing(deliveries)
	}
	if err := r.store(db, deliveries, r.s.adjusted(found.now)); err != nil {
		return err
	}
	r.settleTwins()
	return nil
}

// begin forgets what an earlier run left behind.
func (r *recording) begin() {
	r.entries, r.left, r.expiries = nil, make(map[*submission]way), 0
	for _, given := range r.submissions {
		for _, attempt := range given.attempts {
			r.entries = append(r.entries, &entry{Attempt: attempt, of: given})
		}
	}
}

// unsettled returns the entries without a result.
func (r *recording) unsettled() []*entry {
	unsettled := make([]*entry, 0, len(r.entries))
	for _, e := range r.entries {
		if e.result.Result == "" {
			unsettled = append(unsettled, e)
		}
	}
	return unsettled
}

// fresh returns the unsettled entries that are to be stored: of each execution id the first.
func (r *recording) fresh() []*entry {
	seen := make(map[string]bool, len(r.entries))
	return slices.DeleteFunc(r.unsettled(), func(e *entry) bool {
		twin := seen[e.ExecutionID]
		seen[e.ExecutionID] = true
		return twin
	})
}

// settleRecorded settles the entries whose execution id is recorded already.
func (r *recording) settleRecorded(tx *gorm.DB) error {
	unsettled := r.unsettled()
	ids := make([]string, len(unsettled))
	for i, e := range unsettled {
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
	for _, e := range unsettled {
		original, ok := recorded[e.ExecutionID]
		switch {
		case !ok:
		case r.maybeWritten != nil && original.ID == e.ID: // it was
			e.result = delivery.Recorded{Result: delivery.Created, Attempt: original}
		default:
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
	for _, e := range r.unsettled() {
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

// leaveReplays leaves the submissions that would be acknowledged by what was read alone.
func (r *recording) leaveReplays() {
	for _, e := range r.entries {
		if e.result.Result == delivery.Replayed {
			r.left[e.of] = locked
		}
	}
	r.dropLeft()
}

// leaveMissing leaves the submissions that something has to be added for, or asked: a delivery is missing, and
// perhaps its document; or a recorded attempt is of another document than the entry, which then has to be known.
func (r *recording) leaveMissing(deliveries map[target]*freshDelivery) {
	for _, e := range r.entries {
		missing := e.result.Result == "" && deliveries[e.target()] == nil
		asks := e.result.Result == delivery.Conflicting && slices.Contains(e.result.Differing, "document_id")
		if missing || asks {
			r.left[e.of] = adding
		}
	}
	r.dropLeft()
}

// dropLeft takes the entries out whose submissions are left.
func (r *recording) dropLeft() {
	r.entries = slices.DeleteFunc(r.entries, func(e *entry) bool { _, left := r.left[e.of]; return left })
}

// store adds the fresh attempts, in the order in which they were given, and moves their deliveries on.
func (r *recording) store(db *gorm.DB, deliveries map[target]*freshDelivery, now instant) error {
	fresh := r.fresh()
	if len(fresh) == 0 {
		return nil
	}
	claims, err := r.claims(db, fresh, deliveries)
	if err != nil {
		return err
	}
	attempts := make([]attemptRow, 0, len(fresh))
	moving, expiries := make(map[target]bool, len(fresh)), make(map[target]uint64)
	for _, e := range fresh {
		key, attempt := e.target(), e.Attempt
		row := &deliveries[key].deliveryRow
		before := row.standing()
		attempt.RecordedAt = before.NextRecordedAt(now.Time)
		after := before.Record(attempt, claims[e.ExecutionID].counts(row), r.s.options.Retry.For(row.Provider))
		if ranOut(before, after, now) {
			expiries[key]++
		}
		row.setStanding(after, instant{attempt.RecordedAt})
		moving[key] = true
		attempts = append(attempts, newAttemptRow(attempt))
		e.result = delivery.Recorded{Result: delivery.Created, Attempt: attempt}
	}
	slices.SortFunc(attempts, func(a, b attemptRow) int { return cmp.Compare(a.ExecutionID, b.ExecutionID) })
	sorted := make([]*freshDelivery, 0, len(moving))
	for _, key := range slices.SortedFunc(maps.Keys(moving), target.compare) {
		sorted = append(sorted, deliveries[key])
	}
	moved, err := r.keep(db, attempts, sorted)
	if err != nil {
		return err
	}
	for _, d := range moved {
		delete(moving, d.target())
		r.expiries += expiries[d.target()]
	}
	if len(moving) > 0 {
		r.leaveChanged(moving)
	}
	return nil
}

// keep has the engine keep what is fresh; what it moves not on, without locks, others have changed meanwhile. Outside of a
// transaction an error may leave open whether it was kept.
func (r *recording) keep(db *gorm.DB, attempts []attemptRow, deliveries []*freshDelivery) ([]*freshDelivery, error) {
	if r.way == unlocked {
		if err := r.s.requireDurable(); err != nil {
			return nil, err
		}
	}
	moved, err := r.s.engine.keep(db, attempts, deliveries)
	if r.way == unlocked {
		if err == nil {
			err = r.s.engine.confirmed(db)
		}
		err = r.s.committed(err)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("add attempts and move deliveries on: %w", err)
	case r.way != unlocked && len(moved) < len(deliveries):
		return nil, errors.New("deliveries that are locked were changed")
	}
	return moved, nil
}

// leaveChanged leaves the submissions whose deliveries others have changed, and those that are twins of them.
func (r *recording) leaveChanged(changed map[target]bool) {
	again := make(map[string]bool)
	for _, e := range r.entries {
		if e.result.Result == delivery.Created && changed[e.target()] {
			again[e.ExecutionID] = true
		}
	}
	for _, e := range r.entries {
		if again[e.ExecutionID] {
			r.left[e.of] = locked
		}
	}
	r.dropLeft()
}

// claims returns, by execution id, those that handed out the ids of failed attempts: claims that count as tries
// already.
func (r *recording) claims(tx *gorm.DB, fresh []*entry, deliveries map[target]*freshDelivery) (map[string]claimRow, error) {
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
