package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// Checkpoint implements delivery.Store.
func (s *Store) Checkpoint(ctx context.Context) (delivery.Checkpoint, error) {
	db, err := s.read(ctx)
	if err != nil {
		return delivery.Checkpoint{}, err
	}
	row, err := lastCheckpoint(db)
	switch {
	case err != nil:
		return delivery.Checkpoint{}, s.translate(err)
	case row.Size == 0:
		return delivery.Checkpoint{}, delivery.ErrNoCheckpoint
	}
	return audit.Read(row.Note)
}

// lastCheckpoint returns the one with the most leaves, zero when there is none.
func lastCheckpoint(db *gorm.DB) (checkpointRow, error) {
	var rows []checkpointRow
	if err := db.Order("size DESC").Limit(1).Find(&rows).Error; err != nil {
		return checkpointRow{}, fmt.Errorf("find the last checkpoint: %w", err)
	}
	if len(rows) == 0 {
		return checkpointRow{}, nil
	}
	return rows[0], nil
}

// errFrontier says that what the tree would grow from is not what was signed.
var errFrontier = errors.New("the last checkpoint in the database was changed, and nothing is sealed any more: run numora-delivery audit verify")

// tree returns the tree that the checkpoint covers, as it was signed.
func (r checkpointRow) tree() (*audit.Tree, error) {
	if r.Size == 0 {
		return &audit.Tree{}, nil
	}
	signed, unreadable := audit.Read(r.Note)
	tree, unfit := audit.Grow(r.Size, r.Frontier)
	if unreadable != nil || unfit != nil || signed.Size != r.Size || tree.Root() != signed.Root {
		return nil, errFrontier
	}
	return tree, nil
}
