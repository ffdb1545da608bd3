package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/audit"
)

// Export writes the history, all of it, or the entries that were recorded in a range.
func (h *History) Export(ctx context.Context, wanted audit.Range, to *audit.Exporter) error {
	if err := to.Begin(wanted); err != nil {
		return err
	}
	write := func(leaf audit.Leaf) error {
		if leaf.Unreadable != nil || leaf.Entry == nil {
			return fmt.Errorf("%v cannot be exported: run numora-delivery audit verify", leaf)
		}
		return to.Leaf(leaf)
	}
	if err := h.Leaves(ctx, write); err != nil {
		return err
	}
	if err := h.Waiting(write); err != nil {
		return err
	}
	if wanted.Whole() {
		if err := h.exportRest(ctx, to); err != nil {
			return err
		}
	}
	return to.End()
}

// exportRest writes what a whole export has besides entries: checkpoints, claims and deliveries.
func (h *History) exportRest(ctx context.Context, to *audit.Exporter) error {
	err := h.Checkpoints(ctx, func(note string) error { return to.Write(audit.Line{Checkpoint: note}) })
	if err != nil {
		return fmt.Errorf("export checkpoints: %w", err)
	}
	var claim claimRow
	err = each(h.db.Raw("SELECT "+claimColumns.list("%")+" FROM claims"), destinations(claimColumns, &claim), func(unreadable error) error {
		return errors.Join(unreadable, to.Write(audit.Line{Claim: values(claimColumns, &claim)}))
	})
	if err != nil {
		return fmt.Errorf("export claims: %w", err)
	}
	var row deliveryRow
	err = each(h.db.Raw("SELECT "+deliveryColumns.list("%")+" FROM deliveries"), destinations(deliveryColumns, &row), func(unreadable error) error {
		return errors.Join(unreadable, to.Write(audit.Line{Delivery: values(deliveryColumns, &row)}))
	})
	if err != nil {
		return fmt.Errorf("export deliveries: %w", err)
	}
	return nil
}

// rowsAtOnce is how many rows of an export are added in one statement.
const rowsAtOnce = 500

// LoadExport makes a database of an export in a folder, for it to be verified there. It returns an error that is
// audit.ErrExport when it is not whole. progress is told every so often how many lines were read.
func LoadExport(ctx context.Context, folder string, from io.Reader, progress func(lines int64)) (*Store, error) {
	s, err := Open("sqlite:"+filepath.Join(folder, "export.db"), Options{Create: true, AllowLossy: true})
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	err = s.writer.WithContext(ctx).Connection(func(session *gorm.DB) error {
		session = session.Session(&gorm.Session{NewDB: true})
		// Documents are not there to refer to; nothing is looked up but by what verifying needs; and what waits to be sealed is told.
		err := session.Exec(`PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF;
			DROP TRIGGER delivery_attempts_unsealed; DROP TRIGGER audit_entries_unsealed;
			DROP INDEX delivery_attempts_provider_idx; DROP INDEX delivery_attempts_status_idx; DROP INDEX delivery_attempts_request_id_idx;
			DROP INDEX delivery_attempts_external_record_id_idx; DROP INDEX delivery_attempts_error_code_idx`).Error
		if err != nil {
			return err
		}
		return session.Transaction(func(tx *gorm.DB) error {
			l := load{tx: tx, waiting: make(map[string][]map[string]any), progress: progress}
			if err := audit.ReadExport(from, l.line); err != nil {
				return err
			}
			for table := range l.waiting {
				if err := l.flush(table); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// load adds the rows of an export, some hundred at a time.
type load struct {
	tx       *gorm.DB
	waiting  map[string][]map[string]any // by table
	lines    int64
	progress func(lines int64)
}

func (l *load) line(line audit.Line) error {
	if l.lines++; l.lines%audit.TellEvery == 0 && l.progress != nil {
		l.progress(l.lines)
	}
	switch {
	case line.Checkpoint != "":
		checkpoint, err := audit.Read(line.Checkpoint)
		if err != nil {
			return fmt.Errorf("%w: a checkpoint: %w", audit.ErrExport, err)
		}
		return l.add("audit_checkpoints", map[string]any{
			"size": checkpoint.Size, "note": line.Checkpoint, "frontier": []byte{}, "sealed_at": instant{checkpoint.SealedAt},
		})
	case line.Claim != nil:
		return l.add("claims", line.Claim)
	case line.Delivery != nil:
		return l.add("deliveries", line.Delivery)
	}
	return l.entry(line)
}

func (l *load) entry(line audit.Line) error {
	var row map[string]any
	if err := json.Unmarshal(line.Entry, &row); err != nil || row == nil {
		return fmt.Errorf("%w: line %d has nothing that is known", audit.ErrExport, l.lines+1)
	}
	kind, form, id := row["type"], row["form"], row["id"]
	if form != float64(audit.Form) || kind != audit.Attempt && kind != audit.AuditEntry {
		return fmt.Errorf("%w: line %d has an entry of a kind or form that is not known", audit.ErrExport, l.lines+1)
	}
	delete(row, "type")
	delete(row, "form")
	table := "delivery_attempts"
	if kind == audit.AuditEntry {
		table = "audit_entries"
	}
	if line.Leaf == nil {
		if err := l.add("audit_unsealed", map[string]any{"recorded_at": row["recorded_at"], "entry_id": id}); err != nil {
			return err
		}
	} else if err := l.add("audit_leaves", map[string]any{"number": *line.Leaf, "entry_id": id, "kind": kind, "form": form, "hash": line.Hash}); err != nil {
		return err
	}
	return l.add(table, row)
}

func (l *load) add(table string, row map[string]any) error {
	l.waiting[table] = append(l.waiting[table], row)
	if len(l.waiting[table]) < rowsAtOnce {
		return nil
	}
	return l.flush(table)
}

func (l *load) flush(table string) error {
	rows := l.waiting[table]
	l.waiting[table] = rows[:0]
	if err := l.tx.Table(table).Create(rows).Error; err != nil {
		return fmt.Errorf("%w: it has rows for %s that do not fit: %w", audit.ErrExport, table, err)
	}
	return nil
}
