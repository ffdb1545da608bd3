package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// History is the audit history of one moment. It implements audit.History, and holds one row in memory, or the deliveries of
// some hundred documents.
type History struct{ db *gorm.DB }

// ReadHistory runs do with the audit history of this moment.
func (s *Store) ReadHistory(ctx context.Context, do func(*History) error) error {
	if err := s.requireSchema(ctx); err != nil {
		return err
	}
	err := s.reader.WithContext(ctx).Connection(func(session *gorm.DB) error {
		session = session.Session(&gorm.Session{NewDB: true})
		if err := session.Exec(s.engine.snapshot()).Error; err != nil {
			return err
		}
		return errors.Join(do(&History{session}), session.Exec("ROLLBACK").Error)
	})
	return s.translate(err)
}

// Checkpoints implements audit.History.
func (h *History) Checkpoints(_ context.Context, use func(note string) error) error {
	var note string
	return each(h.db.Raw("SELECT note FROM audit_checkpoints ORDER BY size"), []any{&note}, func(unreadable error) error {
		if unreadable != nil {
			return unreadable
		}
		return use(note)
	})
}

// leavesAtOnce is how many leaves are read at a time.
const leavesAtOnce = 10_000

var (
	leafColumns = columnsOf(leafRow{})
	// besideLeaf are the columns of an attempt that its leaf does not tell.
	besideLeaf = attemptColumns.where(func(f *schema.Field) bool { return f.Name != "ID" })
)

// leavesView selects leaves beside the attempts that they are of, up to WHERE.
var leavesView = view(viewPart{"leaf", leafColumns}, viewPart{"attempt", besideLeaf}) + ` FROM audit_leaves AS leaf
	LEFT JOIN delivery_attempts AS attempt ON leaf.kind = '` + audit.Attempt + `' AND attempt.id = leaf.entry_id`

// Leaves implements audit.History.
func (h *History) Leaves(_ context.Context, use func(audit.Leaf) error) error {
	for from := int64(0); ; from += leavesAtOnce {
		var first sql.NullInt64
		if err := h.db.Raw("SELECT min(number) FROM audit_leaves WHERE number >= ?", from).Row().Scan(&first); err != nil {
			return err
		}
		if !first.Valid {
			return nil
		}
		from = first.Int64
		if err := h.leaves("leaf.number BETWEEN ? AND ?", []any{from, from + leavesAtOnce - 1}, use); err != nil {
			return err
		}
	}
}

// leaves reads the leaves that meet a condition. Audit entries, of which there are few, are read before: to read both side by side
// costs a third more.
func (h *History) leaves(condition string, arguments []any, use func(audit.Leaf) error) error {
	entries, err := h.auditEntries("SELECT leaf.entry_id FROM audit_leaves AS leaf WHERE leaf.kind = '"+audit.AuditEntry+"' AND "+condition, arguments)
	if err != nil {
		return err
	}
	var leaf leafRow
	var attempt attemptRow
	var form []byte
	columns := append(destinations(leafColumns, &leaf), present(besideLeaf, &attempt)...)
	query := h.db.Raw(leavesView+" WHERE "+condition+" ORDER BY leaf.number", arguments...)
	return each(query, columns, func(unreadable error) error {
		l := audit.Leaf{Number: leaf.Number, Kind: leaf.Kind, EntryID: leaf.EntryID, Form: leaf.Form, Hash: leaf.Hash, Unreadable: unreadable}
		entry, is := entries[leaf.EntryID]
		switch {
		case unreadable != nil:
		case attempt.DocumentID != "":
			attempt.ID = leaf.EntryID
			form = audit.AppendAttempt(form[:0], attempt.attempt())
			l.Entry, l.RecordedAt = form, attempt.RecordedAt.Time
		case is && entry.unreadable != nil:
			l.Unreadable = entry.unreadable
		case is:
			form = audit.AppendEntry(form[:0], entry.entry())
			l.Entry, l.RecordedAt = form, entry.RecordedAt.Time
		}
		return use(l)
	})
}

// readEntry is an audit entry, or why it cannot be read.
type readEntry struct {
	auditRow
	unreadable error
}

// auditEntries returns the audit entries whose ids a query selects.
func (h *History) auditEntries(ids string, arguments []any) (map[string]readEntry, error) {
	entries := make(map[string]readEntry)
	var row auditRow
	query := h.db.Raw("SELECT "+auditColumns.list("%")+" FROM audit_entries WHERE id IN ("+ids+")", arguments...)
	err := each(query, present(auditColumns, &row), func(unreadable error) error {
		entries[row.ID] = readEntry{row, unreadable}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read audit entries: %w", err)
	}
	return entries, nil
}

// sealedTables are the tables whose rows are sealed, by kind.
var sealedTables = []struct {
	kind, table string
	columns     columns
}{{audit.Attempt, "delivery_attempts", attemptColumns}, {audit.AuditEntry, "audit_entries", auditColumns}}

// waiting selects from the rows of a table that are noted as unsealed and are not sealed.
func waiting(kind, table string) string {
	return " FROM audit_unsealed AS noted JOIN " + table + ` AS entry ON entry.id = noted.entry_id
		WHERE NOT EXISTS (SELECT 1 FROM audit_leaves WHERE entry_id = noted.entry_id AND kind = '` + kind + "')"
}

// Unsealed implements audit.History.
func (h *History) Unsealed(context.Context) (audit.Unsealed, error) {
	var found audit.Unsealed
	for _, t := range sealedTables {
		var entries, noted int64
		var oldest instant
		row := h.db.Raw("SELECT (SELECT count(*) FROM " + t.table + ") - (SELECT count(*) FROM audit_leaves WHERE kind = '" + t.kind + `'),
			(SELECT count(*)` + waiting(t.kind, t.table) + "), (SELECT min(noted.recorded_at)" + waiting(t.kind, t.table) + ")").Row()
		if err := row.Scan(&entries, &noted, &oldest); err != nil {
			return found, err
		}
		found.Entries, found.Noted = found.Entries+entries, found.Noted+noted
		if !oldest.IsZero() && (found.Oldest.IsZero() || oldest.Before(found.Oldest)) {
			found.Oldest = oldest.Time
		}
		if entries == noted || found.Lost != "" {
			continue
		}
		var id string
		err := h.db.Raw("SELECT id FROM " + t.table + " AS lost WHERE NOT EXISTS (SELECT 1 FROM audit_leaves WHERE entry_id = lost.id AND kind = '" + t.kind + `')
			AND NOT EXISTS (SELECT 1 FROM audit_unsealed WHERE recorded_at = lost.recorded_at AND entry_id = lost.id) ORDER BY recorded_at LIMIT 1`).Row().Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return found, err
		}
		found.Lost = strings.TrimSpace("an " + strings.ReplaceAll(t.kind, "_", " ") + " " + id) // without an id where there are several of one id
	}
	return found, nil
}

// Waiting calls use with every entry that waits to be sealed: a leaf that has no hash yet.
func (h *History) Waiting(use func(audit.Leaf) error) error {
	var attempt attemptRow
	var entry auditRow
	for i, destinations := range [][]any{present(attemptColumns, &attempt), present(auditColumns, &entry)} {
		t := sealedTables[i]
		query := h.db.Raw("SELECT " + t.columns.list("entry.%") + waiting(t.kind, t.table) + " ORDER BY noted.recorded_at, noted.entry_id")
		err := each(query, destinations, func(unreadable error) error {
			if t.kind == audit.Attempt {
				return use(audit.Leaf{Kind: t.kind, EntryID: attempt.ID, Entry: audit.AppendAttempt(nil, attempt.attempt()), RecordedAt: attempt.RecordedAt.Time, Unreadable: unreadable})
			}
			return use(audit.Leaf{Kind: t.kind, EntryID: entry.ID, Entry: audit.AppendEntry(nil, entry.entry()), RecordedAt: entry.RecordedAt.Time, Unreadable: unreadable})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// present returns where the columns of a row are to be scanned to, as destinations does, but for text that is empty, which no server
// writes: it means what NULL means, and yet somebody has changed it.
func present[Row any](c columns, row *Row) []any {
	all := destinations(c, row)
	for i := range all {
		if text, is := all[i].(*optional); is {
			all[i] = presentText{text}
		}
	}
	return all
}

type presentText struct{ *optional }

// Scan implements sql.Scanner.
func (p presentText) Scan(value any) error {
	if text, is := value.(string); is && text == "" {
		return errors.New("a text that no server writes")
	}
	return p.optional.Scan(value)
}

// Prove makes the proof of the attempt with an execution id, by the last checkpoint. It returns delivery.ErrAttemptNotFound where
// there is none, and delivery.ErrNoCheckpoint where none covers it yet.
func (h *History) Prove(executionID string) (audit.Proof, error) {
	var proved *audit.Leaf
	const condition = "leaf.entry_id = (SELECT id FROM delivery_attempts WHERE execution_id = ?) AND leaf.kind = '" + audit.Attempt + "'"
	err := h.leaves(condition, []any{executionID}, func(leaf audit.Leaf) error {
		proved = &leaf
		return leaf.Unreadable
	})
	if err != nil {
		return audit.Proof{}, fmt.Errorf("find an attempt: %w", err)
	}
	if proved == nil {
		var recorded int64
		if err := h.db.Model(&attemptRow{}).Where("execution_id = ?", executionID).Count(&recorded).Error; err != nil {
			return audit.Proof{}, fmt.Errorf("find an attempt: %w", err)
		}
		if recorded == 0 {
			return audit.Proof{}, delivery.ErrAttemptNotFound
		}
		return audit.Proof{}, delivery.ErrNoCheckpoint
	}
	last, err := lastCheckpoint(h.db.Session(&gorm.Session{}))
	if err != nil {
		return audit.Proof{}, err
	}
	checkpoint, err := audit.Read(last.Note)
	if err != nil {
		return audit.Proof{}, fmt.Errorf("read the last checkpoint: %w", err)
	}
	return audit.Prove(checkpoint, proved.Number, proved.Entry, func(use func(tlog.Hash) error) error {
		var hash []byte
		return each(h.db.Raw("SELECT hash FROM audit_leaves WHERE number < ? ORDER BY number", checkpoint.Size), []any{&hash}, func(unreadable error) error {
			if unreadable == nil && len(hash) == tlog.HashSize {
				return use(tlog.Hash(hash))
			}
			return errors.Join(errors.New("a leaf cannot be read: run audit verify"), unreadable)
		})
	})
}
