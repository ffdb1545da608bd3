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
	document, err := findDocument(db, id)
	return document, s.translate(err)
}

// documentView is a document beside one of its deliveries and the attempt that decides its state.
type documentView struct {
	Document documentRow `gorm:"embedded;embeddedPrefix:document__"`
	Delivery deliveryRow `gorm:"embedded;embeddedPrefix:delivery__"`
	Attempt  attemptRow  `gorm:"embedded;embeddedPrefix:attempt__"`
}

// findDocument reads a document with its deliveries in one statement, so that all of it is of one moment.
func findDocument(db *gorm.DB, id string) (delivery.Document, error) {
	columns, err := viewColumns(db)
	if err != nil {
		return delivery.Document{}, err
	}
	var views []documentView
	err = db.Table("documents AS document").Select(columns).
		Joins("LEFT JOIN deliveries AS delivery ON delivery.document_id = document.id AND NOT delivery.retired").
		Joins("LEFT JOIN delivery_attempts AS attempt ON attempt.id = delivery.latest_attempt_id").
		Where("document.id = ?", id).Order("delivery.provider").Find(&views).Error
	if err != nil {
		return delivery.Document{}, fmt.Errorf("read a document: %w", err)
	}
	if len(views) == 0 {
		return delivery.Document{}, delivery.ErrDocumentNotFound
	}
	var deliveries []delivery.Delivery
	for _, view := range views {
		if view.Delivery.DocumentID == "" {
			continue // a document without deliveries is one row of its own
		}
		d := delivery.Delivery{
			DocumentID: view.Delivery.DocumentID, Provider: view.Delivery.Provider,
			Standing: view.Delivery.standing(), UpdatedAt: view.Delivery.UpdatedAt.Time,
		}
		if view.Attempt.ID != "" {
			attempt := view.Attempt.attempt()
			d.LastAttempt = &attempt
		}
		deliveries = append(deliveries, d)
	}
	return views[0].Document.document(deliveries), nil
}

// viewColumns names every column of the three tables as documentView expects it.
func viewColumns(db *gorm.DB) ([]string, error) {
	var columns []string
	for _, part := range []struct {
		alias string
		model any
	}{{"document", documentRow{}}, {"delivery", deliveryRow{}}, {"attempt", attemptRow{}}} {
		statement := gorm.Statement{DB: db}
		if err := statement.Parse(part.model); err != nil {
			return nil, fmt.Errorf("columns of %s: %w", part.alias, err)
		}
		for _, column := range statement.Schema.DBNames {
			columns = append(columns, fmt.Sprintf("%s.%s AS %s__%s", part.alias, column, part.alias, column))
		}
	}
	return columns, nil
}

// PutDocument implements delivery.Store.
func (s *Store) PutDocument(ctx context.Context, id string, registration delivery.Registration, defaults []string) (document delivery.Document, created bool, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		now, err := s.engine.now(tx)
		if err != nil {
			return fmt.Errorf("ask for the time: %w", err)
		}
		row := newDocumentRow(id, registration, now)
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return fmt.Errorf("register a document: %w", added.Error)
		}
		if created = added.RowsAffected == 1; created {
			providers := registration.Providers
			if providers == nil {
				providers = defaults
			}
			_, err = addDeliveries(tx, id, providers, now)
		} else {
			err = s.refresh(tx, row, registration.Providers)
		}
		if err != nil {
			return err
		}
		document, err = findDocument(tx, id)
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
	if providers != nil {
		var err error
		if changed, err = s.setProviders(tx, wanted.ID, providers, wanted.UpdatedAt); err != nil {
			return err
		}
	}
	wanted.CreatedAt, wanted.UpdatedAt = current.CreatedAt, current.UpdatedAt
	if !changed && wanted == current {
		return nil
	}
	now, err := s.engine.now(tx) // only now: it waited for its turn
	if err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	wanted.UpdatedAt = now
	if err := tx.Save(&wanted).Error; err != nil {
		return fmt.Errorf("refresh a document: %w", err)
	}
	return nil
}

// setProviders makes providers those that the document has to reach: adds, retires and takes back.
func (s *Store) setProviders(tx *gorm.DB, documentID string, providers []string, addedAt instant) (changed bool, err error) {
	added, err := addDeliveries(tx, documentID, providers, addedAt)
	if err != nil {
		return false, err
	}
	changed = added > 0
	var rows []deliveryRow
	err = tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("document_id = ?", documentID).Order("provider").Find(&rows).Error
	if err != nil {
		return false, fmt.Errorf("lock deliveries: %w", err)
	}
	now, err := s.engine.now(tx)
	if err != nil {
		return false, fmt.Errorf("ask for the time: %w", err)
	}
	for _, row := range rows {
		retired := !slices.Contains(providers, row.Provider)
		if row.Retired == retired {
			continue
		}
		row.Retired, row.UpdatedAt, changed = retired, now, true
		if err := tx.Save(&row).Error; err != nil {
			return false, fmt.Errorf("retire a delivery or take it back: %w", err)
		}
	}
	return changed, nil
}
