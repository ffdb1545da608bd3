package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Before a server of this version starts, and while one of the version before serves beside it, deliveries are
// written without what the outbox goes by. Such rows are outdated, and are brought up to date where they are
// needed.
const outdated = "derived_at IS DISTINCT FROM updated_at"

// catchUpRows is how many deliveries are brought up to date in one transaction.
const catchUpRows = 500

// CatchUp brings deliveries up to date that a server of an older version wrote last: some of them, and returns
// how many; none when there are no more.
func (s *Store) CatchUp(ctx context.Context) (rows int, err error) {
	err = s.write(ctx, func(tx *gorm.DB) error {
		rows, err = s.catchUpSome(tx)
		return err
	})
	return rows, err
}

// catchUp brings deliveries up to date, as far as it is quickly done, if there are any: hardly ever.
func (s *Store) catchUp(ctx context.Context) error {
	db, err := s.read(ctx)
	if err != nil {
		return err
	}
	var found []string
	if err := db.Model(&deliveryRow{}).Where(outdated).Order("document_id").Limit(1).Pluck("document_id", &found).Error; err != nil {
		return s.translate(fmt.Errorf("look for outdated deliveries: %w", err))
	}
	if len(found) == 0 {
		return nil
	}
	_, err = s.CatchUp(ctx)
	return err
}

func (s *Store) catchUpSome(tx *gorm.DB) (int, error) {
	var ids []string
	if err := tx.Model(&deliveryRow{}).Where(outdated).Order("document_id").Limit(catchUpRows).Pluck("document_id", &ids).Error; err != nil {
		return 0, fmt.Errorf("find outdated deliveries: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	documents, err := lockDocuments(tx, ids)
	if err != nil {
		return 0, err
	}
	var rows []deliveryRow
	err = tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where(outdated).Where("document_id IN ?", ids).
		Order("document_id, provider").Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	for i := range rows {
		row := &rows[i]
		document := documents[row.DocumentID]
		row.Offered, row.ExternalID = document.reviewed() && !row.Retired, document.ExternalID
		standing := row.standing()
		if standing.Since.IsZero() {
			standing.Since = document.CreatedAt.Time
		}
		if standing.Settled {
			standing.Lease = nil // a success ended it
		}
		row.setStanding(standing.Under(s.options.Retry.For(row.Provider)), row.UpdatedAt)
	}
	if err := tx.Save(&rows).Error; err != nil {
		return 0, fmt.Errorf("bring deliveries up to date: %w", err)
	}
	return len(rows), nil
}
