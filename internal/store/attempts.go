package store

import (
	"context"
	"fmt"

	"github.com/numora/delivery/internal/delivery"
)

var selectAttempts = "SELECT " + attemptColumns.list("%") + " FROM delivery_attempts"

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
	selected := selection{head: selectAttempts}
	if !query.Since.IsZero() {
		selected = selected.where("recorded_at >= ?", instant{query.Since})
	}
	if !query.Until.IsZero() {
		selected = selected.where("recorded_at < ?", instant{query.Until})
	}
	if query.After != nil {
		selected = selected.where("(recorded_at, id) < (?, ?)", instant{query.After.RecordedAt}, query.After.AttemptID)
	}
	text, arguments := s.page(list{
		selection: selected,
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
	})
	if query.OfDocument {
		text = "SELECT page.* FROM (SELECT id FROM documents WHERE id = ?) AS document LEFT JOIN (" + text +
			") AS page ON true ORDER BY page.recorded_at DESC, page.id DESC"
		arguments = append([]any{query.DocumentID}, arguments...)
	}
	rows, err := scanAll[attemptRow](attemptColumns, db.Raw(text, arguments...))
	if err != nil {
		return delivery.AttemptPage{}, s.translate(fmt.Errorf("list attempts: %w", err))
	}
	if query.OfDocument {
		switch {
		case len(rows) == 0:
			return delivery.AttemptPage{}, delivery.ErrDocumentNotFound
		case rows[0].ID == "": // the document's row without an attempt beside it
			rows = nil
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
