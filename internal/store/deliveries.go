package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/numora/delivery/internal/delivery"
)

// restingStates are all that a delivery can have while no lease is open.
var restingStates = []string{
	string(delivery.Ready), string(delivery.DeliverySucceeded), string(delivery.DeliverySkipped), string(delivery.DeliveryFailed),
	string(delivery.Exhausted),
}

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
	selected := selection{head: deliveriesView}.where("NOT delivery.retired")
	filters := []filter{{"delivery.external_id", query.ExternalID}, {"delivery.resting", string(query.State)}, {"delivery.provider", query.Provider}}
	kinds := restingStates
	switch query.State {
	case "":
	case delivery.Pending:
		filters[1].value, kinds = "", nil
		selected = selected.where("delivery.lease_expires_at > ?", now)
	default:
		selected = selected.where("(delivery.lease_expires_at IS NULL OR delivery.lease_expires_at <= ?)", now)
	}
	if query.After != nil {
		selected = selected.where("(delivery.updated_at, delivery.document_id, delivery.provider) < (?, ?, ?)",
			instant{query.After.UpdatedAt}, query.After.DocumentID, query.After.Provider)
	}
	text, arguments := s.page(list{
		selection: selected, filters: filters, kind: "delivery.resting", kinds: kinds,
		order: "delivery__updated_at DESC, delivery__document_id DESC, delivery__provider DESC",
		limit: query.Limit + 1, // one more than asked for tells whether there is a next page
	})
	var views []deliveryView
	if err := db.Raw(text, arguments...).Scan(&views).Error; err != nil {
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
		{"offered AND NOT settled AND due_at <= ?", func(b *delivery.Backlog, n int, oldest instant) { b.Due, b.DueFor = n, now.Sub(oldest.Time) }},
		{"NOT retired AND lease_expires_at > ?", func(b *delivery.Backlog, n int, _ instant) { b.Leased = n }},
		{"NOT retired AND resting = 'exhausted' AND (lease_expires_at IS NULL OR lease_expires_at <= ?)", func(b *delivery.Backlog, n int, _ instant) { b.Exhausted = n }},
	} {
		var counts []struct {
			Name   string
			Count  int
			Oldest instant
		}
		// Grouped by an expression, lest they are read by the index of all that a provider has.
		err := db.Model(&deliveryRow{}).Select("provider || '' AS name, count(*) AS count, min(due_at) AS oldest").
			Where(part.condition, now).Group("name").Find(&counts).Error
		if err != nil {
			return nil, s.translate(fmt.Errorf("count the outbox: %w", err))
		}
		for _, c := range counts {
			backlog := backlogs[c.Name]
			backlog.Provider = c.Name
			part.add(&backlog, c.Count, c.Oldest)
			backlogs[c.Name] = backlog
		}
	}
	return slices.SortedFunc(maps.Values(backlogs), func(a, b delivery.Backlog) int {
		return cmp.Compare(a.Provider, b.Provider)
	}), nil
}
