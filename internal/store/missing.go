package store

import (
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/delivery"
)

// addMissing adds the documents and deliveries that the fresh entries need. Entries that are not to leave anything
// behind it settles first: those whose document is neither known nor to be registered, and those whose execution id
// is recorded.
func (r *recording) addMissing(tx *gorm.DB) error {
	known, err := knownDocuments(tx, documentIDs(r.entries))
	if err != nil {
		return err
	}
	for _, e := range r.entries {
		if !known[e.DocumentID] && e.of.unknown == nil {
			e.result.Result = delivery.UnknownDocument
		}
	}
	if err := r.settleRecorded(tx); err != nil {
		return err
	}
	fresh := r.fresh()
	if err := r.registerUnknown(tx, fresh, known); err != nil {
		return err
	}
	documents, err := lockDocuments(tx, documentIDs(fresh))
	if err != nil {
		return err
	}
	now, err := r.s.now(tx)
	if err != nil {
		return err
	}
	targets := make(map[target]bool, len(fresh))
	for _, e := range fresh {
		targets[e.target()] = true
	}
	for _, key := range slices.SortedFunc(maps.Keys(targets), target.compare) {
		if _, err := r.s.addDeliveries(tx, documents[key.documentID], []string{key.provider}, now); err != nil {
			return err
		}
	}
	return nil
}

// documentIDs returns the ids of the entries' documents, sorted.
func documentIDs(entries []*entry) []string {
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.DocumentID
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func knownDocuments(tx *gorm.DB, ids []string) (map[string]bool, error) {
	var found []string
	if err := tx.Model(&documentRow{}).Where("id IN ?", ids).Pluck("id", &found).Error; err != nil {
		return nil, fmt.Errorf("find documents: %w", err)
	}
	known := make(map[string]bool, len(found))
	for _, id := range found {
		known[id] = true
	}
	return known, nil
}

// registerUnknown registers the documents that reports for them are allowed to register.
func (r *recording) registerUnknown(tx *gorm.DB, fresh []*entry, known map[string]bool) error {
	unknown := make(map[string]*delivery.Registration)
	for _, e := range fresh {
		if !known[e.DocumentID] {
			unknown[e.DocumentID] = e.of.unknown
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	now, err := r.s.now(tx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(unknown)) {
		row := newDocumentRow(id, *unknown[id], now)
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return fmt.Errorf("register a document: %w", added.Error)
		}
		if added.RowsAffected == 0 {
			continue // registered meanwhile, with providers of its own
		}
		if _, err := r.s.addDeliveries(tx, row, unknown[id].Providers, now); err != nil {
			return err
		}
	}
	return nil
}

// lockDocuments reads documents, which cannot be refreshed until tx ends.
func lockDocuments(tx *gorm.DB, ids []string) (map[string]documentRow, error) {
	var rows []documentRow
	if err := tx.Clauses(clause.Locking{Strength: "SHARE"}).Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock documents: %w", err)
	}
	documents := make(map[string]documentRow, len(rows))
	for _, row := range rows {
		documents[row.ID] = row
	}
	return documents, nil
}

// addDeliveries adds deliveries of a document, in the order in which they are locked, where they are missing,
// and returns how many were.
func (s *Store) addDeliveries(tx *gorm.DB, document documentRow, providers []string, now instant) (missing int64, err error) {
	for _, provider := range slices.Sorted(slices.Values(providers)) {
		row := newDeliveryRow(document, provider, now, s.options.Retry.For(provider))
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return 0, fmt.Errorf("add a delivery: %w", added.Error)
		}
		missing += added.RowsAffected
	}
	return missing, nil
}
