package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/delivery"
)

// errTwinWon says that another transaction recorded one of our execution ids while we were at it.
var errTwinWon = errors.New("an execution id was recorded meanwhile")

// Record implements delivery.Store. A transaction that finds itself overtaken is rolled back whole and run
// again, so that nothing which depended on being first, such as an added delivery, is left behind. It then
// finds what overtook it, which is committed by then: so it ends.
func (s *Store) Record(ctx context.Context, attempts []delivery.Attempt, unknown *delivery.Registration) ([]delivery.Recorded, error) {
	r := recording{s: s, attempts: attempts, unknown: unknown}
	if err := s.write(ctx, r.run); err != nil {
		return nil, err
	}
	s.tally.expiries.Add(r.expiries)
	return r.results, nil
}

// recording is what Record's transaction works on.
type recording struct {
	s        *Store
	attempts []delivery.Attempt
	unknown  *delivery.Registration
	results  []delivery.Recorded
	expiries uint64 // leases that had run out, and which a report ended
}

func (r *recording) run(tx *gorm.DB) error {
	r.results, r.expiries = make([]delivery.Recorded, len(r.attempts)), 0
	documents, err := r.knownDocuments(tx)
	if err != nil {
		return err
	}
	recorded, err := r.knownAttempts(tx)
	if err != nil {
		return err
	}
	first := make(map[string]int) // execution id -> index of the attempt that is stored under it
	for i, a := range r.attempts {
		if !documents[a.DocumentID] && r.unknown == nil {
			r.results[i].Result = delivery.UnknownDocument
			continue
		}
		if _, twin := first[a.ExecutionID]; twin {
			continue
		}
		if original, ok := recorded[a.ExecutionID]; ok {
			r.results[i] = compare(a, original)
		} else {
			first[a.ExecutionID] = i
		}
	}
	if len(first) == 0 {
		return nil
	}
	fresh := make([]int, 0, len(first))
	for _, i := range first {
		fresh = append(fresh, i)
	}
	if err := r.store(tx, fresh, documents); err != nil {
		return err
	}
	for i, a := range r.attempts {
		if r.results[i].Result != "" {
			continue // settled above, or stored
		}
		r.results[i] = compare(a, r.results[first[a.ExecutionID]].Attempt)
	}
	return nil
}

// compare tells what a is beside the original recorded under its execution id.
func compare(a, original delivery.Attempt) delivery.Recorded {
	if differing := a.Differing(original.Report); len(differing) > 0 {
		return delivery.Recorded{Result: delivery.Conflicting, Differing: differing}
	}
	return delivery.Recorded{Result: delivery.Replayed, Attempt: original}
}

func (r *recording) knownDocuments(tx *gorm.DB) (map[string]bool, error) {
	ids := make([]string, len(r.attempts))
	for i, a := range r.attempts {
		ids[i] = a.DocumentID
	}
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

func (r *recording) knownAttempts(tx *gorm.DB) (map[string]delivery.Attempt, error) {
	ids := make([]string, len(r.attempts))
	for i, a := range r.attempts {
		ids[i] = a.ExecutionID
	}
	var rows []attemptRow
	if err := tx.Where("execution_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find recorded attempts: %w", err)
	}
	recorded := make(map[string]delivery.Attempt, len(rows))
	for _, row := range rows {
		recorded[row.ExecutionID] = row.attempt()
	}
	return recorded, nil
}

// store adds the attempts at the indexes fresh and moves their deliveries on.
func (r *recording) store(tx *gorm.DB, fresh []int, documents map[string]bool) error {
	if err := r.registerUnknown(tx, fresh, documents); err != nil {
		return err
	}
	targets := make(map[target]*deliveryRow)
	for _, i := range fresh {
		targets[target{r.attempts[i].DocumentID, r.attempts[i].Provider}] = nil
	}
	if err := r.lockDeliveries(tx, targets); err != nil {
		return err
	}
	claims, err := r.claims(tx, fresh, targets)
	if err != nil {
		return err
	}
	// Only now: what waits for a lock must not take its place in recording order before it has it.
	now, err := r.s.now(tx)
	if err != nil {
		return err
	}
	rows := make([]attemptRow, 0, len(fresh))
	slices.Sort(fresh) // attempts recorded together are recorded in the order they were given
	for _, i := range fresh {
		attempt := r.attempts[i]
		row := targets[target{attempt.DocumentID, attempt.Provider}]
		before := row.standing()
		attempt.RecordedAt = before.NextRecordedAt(now.Time)
		after := before.Record(attempt, claims[attempt.ExecutionID].counts(row), r.s.options.Retry.For(row.Provider))
		if ranOut(before, after, now) {
			r.expiries++
		}
		row.setStanding(after, instant{attempt.RecordedAt})
		rows = append(rows, newAttemptRow(attempt))
		r.results[i] = delivery.Recorded{Result: delivery.Created, Attempt: attempt}
	}
	slices.SortFunc(rows, func(a, b attemptRow) int { return cmp.Compare(a.ExecutionID, b.ExecutionID) })
	added := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "execution_id"}}, DoNothing: true}).Create(&rows)
	if added.Error != nil {
		return fmt.Errorf("add attempts: %w", added.Error)
	}
	if added.RowsAffected != int64(len(rows)) {
		return errTwinWon
	}
	for _, row := range targets {
		if err := tx.Save(row).Error; err != nil {
			return fmt.Errorf("move a delivery on: %w", err)
		}
	}
	return nil
}

// claims returns, by execution id, those that handed out the ids of the failed attempts at the indexes fresh:
// claims that count as tries already.
func (r *recording) claims(tx *gorm.DB, fresh []int, targets map[target]*deliveryRow) (map[string]claimRow, error) {
	var ids []string
	for _, i := range fresh {
		a := r.attempts[i]
		if a.Status == delivery.Failed && targets[target{a.DocumentID, a.Provider}].Tries > 0 {
			ids = append(ids, a.ExecutionID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []claimRow
	if err := tx.Where("execution_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find claims: %w", err)
	}
	claims := make(map[string]claimRow, len(rows))
	for _, row := range rows {
		claims[row.ExecutionID] = row
	}
	return claims, nil
}

// counts tells whether the claim is one of the delivery's tries.
func (c claimRow) counts(row *deliveryRow) bool {
	return c.DocumentID == row.DocumentID && c.Provider == row.Provider && optional(c.DeliveryKey) == row.DeliveryKey &&
		c.ReleasedAt.IsZero()
}

// registerUnknown registers the documents that reports for them are allowed to register.
func (r *recording) registerUnknown(tx *gorm.DB, fresh []int, documents map[string]bool) error {
	var missing []string
	for _, i := range fresh {
		if id := r.attempts[i].DocumentID; !documents[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	now, err := r.s.now(tx)
	if err != nil {
		return err
	}
	for _, id := range slices.Compact(missing) {
		row := newDocumentRow(id, *r.unknown, now)
		added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
		if added.Error != nil {
			return fmt.Errorf("register a document: %w", added.Error)
		}
		if added.RowsAffected == 0 {
			continue // registered meanwhile, with providers of its own
		}
		if _, err := r.s.addDeliveries(tx, row, r.unknown.Providers, now); err != nil {
			return err
		}
	}
	return nil
}

// target names a delivery.
type target struct{ documentID, provider string }

// lockDeliveries adds the deliveries that are missing, then locks and reads all of them.
func (r *recording) lockDeliveries(tx *gorm.DB, targets map[target]*deliveryRow) error {
	keys := make([]target, 0, len(targets))
	for key := range targets {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.documentID, b.documentID), cmp.Compare(a.provider, b.provider))
	})
	rows, err := r.findOrAddDeliveries(tx, keys)
	if err != nil {
		return err
	}
	if len(rows) != len(keys) {
		return fmt.Errorf("locked %d deliveries of %d", len(rows), len(keys))
	}
	for _, row := range rows {
		targets[target{row.DocumentID, row.Provider}] = &row
	}
	return nil
}

// findOrAddDeliveries returns the deliveries of keys locked, after it added those that are missing.
func (r *recording) findOrAddDeliveries(tx *gorm.DB, keys []target) ([]deliveryRow, error) {
	locking := func() *gorm.DB { return tx.Clauses(clause.Locking{Strength: "UPDATE"}) }
	find := tx
	if len(keys) == 1 {
		find = locking() // a single one, as nearly always: with nothing else locked there is no order to keep
	}
	rows, err := findDeliveries(find, keys)
	if err != nil || len(rows) == 1 && len(keys) == 1 {
		return rows, err
	}
	if len(rows) < len(keys) {
		if err := r.addMissing(tx, keys); err != nil {
			return nil, err
		}
	}
	return findDeliveries(locking(), keys)
}

// addMissing adds the deliveries of keys that are missing, as their documents are registered meanwhile.
func (r *recording) addMissing(tx *gorm.DB, keys []target) error {
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = key.documentID
	}
	documents, err := lockDocuments(tx, ids)
	if err != nil {
		return err
	}
	now, err := r.s.now(tx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := r.s.addDeliveries(tx, documents[key.documentID], []string{key.provider}, now); err != nil {
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

// findDeliveries reads the deliveries of keys, in the order in which they are locked.
func findDeliveries(tx *gorm.DB, keys []target) ([]deliveryRow, error) {
	wanted := tx.Session(&gorm.Session{NewDB: true})
	for _, key := range keys {
		wanted = wanted.Or("document_id = ? AND provider = ?", key.documentID, key.provider)
	}
	var rows []deliveryRow
	if err := tx.Where(wanted).Order("document_id, provider").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find deliveries: %w", err)
	}
	return rows, nil
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
