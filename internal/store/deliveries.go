package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/numora/delivery/internal/delivery"
)

// Deliveries implements delivery.Store.
func (s *Store) Deliveries(ctx context.Context, query delivery.DeliveryQuery) (delivery.DeliveryPage, error) {
	if err := s.catchUp(ctx); err != nil {
		return delivery.DeliveryPage{}, err
	}
	db, err := s.read(ctx)
	if err != nil {
		return delivery.DeliveryPage{}, err
	}
	now, err := s.now(db)
	if err != nil {
		return delivery.DeliveryPage{}, s.translate(err)
	}
	selected, err := view(db, "deliveries AS delivery", "", deliveryParts...)
	if err != nil {
		return delivery.DeliveryPage{}, err
	}
	selected = selected.Where("NOT delivery.retired")
	// The first of external id, state and provider that is given finds the deliveries by its index.
	filters := []filter{{"delivery.external_id = ?", query.ExternalID}}
	switch query.State {
	case "":
	case delivery.Pending:
		selected = selected.Where("delivery.lease_expires_at > ?", now)
	default:
		filters = append(filters, filter{"delivery.resting = ?", string(query.State)})
		selected = selected.Where("(delivery.lease_expires_at IS NULL OR delivery.lease_expires_at <= ?)", now)
	}
	selected = s.filter(selected, append(filters, filter{"delivery.provider = ?", query.Provider}))
	if query.After != nil {
		selected = selected.Where("(delivery.updated_at, delivery.document_id, delivery.provider) < (?, ?, ?)",
			instant{query.After.UpdatedAt}, query.After.DocumentID, query.After.Provider)
	}
	// One more than asked for tells whether there is a next page.
	var views []deliveryView
	err = selected.Order("delivery.updated_at DESC, delivery.document_id DESC, delivery.provider DESC").Limit(query.Limit + 1).Find(&views).Error
	if err != nil {
		return delivery.DeliveryPage{}, s.translate(fmt.Errorf("list deliveries: %w", err))
	}
	var page delivery.DeliveryPage
	if len(views) > query.Limit {
		views = views[:query.Limit]
		last := views[query.Limit-1].Delivery
		page.Next = &delivery.DeliveryPosition{UpdatedAt: last.UpdatedAt.Time, DocumentID: last.DocumentID, Provider: last.Provider}
	}
	for _, v := range views {
		page.Deliveries = append(page.Deliveries, v.delivery(now))
	}
	return page, nil
}

// Backlogs implements delivery.Store.
func (s *Store) Backlogs(ctx context.Context) ([]delivery.Backlog, error) {
	db, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.now(db)
	if err != nil {
		return nil, s.translate(err)
	}
	backlogs := make(map[string]delivery.Backlog)
	for _, part := range []struct {
		condition string
		add       func(*delivery.Backlog, int, instant)
	}{
		{"offered AND NOT settled AND due_at <= ?", func(b *delivery.Backlog, n int, oldest instant) { b.Due, b.OldestDue = n, oldest.Time }},
		{"NOT retired AND lease_expires_at > ?", func(b *delivery.Backlog, n int, _ instant) { b.Leased = n }},
		{"NOT retired AND resting = 'exhausted' AND (lease_expires_at IS NULL OR lease_expires_at <= ?)", func(b *delivery.Backlog, n int, _ instant) { b.Exhausted = n }},
	} {
		var counts []struct {
			Provider string
			Count    int
			Oldest   instant
		}
		err := db.Model(&deliveryRow{}).Select("provider, count(*) AS count, min(due_at) AS oldest").
			Where(part.condition, now).Group("provider").Find(&counts).Error
		if err != nil {
			return nil, s.translate(fmt.Errorf("count the outbox: %w", err))
		}
		for _, c := range counts {
			backlog := backlogs[c.Provider]
			backlog.Provider = c.Provider
			part.add(&backlog, c.Count, c.Oldest)
			backlogs[c.Provider] = backlog
		}
	}
	return slices.SortedFunc(maps.Values(backlogs), func(a, b delivery.Backlog) int {
		return cmp.Compare(a.Provider, b.Provider)
	}), nil
}
