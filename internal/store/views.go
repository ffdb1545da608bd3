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
	documentPart  = viewPart{"document", documentRow{}}
	deliveryParts = []viewPart{{"delivery", deliveryRow{}}, {"attempt", attemptRow{}}, {"claim", claimRow{}}, {"requeue", auditRow{}}}
)

type viewPart struct {
	alias string
	model any
}

// view selects from a table every column of parts, as deliveryView and documentView expect them, with what
// deliveries refer to.
func view(db *gorm.DB, from, deliveries string, parts ...viewPart) (*gorm.DB, error) {
	var columns []string
	for _, part := range parts {
		statement := gorm.Statement{DB: db}
		if err := statement.Parse(part.model); err != nil {
			return nil, fmt.Errorf("columns of %s: %w", part.alias, err)
		}
		for _, column := range statement.Schema.DBNames {
			columns = append(columns, fmt.Sprintf("%s.%s AS %s__%s", part.alias, column, part.alias, column))
		}
	}
	selected := db.Table(from).Select(columns)
	if deliveries != "" {
		selected = selected.Joins(deliveries)
	}
	return selected.
		Joins("LEFT JOIN delivery_attempts AS attempt ON attempt.id = delivery.latest_attempt_id").
		Joins("LEFT JOIN claims AS claim ON claim.execution_id = delivery.lease_execution_id").
		Joins("LEFT JOIN audit_entries AS requeue ON requeue.id = delivery.requeue_id"), nil
}

// findDocuments reads the documents that meet a condition, by id, with their deliveries, as of now or, where that is zero,
// of when they are read.
func (s *Store) findDocuments(db *gorm.DB, now instant, condition string, arguments ...any) ([]delivery.Document, error) {
	selected, err := view(db, "documents AS document",
		"LEFT JOIN deliveries AS delivery ON delivery.document_id = document.id AND NOT delivery.retired",
		append([]viewPart{documentPart}, deliveryParts...)...)
	if err != nil {
		return nil, err
	}
	selected = selected.Select(strings.Join(selected.Statement.Selects, ", ")+", ? AS now", s.engine.clock())
	var views []documentView
	if err := selected.Where(condition, arguments...).Order("document.id, delivery.provider").Find(&views).Error; err != nil {
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
	selected, err := view(db, "deliveries AS delivery", "", deliveryParts...)
	if err != nil {
		return delivery.Delivery{}, err
	}
	var v deliveryView
	if err := selected.Where("delivery.document_id = ? AND delivery.provider = ?", key.documentID, key.provider).Take(&v).Error; err != nil {
		return delivery.Delivery{}, fmt.Errorf("read a delivery: %w", err)
	}
	return v.delivery(now), nil
}
