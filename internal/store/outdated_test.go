package store

import (
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// What a server of the version before writes, in the columns that it knows.
const (
	olderDocument = `INSERT INTO documents (id, stage, external_id, created_at, updated_at) VALUES (?, ?, 'erp-1', ?, ?)`
	olderDelivery = `INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, last_recorded_at, updated_at)
		VALUES (?, 'dynamics365', false, false, 0, false, NULL, ?)`
	olderReport = `UPDATE deliveries SET touched = true, settled = ?, tries = tries + 1, latest_attempt_id = ?, latest_status = ?,
		latest_effective_at = ?, last_recorded_at = ?, updated_at = ? WHERE document_id = ?`
)

// A server of the version before goes on serving on the schema, until it is replaced, and may have served on it for
// years: whatever it leaves is known to the outbox when somebody looks.
func TestOutdated_WhatAnOlderServerWrote_IsCaughtUpWith(t *testing.T) {
	eachEngine(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		began := instant{delivery.NewInstant(time.Now().Add(-time.Hour))}
		later := instant{began.Add(time.Minute)}
		add := func(id string, stage delivery.Stage) {
			run(t, s, olderDocument, id, string(stage), began, began)
			run(t, s, olderDelivery, id, began)
		}
		report := func(id string, status delivery.Status, at instant) {
			run(t, s, olderReport, status != delivery.Failed, attemptID(1), string(status), at, at, at, id)
		}
		outbox := func() (ids []string) {
			page, err := s.Outbox(t.Context(), delivery.OutboxQuery{Provider: "dynamics365", Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				ids = append(ids, item.Document.ID)
			}
			return ids
		}
		add("new", delivery.Reviewed)
		add("in review", delivery.ReviewRequired)
		add("failed", delivery.Reviewed)
		report("failed", delivery.Failed, later)
		add("succeeded", delivery.Reviewed)
		report("succeeded", delivery.Succeeded, later)
		if got := outbox(); !slices.Equal(got, []string{"new", "failed"}) {
			t.Errorf("due are %v", got)
		}
		page, err := s.Deliveries(t.Context(), delivery.DeliveryQuery{ExternalID: "erp-1", State: delivery.DeliverySucceeded, Limit: 10})
		if err != nil || len(page.Deliveries) != 1 || !page.Deliveries[0].UpdatedAt.Equal(later.Time) {
			t.Errorf("delivered is %+v, error %v", page.Deliveries, err)
		}

		// It reports on what a newer server knows, too: that is not handed out, even before anybody has caught up.
		report("new", delivery.Succeeded, later)
		var due int64
		if err := s.reader.Model(&deliveryRow{}).Where(isDue, "dynamics365", instant{time.Now()}).Count(&due).Error; err != nil || due != 1 {
			t.Errorf("%d are due, error %v, want the failed one alone", due, err)
		}
		document, err := s.Document(t.Context(), "new")
		if err != nil || document.Status() != delivery.PushSucceeded {
			t.Errorf("its status is %s, error %v", document.Status(), err)
		}
		if got := outbox(); !slices.Equal(got, []string{"failed"}) {
			t.Errorf("due are %v", got)
		}

		// A lease that was open when it reported a success is over.
		claimed, err := s.Claim(t.Context(), delivery.ClaimRequest{Provider: "dynamics365", Limit: 1, Lease: time.Hour})
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %+v, error %v", claimed, err)
		}
		report("failed", delivery.Succeeded, instant{delivery.NewInstant(time.Now())})
		outbox()
		if document, err = s.Document(t.Context(), "failed"); err != nil || document.Status() != delivery.PushSucceeded {
			t.Errorf("its status is %s, error %v", document.Status(), err)
		}
		if rows, err := s.CatchUp(t.Context()); rows != 0 || err != nil {
			t.Errorf("%d were left, error %v", rows, err)
		}
	})
}
