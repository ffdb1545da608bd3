package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// Attempt implements delivery.Store.
func (s *Store) Attempt(ctx context.Context, id string) (delivery.Attempt, error) {
	db, err := s.read(ctx)
	if err != nil {
		return delivery.Attempt{}, err
	}
	var rows []attemptRow
	if err := db.Where("id = ?", id).Limit(1).Find(&rows).Error; err != nil {
		return delivery.Attempt{}, s.translate(fmt.Errorf("read an attempt: %w", err))
	}
	if len(rows) == 0 {
		return delivery.Attempt{}, delivery.ErrAttemptNotFound
	}
	return rows[0].attempt(), nil
}

// Attempts implements delivery.Store.
func (s *Store) Attempts(ctx context.Context, query delivery.AttemptQuery) (delivery.AttemptPage, error) {
	db, err := s.read(ctx)
	if err != nil {
		return delivery.AttemptPage{}, err
	}
	selected := db.Model(&attemptRow{})
	if !query.Since.IsZero() {
		selected = selected.Where("recorded_at >= ?", instant{query.Since})
	}
	if !query.Until.IsZero() {
		selected = selected.Where("recorded_at < ?", instant{query.Until})
	}
	if query.After != nil {
		selected = selected.Where("(recorded_at, id) < (?, ?)", instant{query.After.RecordedAt}, query.After.AttemptID)
	}
	rows, err := scanAll[attemptRow](attemptColumns, s.page(list{
		selected: selected,
		filters: []filter{
			{"execution_id", query.ExecutionID},
			{"request_id", query.RequestID},
			{"external_record_id", query.ExternalRecordID},
			{"document_id", query.DocumentID},
			{"error_code", query.ErrorCode},
			{"provider", query.Provider},
			{"status", string(query.Status)},
		},
		kind: "status", kinds: []string{string(delivery.Succeeded), string(delivery.Failed), string(delivery.Skipped)},
		order: "recorded_at DESC, id DESC",
		limit: query.Limit + 1, // one more than asked for tells whether there is a next page
	}))
	if err != nil {
		return delivery.AttemptPage{}, s.translate(fmt.Errorf("list attempts: %w", err))
	}
	if len(rows) == 0 && query.OfDocument {
		if err := s.requireDocument(db, query.DocumentID); err != nil {
			return delivery.AttemptPage{}, err
		}
	}
	return newAttemptPage(rows, query.Limit), nil
}

// newAttemptPage makes a page of up to limit attempts from rows, which may hold one more.
func newAttemptPage(rows []attemptRow, limit int) delivery.AttemptPage {
	var page delivery.AttemptPage
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = &delivery.Position{RecordedAt: last.RecordedAt.Time, AttemptID: last.ID}
	}
	for _, row := range rows {
		page.Attempts = append(page.Attempts, row.attempt())
	}
	return page
}

// requireDocument returns ErrDocumentNotFound when the document is not registered.
func (s *Store) requireDocument(db *gorm.DB, id string) error {
	var found int64
	if err := db.Session(&gorm.Session{NewDB: true}).Model(&documentRow{}).Where("id = ?", id).Count(&found).Error; err != nil {
		return s.translate(fmt.Errorf("find a document: %w", err))
	}
	if found == 0 {
		return delivery.ErrDocumentNotFound
	}
	return nil
}
