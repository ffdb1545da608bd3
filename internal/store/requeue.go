package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// Requeue implements delivery.Store.
func (s *Store) Requeue(ctx context.Context, requeue delivery.Requeue) (delivery.Delivery, error) {
	key := target{requeue.DocumentID, requeue.Provider}
	var requeued delivery.Delivery
	var began bool
	var expiries uint64
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := requireDocument(tx, requeue.DocumentID); err != nil {
			return err
		}
		row, err := lockDelivery(tx, key)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return delivery.ErrDeliveryNotFound
		}
		if err != nil {
			return err
		}
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		if began {
			if committed, err := isRequeued(tx, requeue.ID); err != nil {
				return err
			} else if committed {
				requeued, err = findDelivery(tx, now, key)
				return err
			}
		}
		if row.Retired {
			return delivery.ErrDeliveryNotFound
		}
		began, expiries = false, 0
		before := row.standing()
		began, err = begins(row, before, requeue.Force, now)
		if err != nil {
			return err
		}
		if began {
			now = instant{before.NextRecordedAt(now.Time)}
			entry := newRequeueRow(requeue, now)
			if err := tx.Create(&entry).Error; err != nil {
				return fmt.Errorf("add an audit entry: %w", err)
			}
			after := before.Requeue(now.Time, s.options.Retry.For(row.Provider))
			if ranOut(before, after, now) {
				expiries++
			}
			row.RequeueID, row.DeliveryKey = optional(entry.ID), ""
			row.setStanding(after, now)
			if err := tx.Save(row).Error; err != nil {
				return fmt.Errorf("requeue a delivery: %w", err)
			}
		}
		requeued, err = findDelivery(tx, now, key)
		return err
	})
	if err != nil {
		return delivery.Delivery{}, err
	}
	if began {
		s.tally.requeues.Add(1)
		s.tally.expiries.Add(expiries)
	}
	return requeued, nil
}

// isRequeued tells whether an earlier run was committed. Whoever has the lock on the delivery knows.
func isRequeued(tx *gorm.DB, entryID string) (bool, error) {
	var found int64
	if err := tx.Model(&auditRow{}).Where("id = ?", entryID).Count(&found).Error; err != nil {
		return false, fmt.Errorf("find an audit entry: %w", err)
	}
	return found > 0, nil
}

// begins tells whether a requeue starts the delivery anew, or finds nothing to do; an error says why it must not.
func begins(row *deliveryRow, standing delivery.Standing, force bool, now instant) (bool, error) {
	isNew := standing.Latest == nil && standing.Tries == 0 && row.DeliveryKey == "" // which the first claim makes
	isDue := row.Offered && !standing.DueAt.IsZero() && !standing.DueAt.After(now.Time)
	switch {
	case standing.Leased(now.Time):
		return false, delivery.ErrLeased
	case isNew || isDue:
		return false, nil
	case standing.Settled && !force:
		return false, delivery.ErrSettled
	}
	return true, nil
}

// tally counts what this process's transactions did, since it started.
type tally struct{ claims, expiries, requeues atomic.Uint64 }

// Tally is what this process did since it started.
type Tally struct {
	Claims   uint64 // deliveries that were handed out
	Expiries uint64 // leases that had run out, counted when their delivery was next claimed, settled or requeued
	Requeues uint64
}

// Tally returns what this process did since it started.
func (s *Store) Tally() Tally {
	return Tally{Claims: s.tally.claims.Load(), Expiries: s.tally.expiries.Load(), Requeues: s.tally.requeues.Load()}
}

// requireDocument returns ErrDocumentNotFound when the document is not registered.
func requireDocument(tx *gorm.DB, id string) error {
	var found int64
	if err := tx.Model(&documentRow{}).Where("id = ?", id).Count(&found).Error; err != nil {
		return fmt.Errorf("find a document: %w", err)
	}
	if found == 0 {
		return delivery.ErrDocumentNotFound
	}
	return nil
}
