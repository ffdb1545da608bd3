package store

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/delivery"
)

// Document implements delivery.Store.
func (s *Store) Document(ctx context.Context, id string) (delivery.Document, error) {
	db, err := s.read(ctx)
	if err != nil {
		return delivery.Document{}, err
	}
	document, err := s.findDocument(db, id)
	return document, s.translate(err)
}

func (s *Store) findDocument(db *gorm.DB, id string) (delivery.Document, error) {
	documents, err := s.findDocuments(db, instant{}, "document.id = ?", id)
	if err != nil {
		return delivery.Document{}, err
	}
	if len(documents) == 0 {
		return delivery.Document{}, delivery.ErrDocumentNotFound
	}
	return documents[0], nil
}

// PutDocument implements delivery.Store.
func (s *Store) PutDocument(ctx context.Context, id string, registration delivery.Registration, defaults []string) (document delivery.Document, created bool, err error) {
	var made instant // by a run that registered it, and may have been committed
	err = s.write(ctx, func(tx *gorm.DB) error {
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		row := newDocumentRow(id, registration, now)
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return fmt.Errorf("register a document: %w", added.Error)
		}
		if added.RowsAffected == 1 {
			made = now
			providers := registration.Providers
			if providers == nil {
				providers = defaults
			}
			_, err = s.addDeliveries(tx, row, providers, now)
		} else {
			err = s.refresh(tx, row, registration.Providers)
		}
		if err != nil {
			return err
		}
		document, err = s.findDocument(tx, id)
		created = document.CreatedAt.Equal(made.Time)
		return err
	})
	return document, created, err
}

// refresh replaces what is registered by wanted, where it differs.
func (s *Store) refresh(tx *gorm.DB, wanted documentRow, providers []string) error {
	var current documentRow
	// Two refreshes of one document wait for each other; reports on it, which only point to it, do not.
	locked := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", wanted.ID).Take(&current)
	if locked.Error != nil {
		return fmt.Errorf("lock a document: %w", locked.Error)
	}
	changed := false
	if providers != nil || wanted.Stage != current.Stage || wanted.ExternalID != current.ExternalID {
		var err error
		if changed, err = s.setDeliveries(tx, wanted, providers); err != nil {
			return err
		}
	}
	wanted.CreatedAt, wanted.UpdatedAt = current.CreatedAt, current.UpdatedAt
	if !changed && wanted == current {
		return nil
	}
	now, err := s.now(tx) // only now: it waited for its turn
	if err != nil {
		return err
	}
	wanted.UpdatedAt = now
	if err := tx.Save(&wanted).Error; err != nil {
		return fmt.Errorf("refresh a document: %w", err)
	}
	return nil
}

// setDeliveries makes a document's deliveries those to providers, unless that is nil: adds, retires and takes back.
// It offers them as the document says.
func (s *Store) setDeliveries(tx *gorm.DB, document documentRow, providers []string) (changed bool, err error) {
	added, err := s.addDeliveries(tx, document, providers, document.UpdatedAt)
	if err != nil {
		return false, err
	}
	var rows []deliveryRow
	err = tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("document_id = ?", document.ID).Order("provider").Find(&rows).Error
	if err != nil {
		return false, fmt.Errorf("lock deliveries: %w", err)
	}
	now, err := s.now(tx)
	if err != nil {
		return false, err
	}
	changed = added > 0
	for _, row := range rows {
		before := row
		if providers != nil {
			row.Retired = !slices.Contains(providers, row.Provider)
		}
		row.Offered, row.ExternalID = document.reviewed() && !row.Retired, document.ExternalID
		if row == before {
			continue
		}
		standing := row.standing()
		if row.Offered && !before.Offered {
			standing = standing.Offer(now.Time, s.options.Retry.For(row.Provider))
		}
		row.setStanding(standing, now)
		if err := tx.Save(&row).Error; err != nil {
			return false, fmt.Errorf("change a delivery: %w", err)
		}
		changed = true
	}
	return changed, nil
}
