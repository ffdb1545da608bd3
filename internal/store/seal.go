package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"gorm.io/gorm"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// Sign makes the checkpoint of a tree, at an instant of the store's clock.
type Sign func(tree *audit.Tree, at time.Time) (delivery.Checkpoint, error)

// Seal gives the next leaf numbers to entries that are committed and have none, the earliest recorded first, and keeps a
// checkpoint over all that have one. It seals some thousands at most, and returns how many: none when there is nothing to
// seal or another server seals just now.
//
// What is to be sealed the database's triggers note in the transaction that records it, so an entry that is committed late
// is sealed late and never overlooked.
func (s *Store) Seal(ctx context.Context, sign Sign) (sealed int, checkpoint delivery.Checkpoint, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		sealed = 0
		if got, err := s.engine.sealing(tx); err != nil || !got {
			return err
		}
		sealed, checkpoint, err = s.sealWithin(tx, sign)
		return err
	})
	if err != nil {
		return 0, delivery.Checkpoint{}, err
	}
	return sealed, checkpoint, nil
}

// sealWithin is Seal within a transaction of whoever alone seals.
func (s *Store) sealWithin(tx *gorm.DB, sign Sign) (sealed int, checkpoint delivery.Checkpoint, err error) {
	last, err := lastCheckpoint(tx)
	if err != nil {
		return 0, checkpoint, err
	}
	tree, err := last.tree()
	if err != nil {
		return 0, checkpoint, err
	}
	leaves, err := s.takeUnsealed(tx, tree)
	if err != nil || len(leaves) == 0 {
		return 0, checkpoint, err
	}
	now, err := s.now(tx)
	if err != nil {
		return 0, checkpoint, err
	}
	if checkpoint, err = sign(tree, now.Time); err != nil {
		return 0, checkpoint, fmt.Errorf("sign a checkpoint: %w", err)
	}
	if err := s.engine.addLeaves(tx, leaves); err != nil {
		return 0, checkpoint, fmt.Errorf("add leaves: %w", err)
	}
	row := checkpointRow{Size: checkpoint.Size, Note: checkpoint.Note, Frontier: tree.Frontier(), SealedAt: now}
	if err := tx.Create(&row).Error; err != nil {
		return 0, checkpoint, fmt.Errorf("keep a checkpoint: %w", err)
	}
	return len(leaves), checkpoint, nil
}

// SealingRest is how many times as long as a call of Seal took it is better not to call it again, so that reports do not wait for it:
// under more load than it keeps up with that way the rest is sealed when the load is over.
func (s *Store) SealingRest() int { return s.engine.sealingRest() }

// unsealedEntry is one that is to become a leaf.
type unsealedEntry struct {
	leafRow
	recordedAt instant
}

// takeUnsealed takes entries from those that are noted as unsealed and makes them leaves of the tree.
func (s *Store) takeUnsealed(tx *gorm.DB, tree *audit.Tree) ([]leafRow, error) {
	var ids []string
	err := tx.Raw(`DELETE FROM audit_unsealed WHERE (recorded_at, entry_id) IN
		(SELECT recorded_at, entry_id FROM audit_unsealed ORDER BY recorded_at, entry_id LIMIT ?) RETURNING entry_id`, s.engine.sealAtOnce()).Scan(&ids).Error
	if err != nil {
		return nil, fmt.Errorf("take what is not sealed: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	entries, err := s.readUnsealed(tx, ids)
	if err != nil {
		return nil, fmt.Errorf("read what is not sealed: %w", err)
	}
	slices.SortFunc(entries, func(a, b unsealedEntry) int {
		return cmp.Or(a.recordedAt.Compare(b.recordedAt.Time), cmp.Compare(a.EntryID, b.EntryID))
	})
	leaves := make([]leafRow, len(entries))
	for i, e := range entries {
		leaves[i] = e.leafRow
		leaves[i].Number = tree.Size()
		tree.Add(tlog.Hash(e.Hash))
	}
	return leaves, nil
}

// readUnsealed makes the hashes of entries that are not sealed.
func (s *Store) readUnsealed(tx *gorm.DB, ids []string) ([]unsealedEntry, error) {
	entries := make([]unsealedEntry, 0, len(ids))
	var form []byte
	add := func(kind, id string, recordedAt instant, canonical []byte) {
		form = canonical[:0]
		hash := tlog.RecordHash(canonical)
		entries = append(entries, unsealedEntry{leafRow{EntryID: id, Kind: kind, Form: audit.Form, Hash: hash[:]}, recordedAt})
	}
	const notSealed = "NOT EXISTS (SELECT 1 FROM audit_leaves AS leaf WHERE leaf.entry_id = id AND leaf.kind = ?)"
	condition, argument := s.engine.hasID(ids)
	attempts, err := scanAll[attemptRow](attemptColumns, tx.Model(&attemptRow{}).Where(condition, argument).Where(notSealed, audit.Attempt))
	if err != nil {
		return nil, err
	}
	for _, row := range attempts {
		add(audit.Attempt, row.ID, row.RecordedAt, audit.AppendAttempt(form, row.attempt()))
	}
	if len(attempts) == len(ids) {
		return entries, nil
	}
	rows, err := scanAll[auditRow](auditColumns, tx.Model(&auditRow{}).Where(condition, argument).Where(notSealed, audit.AuditEntry))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		add(audit.AuditEntry, row.ID, row.RecordedAt, audit.AppendEntry(form, row.entry()))
	}
	return entries, nil
}

// Unsealed returns how many entries wait to be sealed, of which it counts limit at most, and for how long the oldest has.
func (s *Store) Unsealed(ctx context.Context, limit int) (entries int, age time.Duration, err error) {
	db, err := s.read(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := db.Raw("SELECT count(*) FROM (SELECT 1 FROM audit_unsealed LIMIT ?) AS counted", limit).Row().Scan(&entries); err != nil {
		return 0, 0, s.translate(fmt.Errorf("count what is not sealed: %w", err))
	}
	var oldest []unsealedRow
	if err := db.Order("recorded_at, entry_id").Limit(1).Find(&oldest).Error; err != nil {
		return 0, 0, s.translate(fmt.Errorf("find what is not sealed: %w", err))
	}
	now, err := s.now(db)
	if err != nil || len(oldest) == 0 {
		return entries, 0, s.translate(err)
	}
	return entries, max(0, now.Sub(oldest[0].RecordedAt.Time)), nil
}
