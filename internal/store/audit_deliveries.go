package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm/schema"

	"github.com/numora/delivery/internal/audit"
)

// deliveriesAtOnce is how many deliveries are folded at a time, and those besides of the last document of them.
const deliveriesAtOnce = 500

// factColumns are those that a delivery's standing follows from.
var factColumns = attemptColumns.where(func(f *schema.Field) bool {
	return slices.Contains([]string{"ID", "DocumentID", "Provider", "Status", "ExecutionID", "AttemptedAt", "RecordedAt"}, f.Name)
})

// keptColumns are those of a delivery's standing, and what it takes to tell which claims count.
var keptColumns = deliveryColumns.where(func(f *schema.Field) bool {
	return f.Name != "Since" && (f.Name == "RequeueID" || slices.Contains(knownColumns, f))
})

// keptSelected are these, but for the two instants that say no more than that a row is up to date, when they are the same.
var keptSelected = strings.NewReplacer("updated_at", "nullif(updated_at, derived_at)", "derived_at", "nullif(derived_at, updated_at)").Replace(keptColumns.list("%"))

// Deliveries implements audit.History. It walks backwards through the documents, because the index on attempts has the last
// recorded of each first, and they are folded in the order in which they were recorded.
func (h *History) Deliveries(ctx context.Context, use func(audit.Delivery) error) error {
	for below := ""; ; {
		part, next, err := h.nextDocuments(below)
		if err != nil {
			return err
		}
		if err := h.deliveriesOf(part, use); err != nil || next == "" {
			return err
		}
		below = next
	}
}

// nextDocuments returns the condition of the next documents with deliveries, and the least of them; the last part, for which that
// is empty, also covers whatever is beneath.
func (h *History) nextDocuments(below string) (part selection, least string, err error) {
	next := h.db.Model(&deliveryRow{})
	if below != "" {
		next = next.Where("document_id < ?", below)
		part = part.where("document_id < ?", below)
	}
	var ids []string
	if err := next.Order("document_id DESC").Offset(deliveriesAtOnce-1).Limit(1).Pluck("document_id", &ids).Error; err != nil {
		return part, "", fmt.Errorf("find documents: %w", err)
	}
	if len(ids) == 0 {
		return part, "", nil
	}
	return part.where("document_id >= ?", ids[0]), ids[0], nil
}

// deliveriesOf folds the deliveries of some documents. Attempts whose delivery is gone make one that is not kept.
func (h *History) deliveriesOf(part selection, use func(audit.Delivery) error) error {
	read := func(columns, table, more string) (text string, arguments []any) {
		of := part
		of.head = "SELECT " + columns + " FROM " + table
		return of.text(more), of.arguments
	}
	text, arguments := read(auditColumns.list("%"), "audit_entries", "")
	recorded := facts{requeues: make(map[target]auditRow), claims: make(map[string][]audit.Claim), claimed: make(map[target]string)}
	var entry auditRow
	err := each(h.db.Raw(text, arguments...), destinations(auditColumns, &entry), func(unreadable error) error {
		if unreadable == nil && entry.Kind == "requeue" { // else its leaf tells
			recorded.requeue(entry)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read requeues: %w", err)
	}
	var claim claimRow
	text, arguments = read(claimColumns.list("%"), "claims", "")
	err = each(h.db.Raw(text, arguments...), destinations(claimColumns, &claim), func(unreadable error) error {
		if unreadable == nil { // else the delivery is not what the others come to
			recorded.claim(claim)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read claims: %w", err)
	}
	deliveries := make(map[target]*audit.Delivery, deliveriesAtOnce)
	var kept deliveryRow
	text, arguments = read(keptSelected, "deliveries", "")
	err = each(h.db.Raw(text, arguments...), destinations(keptColumns, &kept), func(unreadable error) error {
		d := recorded.of(kept.target(), string(kept.DeliveryKey))
		d.KeptRequeue = string(kept.RequeueID)
		if unreadable == nil { // else nothing is what it comes to
			d.Kept = kept.current()
		}
		deliveries[kept.target()] = d
		return nil
	})
	if err != nil {
		return fmt.Errorf("read deliveries: %w", err)
	}
	for key := range recorded.requeues {
		recorded.miss(deliveries, key)
	}
	for key := range recorded.claimed {
		recorded.miss(deliveries, key)
	}
	var row attemptRow
	text, arguments = read(factColumns.list("%"), "delivery_attempts", "ORDER BY document_id DESC, recorded_at, id")
	err = each(h.db.Raw(text, arguments...), destinations(factColumns, &row), func(unreadable error) error {
		if unreadable != nil {
			return nil // its leaf tells
		}
		key := target{row.DocumentID, row.Provider}
		recorded.miss(deliveries, key)
		deliveries[key].Facts.Attempt(row.attempt())
		return nil
	})
	if err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	for _, key := range slices.SortedFunc(maps.Keys(deliveries), target.compare) {
		if err := use(*deliveries[key]); err != nil {
			return err
		}
	}
	return nil
}

// facts are what is recorded of deliveries besides attempts.
type facts struct {
	requeues map[target]auditRow      // the last of each
	claims   map[string][]audit.Claim // by delivery key
	claimed  map[target]string        // any of its delivery keys
}

func (f facts) requeue(r auditRow) {
	if key := (target{string(r.DocumentID), string(r.Provider)}); r.RecordedAt.After(f.requeues[key].RecordedAt.Time) {
		f.requeues[key] = r
	}
}

func (f facts) claim(c claimRow) {
	f.claimed[target{c.DocumentID, c.Provider}] = c.DeliveryKey
	f.claims[c.DeliveryKey] = append(f.claims[c.DeliveryKey], audit.Claim{
		ExecutionID: c.ExecutionID, ClaimedAt: c.ClaimedAt.Time, ExpiresAt: c.ExpiresAt.Time, Released: !c.ReleasedAt.IsZero(),
	})
}

// of returns a delivery of which nothing is known to be kept.
func (f facts) of(key target, deliveryKey string) *audit.Delivery {
	var since []audit.Claim
	if deliveryKey != "" {
		since = f.claims[deliveryKey]
	}
	requeue := f.requeues[key]
	return &audit.Delivery{
		DocumentID: key.documentID, Provider: key.provider, Requeue: requeue.ID, Facts: audit.NewFold(requeue.RecordedAt.Time, since),
	}
}

// miss adds a delivery that is gone, though something is recorded of it.
func (f facts) miss(deliveries map[target]*audit.Delivery, key target) {
	if deliveries[key] == nil {
		deliveries[key] = f.of(key, f.claimed[key])
	}
}

var _ audit.History = (*History)(nil)

// claimColumns are those of claims.
var claimColumns = columnsOf(claimRow{})
