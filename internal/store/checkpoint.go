package store

import (
	"context"

	"github.com/numora/delivery/internal/delivery"
)

// Checkpoint implements delivery.Store. Nothing is sealed yet.
func (s *Store) Checkpoint(context.Context) (delivery.Checkpoint, error) {
	return delivery.Checkpoint{}, delivery.ErrNoCheckpoint
}
