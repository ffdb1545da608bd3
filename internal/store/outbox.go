package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
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
	due := db.Session(&gorm.Session{NewDB: true}).Model(&deliveryRow{}).Select("document_id").Where(isDue, query.Provider, now)
	if query.After != nil {
		due = due.Where("(due_at, document_id) > (?, ?)", instant{query.After.DueAt}, query.After.DocumentID)
	}
	// One more than asked for tells whether there is a next page.
	due = due.Order("due_at, document_id").Limit(query.Limit + 1)
	documents, err := findDocuments(db, now, "document.id IN (?)", due)
	if err != nil {
		return delivery.OutboxPage{}, err
	}
	page := delivery.OutboxPage{Items: itemsOf(documents, query.Provider)}
	slices.SortFunc(page.Items, func(a, b delivery.OutboxItem) int {
		return cmp.Or(a.Delivery.DueAt().Compare(b.Delivery.DueAt()), cmp.Compare(a.Document.ID, b.Document.ID))
	})
	if len(page.Items) > query.Limit {
		page.Items = page.Items[:query.Limit]
		last := page.Items[query.Limit-1]
		page.Next = &delivery.OutboxPosition{DueAt: last.Delivery.DueAt(), DocumentID: last.Document.ID}
	}
	return page, nil
}

// itemsOf returns each document with its delivery to the provider.
func itemsOf(documents []delivery.Document, provider string) []delivery.OutboxItem {
	items := make([]delivery.OutboxItem, 0, len(documents))
	for _, document := range documents {
		for _, d := range document.Deliveries {
			if d.Provider == provider {
				items = append(items, delivery.OutboxItem{Document: document, Delivery: d})
			}
		}
	}
	return items
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

// claim moves a row on by a claim on it. expired tells whether the lease before had run out without a word.
func (s *Store) claim(row *deliveryRow, request delivery.ClaimRequest, now instant) (claim claimRow, expired bool) {
	row.DeliveryKey = cmp.Or(row.DeliveryKey, optional("dlv_"+rand.Text()))
	claim = claimRow{
		ExecutionID: "clm_" + rand.Text(), DocumentID: row.DocumentID, Provider: row.Provider, DeliveryKey: string(row.DeliveryKey),
		Worker: optional(request.Worker), KeyID: request.By.KeyID, KeyName: request.By.Name,
		ClaimedAt: now, ExpiresAt: instant{now.Add(request.Lease)},
	}
	before := row.standing()
	lease := delivery.Lease{ExecutionID: claim.ExecutionID, ExpiresAt: claim.ExpiresAt.Time}
	after := before.Claim(lease, s.options.Retry.For(row.Provider))
	row.setStanding(after, now)
	return claim, ranOut(before, after, now)
}

// storeClaims stores the claims on rows, and returns what they handed out, in the order of rows.
func (s *Store) storeClaims(tx *gorm.DB, rows []deliveryRow, claims map[string]claimRow, now instant) ([]delivery.Claimed, error) {
	var ids []string
	var added []claimRow
	for _, row := range rows {
		ids = append(ids, row.DocumentID)
		added = append(added, claims[row.DocumentID])
	}
	if err := tx.Create(&added).Error; err != nil {
		return nil, fmt.Errorf("add claims: %w", err)
	}
	if err := tx.Save(&rows).Error; err != nil {
		return nil, fmt.Errorf("lease deliveries: %w", err)
	}
	documents, err := findDocuments(tx, now, "document.id IN ?", ids)
	if err != nil {
		return nil, err
	}
	items := make(map[string]delivery.OutboxItem, len(documents))
	for _, item := range itemsOf(documents, rows[0].Provider) {
		items[item.Document.ID] = item
	}
	claimed := make([]delivery.Claimed, 0, len(rows))
	for _, id := range ids {
		claimed = append(claimed, delivery.Claimed{Item: items[id], Claim: claims[id].claim()})
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
		if err := tx.Where("execution_id = ? AND key_id = ?", executionID, by.KeyID).Limit(1).Find(&rows).Error; err != nil {
			return fmt.Errorf("find a claim: %w", err)
		}
		if len(rows) == 0 {
			return delivery.ErrClaimNotFound
		}
		claim = rows[0]
		return nil
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

// lockDelivery reads one delivery and locks it.
func lockDelivery(tx *gorm.DB, key target) (*deliveryRow, error) {
	var row deliveryRow
	err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("document_id = ? AND provider = ?", key.documentID, key.provider).Take(&row).Error
	if err != nil {
		return nil, fmt.Errorf("lock a delivery: %w", err)
	}
	return &row, nil
}
