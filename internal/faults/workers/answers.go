package workers

import (
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// These are the contract's shapes as far as they are looked at, in types of the harness's own: what the server is generated from
// should not be what it is judged by.

type attemptAnswer struct {
	ID               string    `json:"id"`
	DocumentID       string    `json:"document_id"`
	Provider         string    `json:"provider"`
	Status           string    `json:"status"`
	ExecutionID      string    `json:"execution_id"`
	AttemptedAt      string    `json:"attempted_at"`
	ExternalRecordID string    `json:"external_record_id"` // null is empty, which the contract has no other use for
	ExternalURL      string    `json:"external_url"`
	ErrorCode        string    `json:"error_code"`
	ErrorMessage     string    `json:"error_message"`
	RequestID        string    `json:"request_id"`
	RecordedAt       time.Time `json:"recorded_at"`
}

func (a attemptAnswer) attempt() history.Attempt {
	return history.Attempt{
		Report: history.Report{
			DocumentID: a.DocumentID, Provider: a.Provider, Status: a.Status, ExecutionID: a.ExecutionID, AttemptedAt: a.AttemptedAt,
			ExternalRecordID: a.ExternalRecordID, ExternalURL: a.ExternalURL, ErrorCode: a.ErrorCode, ErrorMessage: a.ErrorMessage,
		},
		ID: a.ID, RequestID: a.RequestID, RecordedAt: a.RecordedAt,
	}
}

type deliveryAnswer struct {
	DocumentID  string         `json:"document_id"`
	Provider    string         `json:"provider"`
	State       string         `json:"state"`
	Tries       int            `json:"tries"`
	LastAttempt *attemptAnswer `json:"last_attempt"`
	DueAt       *time.Time     `json:"due_at"`
	ClaimedBy   *struct {
		Worker string `json:"worker"`
	} `json:"claimed_by"`
	LeaseExpiresAt *time.Time `json:"lease_expires_at"`
	Requeued       *struct {
		At time.Time `json:"at"`
	} `json:"requeued"`
}

func (d deliveryAnswer) delivery() history.Delivery {
	found := history.Delivery{
		DocumentID: d.DocumentID, Provider: d.Provider, State: d.State, Tries: d.Tries, DueAt: d.DueAt, LeaseExpiresAt: d.LeaseExpiresAt,
	}
	if d.LastAttempt != nil {
		found.LastAttempt = d.LastAttempt.ExecutionID
	}
	if d.ClaimedBy != nil {
		found.ClaimedBy = d.ClaimedBy.Worker
	}
	if d.Requeued != nil {
		found.RequeuedAt = &d.Requeued.At
	}
	return found
}

type documentAnswer struct {
	ID         string           `json:"id"`
	Status     string           `json:"status"`
	Deliveries []deliveryAnswer `json:"deliveries"`
}

func (d documentAnswer) document() *history.Document {
	found := &history.Document{ID: d.ID, Status: d.Status}
	for _, each := range d.Deliveries {
		found.Deliveries = append(found.Deliveries, each.delivery())
	}
	return found
}

type leaseAnswer struct {
	ExecutionID    string    `json:"execution_id"`
	DocumentID     string    `json:"document_id"`
	Provider       string    `json:"provider"`
	DeliveryKey    string    `json:"delivery_key"`
	LeaseExpiresAt time.Time `json:"lease_expires_at"` // null, once it was given back, is the zero instant
}

func (l leaseAnswer) lease() history.Lease {
	return history.Lease{ExecutionID: l.ExecutionID, DocumentID: l.DocumentID, Provider: l.Provider, DeliveryKey: l.DeliveryKey, ExpiresAt: l.LeaseExpiresAt}
}

type page[item any] struct {
	Data []item  `json:"data"`
	Next *string `json:"next_cursor"`
}

type errorAnswer struct {
	Error struct {
		Code    string `json:"code"`
		Outcome string `json:"outcome"`
		Details []struct {
			Field string `json:"field"`
		} `json:"details"`
	} `json:"error"`
}
