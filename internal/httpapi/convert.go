package httpapi

import (
	"bytes"
	"encoding/base64"
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

// Lists' parameters: the contract's default for limit is in place by now.

func toDocumentAttemptQuery(documentID string, p deliveryapi.ListDocumentDeliveryParams) (delivery.AttemptQuery, error) {
	return behind(p.Cursor, delivery.AttemptQuery{
		DocumentID: documentID, OfDocument: true, Provider: value(p.Provider), Status: delivery.Status(value(p.Status)),
		ExecutionID: value(p.ExecutionID), Since: bound(p.Since), Until: bound(p.Until), Limit: int(*p.Limit),
	})
}

func toAttemptQuery(p deliveryapi.ListDeliveryAttemptsParams) (delivery.AttemptQuery, error) {
	return behind(p.Cursor, delivery.AttemptQuery{
		DocumentID: value(p.DocumentID), Provider: value(p.Provider), Status: delivery.Status(value(p.Status)),
		ExecutionID: value(p.ExecutionID), ExternalRecordID: value(p.ExternalRecordID), ErrorCode: value(p.ErrorCode),
		RequestID: value(p.RequestID), Since: bound(p.Since), Until: bound(p.Until), Limit: int(*p.Limit),
	})
}

// behind makes the query go on behind a cursor, if there is one.
func behind(cursor *string, query delivery.AttemptQuery) (delivery.AttemptQuery, error) {
	if cursor == nil {
		return query, nil
	}
	var err error
	query.After, err = decodeCursor(*cursor, filtersOf(query))
	return query, err
}

// Nothing was recorded before the first of these or will be after the second; beyond them the databases
// do not agree on what an instant is.
var (
	firstBound = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastBound  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// bound brings since or until to the microsecond without letting in what it leaves out: recorded instants
// are whole microseconds, so those at or after t are those at or after the next whole one.
func bound(t *time.Time) time.Time {
	switch {
	case t == nil:
		return time.Time{}
	case t.Before(firstBound):
		return firstBound
	case t.After(lastBound):
		return lastBound
	}
	whole := delivery.NewInstant(*t)
	if whole.Before(*t) {
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
		RecordedBy: fromPrincipal(a.RecordedBy),
		RecordedAt: a.RecordedAt,
	}
}

func fromLastAttempt(a *delivery.Attempt) *deliveryapi.DeliveryAttempt {
	if a == nil {
		return nil
	}
	attempt := fromAttempt(*a)
	return &attempt
}

func fromPrincipal(p delivery.Principal) deliveryapi.RecordedBy {
	return deliveryapi.RecordedBy{KeyID: p.KeyID, Name: p.Name}
}

func fromAttemptPage(p delivery.AttemptPage, filters string) deliveryapi.DeliveryAttemptPage {
	page := deliveryapi.DeliveryAttemptPage{Data: fromAll(p.Attempts, fromAttempt)}
	if p.Next != nil {
		page.NextCursor = encodeCursor(*p.Next, filters)
	}
	return page
}

// fromAll converts a list; an empty one is no null.
func fromAll[From, To any](all []From, convert func(From) To) []To {
	converted := make([]To, len(all))
	for i, one := range all {
		converted[i] = convert(one)
	}
	return converted
}

func fromDocument(d delivery.Document) deliveryapi.Document {
	return deliveryapi.Document{
		ID: d.ID, Schema: optional(d.Schema), Status: deliveryapi.DocumentStatus(d.Status()),
		ExternalID: optional(d.ExternalID), Metadata: d.Metadata, ResultURL: optional(d.ResultURL),
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Deliveries: fromAll(d.Deliveries, fromDelivery),
	}
}

func fromCheckpoint(c delivery.Checkpoint) deliveryapi.AuditCheckpoint {
	return deliveryapi.AuditCheckpoint{
		Origin: c.Origin, Size: c.Size, Root: base64.StdEncoding.EncodeToString(c.Root[:]), SealedAt: c.SealedAt, Note: c.Note,
	}
}

// value reads an optional member: absent and null are the zero value.
func value[T any](given *T) T {
	if given == nil {
		var zero T
		return zero
	}
	return *given
}

// optional writes an optional member: the zero value is null.
func optional[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
