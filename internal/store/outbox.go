package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/delivery"
)

// isDue is what is due for a provider now. That nothing is settled has to be said for the sake of rows that an
// older server wrote last, see outdated.go.
const isDue = "offered AND NOT settled AND provider = ? AND due_at <= ?"

// Outbox implements delivery.Store.
func (s *Store) Outbox(ctx context.Context, query delivery.OutboxQuery) (delivery.OutboxPage, error) {
	if err := s.catchUp(ctx); err != nil {
		return delivery.OutboxPage{}, err
	}
	db, err := s.read(ctx)
	if err != nil {
		return delivery.OutboxPage{}, err
	}
	page, err := s.outbox(db, query)
	return page, s.translate(err)
}

func (s *Store) outbox(db *gorm.DB, query delivery.OutboxQuery) (delivery.OutboxPage, error) {
	now, err := s.now(db)
	if err != nil {
		return delivery.OutboxPage{}, err
	}
	due := db.Model(&deliveryRow{}).Select("document_id, due_at").Where(isDue, query.Provider, now)
	if query.After != nil {
		due = due.Where("(due_at, document_id) > (?, ?)", instant{query.After.DueAt}, query.After.DocumentID)
	}
	// One more than asked for tells whether there is a next page.
	var rows []deliveryRow
	if err := due.Order("due_at, document_id").Limit(query.Limit + 1).Find(&rows).Error; err != nil {
		return delivery.OutboxPage{}, fmt.Errorf("list what is due: %w", err)
	}
	var page delivery.OutboxPage
	if len(rows) > query.Limit {
		rows = rows[:query.Limit]
		last := rows[query.Limit-1]
		page.Next = &delivery.OutboxPosition{DueAt: last.DueAt.Time, DocumentID: last.DocumentID}
	}
	// Read by their ids: of a subquery PostgreSQL does not know that it finds few, and plans for many.
	items, err := s.findItems(db, now, rows, query.Provider)
	for _, row := range rows {
		// What was claimed or changed meanwhile is not due any more, or not as it was.
		if item, found := items[row.DocumentID]; found && item.Delivery.DueAt().Equal(row.DueAt.Time) {
			page.Items = append(page.Items, item)
		}
	}
	return page, err
}

// findItems returns the documents of rows with their deliveries to the provider, by id.
func (s *Store) findItems(db *gorm.DB, now instant, rows []deliveryRow, provider string) (map[string]delivery.OutboxItem, error) {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.DocumentID
	}
	if len(ids) == 0 {
		return nil, nil
	}
	documents, err := s.findDocuments(db, now, "document.id IN ?", ids)
	items := make(map[string]delivery.OutboxItem, len(documents))
	for _, document := range documents {
		for _, d := range document.Deliveries {
			if d.Provider == provider {
				items[document.ID] = delivery.OutboxItem{Document: document, Delivery: d}
			}
		}
	}
	return items, err
}

// Claim implements delivery.Store. What is locked is just being claimed, reported on or changed by somebody else,
// and is passed over; SQLite has one writer, and nothing is locked when it is its turn.
func (s *Store) Claim(ctx context.Context, request delivery.ClaimRequest) ([]delivery.Claimed, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	var claimed []delivery.Claimed
	var expiries uint64
	err := s.write(ctx, func(tx *gorm.DB) error {
		if committed, err := areClaimed(tx, claimed); committed || err != nil {
			return err
		}
		claimed, expiries = nil, 0
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		var rows []deliveryRow
		err = tx.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).
			Where(isDue, request.Provider, now).Order("due_at, document_id").Limit(request.Limit).Find(&rows).Error
		if err != nil {
			return fmt.Errorf("find what is due: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
		claims := make(map[string]claimRow, len(rows)) // by document
		due := make(map[string]instant, len(rows))
		for i := range rows {
			row := &rows[i]
			due[row.DocumentID] = row.DueAt
			var expired bool
			claims[row.DocumentID], expired = s.claim(row, request, now)
			if expired {
				expiries++
			}
		}
		claimed, err = s.storeClaims(tx, rows, claims, now)
		for i := range claimed {
			claimed[i].DueAt = due[claimed[i].Claim.DocumentID].Time
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tally.claims.Add(uint64(len(claimed)))
	s.tally.expiries.Add(expiries)
	return claimed, nil
}

// areClaimed tells whether an earlier run has committed what it claimed. It waits for that, if it is still about to: the
// deliveries are locked for so long.
func areClaimed(tx *gorm.DB, claimed []delivery.Claimed) (bool, error) {
	if len(claimed) == 0 {
		return false, nil
	}
	first := claimed[0].Claim
	if _, err := lockDelivery(tx, target{first.DocumentID, first.Provider}); err != nil {
		return false, err
	}
	var rows []claimRow
	if err := tx.Where("execution_id = ?", first.ExecutionID).Limit(1).Find(&rows).Error; err != nil {
		return false, fmt.Errorf("find a claim: %w", err)
	}
	return len(rows) > 0, nil
}

// claim moves a row on by a claim on it. expired tells whether the lease before had run out without a word.
func (s *Store) claim(row *deliveryRow, request delivery.ClaimRequest, now instant) (claim claimRow, expired bool) {
	row.DeliveryKey = cmp.Or(row.DeliveryKey, optional("dlv_"+rand.Text()))
	claim = claimRow{
		ExecutionID: "clm_" + rand.Text(), DocumentID: row.DocumentID, Provider: row.Provider, DeliveryKey: string(row.DeliveryKey),
		Worker: optional(request.Worker), KeyID: request.By.KeyID, KeyName: request.By.Name,
		ClaimedAt: now, ExpiresAt: instant{now.Add(request.Lease)},
	}
	if earliest := row.UpdatedAt.Add(time.Microsecond); now.Before(earliest) {
		claim.ClaimedAt = instant{earliest} // after the claims before, whatever the clock did, so that their order can be read off
	}
	before := row.standing()
	lease := delivery.Lease{ExecutionID: claim.ExecutionID, ExpiresAt: claim.ExpiresAt.Time}
	after := before.Claim(lease, s.options.Retry.For(row.Provider))
	row.setStanding(after, now)
	return claim, ranOut(before, after, now)
}

// storeClaims stores the claims on rows, and returns what they handed out, in the order of rows.
func (s *Store) storeClaims(tx *gorm.DB, rows []deliveryRow, claims map[string]claimRow, now instant) ([]delivery.Claimed, error) {
	added := make([]claimRow, len(rows))
	for i, row := range rows {
		added[i] = claims[row.DocumentID]
	}
	if err := tx.Create(&added).Error; err != nil {
		return nil, fmt.Errorf("add claims: %w", err)
	}
	if err := tx.Save(&rows).Error; err != nil {
		return nil, fmt.Errorf("lease deliveries: %w", err)
	}
	items, err := s.findItems(tx, now, rows, rows[0].Provider)
	if err != nil {
		return nil, err
	}
	claimed := make([]delivery.Claimed, len(rows))
	for i, claim := range added {
		claimed[i] = delivery.Claimed{Item: items[claim.DocumentID], Claim: claim.claim()}
	}
	return claimed, nil
}

// ranOut tells whether a lease that had run out by itself has been passed over.
func ranOut(before, after delivery.Standing, now instant) bool {
	return before.Lease != nil && !before.Leased(now.Time) && (after.Lease == nil || after.Lease.ExecutionID != before.Lease.ExecutionID)
}

// ExtendClaim implements delivery.Store.
func (s *Store) ExtendClaim(ctx context.Context, executionID string, by delivery.Principal, lease time.Duration) (delivery.Claim, error) {
	return s.changeClaim(ctx, executionID, by, func(claim *claimRow, row *deliveryRow, now instant) error {
		if !claim.isOpen(row, now) {
			return delivery.ErrClaimOver
		}
		claim.ExpiresAt = instant{now.Add(lease)}
		row.setStanding(row.standing().Extend(claim.ExpiresAt.Time, s.options.Retry.For(row.Provider)), now)
		return nil
	})
}

// ReleaseClaim implements delivery.Store.
func (s *Store) ReleaseClaim(ctx context.Context, executionID string, by delivery.Principal) (delivery.Claim, error) {
	return s.changeClaim(ctx, executionID, by, func(claim *claimRow, row *deliveryRow, now instant) error {
		switch {
		case !claim.ReleasedAt.IsZero():
			return nil
		case !claim.isOpen(row, now):
			return delivery.ErrClaimOver
		}
		claim.ReleasedAt = now
		row.setStanding(row.standing().Release(s.options.Retry.For(row.Provider)), now)
		return nil
	})
}

// isOpen tells whether the claim has the lease on its delivery, and still does now.
func (c claimRow) isOpen(row *deliveryRow, now instant) bool {
	return row.LeaseExecutionID == optional(c.ExecutionID) && row.standing().Leased(now.Time)
}

// changeClaim runs change on a principal's claim and its delivery, which is locked, and stores what it changed.
func (s *Store) changeClaim(ctx context.Context, executionID string, by delivery.Principal, change func(*claimRow, *deliveryRow, instant) error) (delivery.Claim, error) {
	var claim claimRow
	find := func(tx *gorm.DB) error {
		var rows []claimRow
		if err := tx.Where("execution_id = ?", executionID).Limit(1).Find(&rows).Error; err != nil {
			return fmt.Errorf("find a claim: %w", err)
		}
		if len(rows) == 0 {
			return delivery.ErrClaimNotFound
		}
		claim = rows[0]
		return requireSamePrincipal(tx, claim.KeyID, by.KeyID)
	}
	err := s.write(ctx, func(tx *gorm.DB) error {
		if err := find(tx); err != nil {
			return err
		}
		row, err := lockDelivery(tx, target{claim.DocumentID, claim.Provider})
		if err != nil {
			return err
		}
		if err := find(tx); err != nil { // as it is now: who changes it has the delivery locked
			return err
		}
		now, err := s.now(tx)
		if err != nil {
			return err
		}
		before := claim
		if err := change(&claim, row, now); err != nil || claim == before {
			return err
		}
		if err := tx.Save(&claim).Error; err != nil {
			return fmt.Errorf("change a claim: %w", err)
		}
		if err := tx.Save(row).Error; err != nil {
			return fmt.Errorf("change a lease: %w", err)
		}
		return nil
	})
	if err != nil {
		return delivery.Claim{}, err
	}
	return claim.claim(), nil
}

// requireSamePrincipal returns ErrClaimNotFound when two keys are of different principals.
func requireSamePrincipal(tx *gorm.DB, claimed, by string) error {
	if claimed == by {
		return nil
	}
	var rows []keyRow
	if err := tx.Where("id IN ?", []string{claimed, by}).Find(&rows).Error; err != nil {
		return fmt.Errorf("find whose claim it is: %w", err)
	}
	if len(rows) != 2 || rows[0].principal() != rows[1].principal() {
		return delivery.ErrClaimNotFound
	}
	return nil
}

// lockDelivery reads one delivery and locks it.
func lockDelivery(tx *gorm.DB, key target) (*deliveryRow, error) {
	var row deliveryRow
	err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("document_id = ? AND provider = ?", key.documentID, key.provider).Take(&row).Error
	if err != nil {
		return nil, fmt.Errorf("lock a delivery: %w", err)
	}
	return &row, nil
}
