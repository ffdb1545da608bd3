package httpapi

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
)

// maxMetadataBytes is how much of a document's metadata is kept.
const maxMetadataBytes = 16 << 10

func toReport(documentID string, r deliveryapi.DeliveryReport) delivery.Report {
	return delivery.Report{
		DocumentID: documentID, Provider: r.Provider, Status: delivery.Status(r.Status),
		ExecutionID: r.ExecutionID, AttemptedAt: delivery.NewInstant(r.AttemptedAt),
		ExternalRecordID: value(r.ExternalRecordID), ExternalURL: value(r.ExternalURL),
		ErrorCode: value(r.ErrorCode), ErrorMessage: value(r.ErrorMessage),
	}
}

func toRegistration(r deliveryapi.DocumentRegistration) (delivery.Registration, error) {
	registration := delivery.Registration{
		Schema: value(r.Schema), Stage: delivery.Stage(r.Status), ExternalID: value(r.ExternalID),
		ResultURL: value(r.ResultURL),
	}
	if r.Providers != nil {
		registration.Providers = append([]string{}, *r.Providers...)
	}
	if len(r.Metadata) > maxMetadataBytes {
		return delivery.Registration{}, errInvalidPayload(detail{"metadata", "must take at most 16384 bytes"})
	}
	if r.Metadata != nil && string(r.Metadata) != "null" {
		var compact bytes.Buffer
		if err := json.Compact(&compact, r.Metadata); err != nil {
			return delivery.Registration{}, err
		}
		registration.Metadata = compact.Bytes()
	}
	return registration, nil
}

// toAttemptQuery reads a list's parameters; the contract's default for limit is in place by now.
func toAttemptQuery(request deliveryapi.ListDocumentDeliveryRequestObject) (delivery.AttemptQuery, error) {
	p := request.Params
	query := delivery.AttemptQuery{
		DocumentID: request.ID, Provider: value(p.Provider), ExecutionID: value(p.ExecutionID), Limit: int(*p.Limit),
	}
	if p.Status != nil {
		query.Status = delivery.Status(*p.Status)
	}
	if p.Since != nil {
		query.Since = bound(*p.Since)
	}
	if p.Until != nil {
		query.Until = bound(*p.Until)
	}
	if p.Cursor != nil {
		query.After = decodeCursor(*p.Cursor, filtersOf(query))
		if query.After == nil {
			return delivery.AttemptQuery{}, errInvalidPayload(detail{"cursor", "is not a next_cursor of this list with these filters"})
		}
	}
	return query, nil
}

// Nothing was recorded before the first of these or will be after the second; beyond them the databases
// do not agree on what an instant is.
var (
	firstBound = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastBound  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// bound brings since or until to the microsecond without letting in what it leaves out: recorded instants
// are whole microseconds, so those at or after t are those at or after the next whole one.
func bound(t time.Time) time.Time {
	switch {
	case t.Before(firstBound):
		return firstBound
	case t.After(lastBound):
		return lastBound
	}
	whole := delivery.NewInstant(t)
	if whole.Before(t) {
		whole = whole.Add(time.Microsecond)
	}
	return whole
}

func fromAttempt(a delivery.Attempt) deliveryapi.DeliveryAttempt {
	return deliveryapi.DeliveryAttempt{
		ID: a.ID, DocumentID: a.DocumentID, Provider: a.Provider, Status: deliveryapi.DeliveryStatus(a.Status),
		ExecutionID: a.ExecutionID, AttemptedAt: a.AttemptedAt,
		ExternalRecordID: optional(a.ExternalRecordID), ExternalURL: optional(a.ExternalURL),
		ErrorCode: optional(a.ErrorCode), ErrorMessage: optional(a.ErrorMessage),
		RequestID:  a.RequestID,
		RecordedBy: deliveryapi.RecordedBy{KeyID: a.RecordedBy.KeyID, Name: a.RecordedBy.Name},
		RecordedAt: a.RecordedAt,
	}
}

func fromAttempts(attempts []delivery.Attempt) []deliveryapi.DeliveryAttempt {
	data := make([]deliveryapi.DeliveryAttempt, len(attempts))
	for i, a := range attempts {
		data[i] = fromAttempt(a)
	}
	return data
}

func fromDocument(d delivery.Document) deliveryapi.Document {
	deliveries := make([]deliveryapi.Delivery, len(d.Deliveries))
	for i, one := range d.Deliveries {
		deliveries[i] = fromDelivery(one, d.AsOf)
	}
	return deliveryapi.Document{
		ID: d.ID, Schema: optional(d.Schema), Status: deliveryapi.DocumentStatus(d.Status()),
		ExternalID: optional(d.ExternalID), Metadata: d.Metadata, ResultURL: optional(d.ResultURL),
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Deliveries: deliveries,
	}
}

func fromDelivery(d delivery.Delivery, asOf time.Time) deliveryapi.Delivery {
	converted := deliveryapi.Delivery{
		DocumentID: d.DocumentID, Provider: d.Provider, State: deliveryapi.DeliveryState(d.Standing.State(asOf)),
		Tries: int32(d.Standing.Tries), UpdatedAt: d.UpdatedAt,
	}
	if d.LastAttempt != nil {
		attempt := fromAttempt(*d.LastAttempt)
		converted.LastAttempt = &attempt
	}
	return converted
}

// value reads an optional member: absent and null are the empty text.
func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// optional writes an optional member: the empty text is null.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
