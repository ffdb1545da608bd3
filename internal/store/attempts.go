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
	// The first that is given finds the attempts by its index; those before it in this order find fewer.
	selected := s.filter(db, []filter{
		{"execution_id = ?", query.ExecutionID},
		{"request_id = ?", query.RequestID},
		{"external_record_id = ?", query.ExternalRecordID},
		{"document_id = ?", query.DocumentID},
		{"error_code = ?", query.ErrorCode},
		{"provider = ?", query.Provider},
		{"status = ?", string(query.Status)},
	})
	if !query.Since.IsZero() {
		selected = selected.Where("recorded_at >= ?", instant{query.Since})
	}
	if !query.Until.IsZero() {
		selected = selected.Where("recorded_at < ?", instant{query.Until})
	}
	if query.After != nil {
		selected = selected.Where("(recorded_at, id) < (?, ?)", instant{query.After.RecordedAt}, query.After.AttemptID)
	}
	// One more than asked for tells whether there is a next page.
	var rows []attemptRow
	if err := selected.Order("recorded_at DESC, id DESC").Limit(query.Limit + 1).Find(&rows).Error; err != nil {
		return delivery.AttemptPage{}, s.translate(fmt.Errorf("list attempts: %w", err))
	}
	if len(rows) == 0 && query.OfDocument {
		if err := s.requireDocument(db, query.DocumentID); err != nil {
			return delivery.AttemptPage{}, err
		}
	}
	return newAttemptPage(rows, query.Limit), nil
}

// filter is a condition with a value; an empty value does not filter.
type filter struct{ condition, value string }

// filter selects by filters. The first that has a value is to find the rows by its index, and the others to look at
// those: without statistics SQLite would take any index for as good as another.
func (s *Store) filter(db *gorm.DB, filters []filter) *gorm.DB {
	found := false
	for _, f := range filters {
		switch {
		case f.value == "":
			continue
		case found:
			db = db.Where(s.engine.withoutIndex(f.condition), f.value)
		default:
			db = db.Where(f.condition, f.value)
		}
		found = true
	}
	return db
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
