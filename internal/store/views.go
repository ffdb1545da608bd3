package store

import (
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
)

// deliveryView is a delivery beside what it refers to: the attempt that decides its state, the claim that has its
// lease, and its last requeue. All is read in one statement, so that all of it is of one moment.
type deliveryView struct {
	Delivery deliveryRow `gorm:"embedded;embeddedPrefix:delivery__"`
	Attempt  attemptRow  `gorm:"embedded;embeddedPrefix:attempt__"`
	Claim    claimRow    `gorm:"embedded;embeddedPrefix:claim__"`
	Requeue  auditRow    `gorm:"embedded;embeddedPrefix:requeue__"`
}

// documentView is a document beside one of its deliveries, and the time when they were read.
type documentView struct {
	Now      instant
	Document documentRow  `gorm:"embedded;embeddedPrefix:document__"`
	Beside   deliveryView `gorm:"embedded"`
}

func (v deliveryView) delivery(now instant) delivery.Delivery {
	d := delivery.Delivery{
		DocumentID: v.Delivery.DocumentID, Provider: v.Delivery.Provider, Standing: v.Delivery.current(),
		Offered: v.Delivery.Offered, UpdatedAt: v.Delivery.UpdatedAt.Time, AsOf: now.Time,
	}
	if v.Attempt.ID != "" {
		attempt := v.Attempt.attempt()
		d.LastAttempt = &attempt
	}
	if v.Claim.ExecutionID != "" {
		claim := v.Claim.claim()
		d.LastClaim = &claim
	}
	if v.Requeue.ID != "" {
		requeued := v.Requeue.requeued()
		d.Requeued = &requeued
	}
	return d
}

// The parts of views: each table under its alias.
var (
	documentPart  = viewPart{"document", columnsOf(documentRow{})}
	deliveryParts = []viewPart{
		{"delivery", deliveryColumns}, {"attempt", attemptColumns}, {"claim", claimColumns}, {"requeue", auditColumns},
	}
)

type viewPart struct {
	alias string
	columns
}

// deliveriesView selects what deliveryView holds, up to WHERE; documentsView what documentView does, with the time as its
// parameter.
var (
	deliveriesView = view(deliveryParts...) + " FROM deliveries AS delivery" + besideDeliveries
	documentsView  = view(append([]viewPart{documentPart}, deliveryParts...)...) + ", ? AS now FROM documents AS document " +
		"LEFT JOIN deliveries AS delivery ON delivery.document_id = document.id AND NOT delivery.retired" + besideDeliveries
)

const besideDeliveries = " LEFT JOIN delivery_attempts AS attempt ON attempt.id = delivery.latest_attempt_id" +
	" LEFT JOIN claims AS claim ON claim.execution_id = delivery.lease_execution_id" +
	" LEFT JOIN audit_entries AS requeue ON requeue.id = delivery.requeue_id"

// view selects every column of its parts, under the names that the prefixes of deliveryView and documentView make.
func view(parts ...viewPart) string {
	lists := make([]string, len(parts))
	for i, part := range parts {
		lists[i] = part.list(part.alias + ".% AS " + part.alias + "__%")
	}
	return "SELECT " + strings.Join(lists, ", ")
}

// findDocuments reads the documents that meet a condition, by id, with their deliveries, as of now or, where that is zero,
// of when they are read.
func (s *Store) findDocuments(db *gorm.DB, now instant, condition string, arguments ...any) ([]delivery.Document, error) {
	selected := selection{head: documentsView, arguments: []any{s.engine.clock()}}.where(condition, arguments...)
	var views []documentView
	if err := db.Raw(selected.text("ORDER BY document.id, delivery.provider"), selected.arguments...).Scan(&views).Error; err != nil {
		return nil, fmt.Errorf("read documents: %w", err)
	}
	if now.IsZero() && len(views) > 0 {
		now = s.adjusted(views[0].Now)
	}
	var documents []delivery.Document
	for _, v := range views {
		if n := len(documents); n == 0 || documents[n-1].ID != v.Document.ID {
			documents = append(documents, v.Document.document(now))
		}
		if v.Beside.Delivery.DocumentID != "" { // a document without deliveries is one row of its own
			last := &documents[len(documents)-1]
			last.Deliveries = append(last.Deliveries, v.Beside.delivery(now))
		}
	}
	return documents, nil
}

// findDelivery reads one delivery as of now.
func findDelivery(db *gorm.DB, now instant, key target) (delivery.Delivery, error) {
	selected := selection{head: deliveriesView}.where("delivery.document_id = ? AND delivery.provider = ?", key.documentID, key.provider)
	var v deliveryView
	found := db.Raw(selected.text("LIMIT 1"), selected.arguments...).Scan(&v)
	if found.Error == nil && found.RowsAffected == 0 {
		found.Error = gorm.ErrRecordNotFound
	}
	if found.Error != nil {
		return delivery.Delivery{}, fmt.Errorf("read a delivery: %w", found.Error)
	}
	return v.delivery(now), nil
}
