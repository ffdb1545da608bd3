package httpapi

import (
	"time"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
)

func toOutboxQuery(p deliveryapi.ListOutboxParams) (delivery.OutboxQuery, error) {
	query := delivery.OutboxQuery{Provider: p.Provider, Limit: int(*p.Limit)}
	if p.Cursor != nil {
		place, err := decodePlace(*p.Cursor, outboxFilters(query), 1)
		if err != nil {
			return delivery.OutboxQuery{}, err
		}
		query.After = &delivery.OutboxPosition{DueAt: place.at, DocumentID: place.names[0]}
	}
	return query, nil
}

func outboxFilters(q delivery.OutboxQuery) string { return "outbox\nprovider " + q.Provider }

func toDeliveryQuery(p deliveryapi.ListDeliveriesParams) (delivery.DeliveryQuery, error) {
	query := delivery.DeliveryQuery{
		Provider: value(p.Provider), State: delivery.State(value(p.State)), ExternalID: value(p.ExternalID), Limit: int(*p.Limit),
	}
	if p.Cursor != nil {
		place, err := decodePlace(*p.Cursor, deliveryFilters(query), 2)
		if err != nil {
			return delivery.DeliveryQuery{}, err
		}
		query.After = &delivery.DeliveryPosition{UpdatedAt: place.at, DocumentID: place.names[0], Provider: place.names[1]}
	}
	return query, nil
}

func deliveryFilters(q delivery.DeliveryQuery) string {
	return "deliveries\nprovider " + q.Provider + "\nstate " + string(q.State) + "\nexternal " + q.ExternalID
}

func toClaimRequest(r deliveryapi.ClaimRequest, by delivery.Principal) delivery.ClaimRequest {
	request := delivery.ClaimRequest{Provider: r.Provider, Limit: 1, Lease: toLease(r.LeaseSeconds), Worker: value(r.Worker), By: by}
	if r.Limit != nil {
		request.Limit = int(*r.Limit)
	}
	return request
}

func toLease(seconds *deliveryapi.LeaseSeconds) time.Duration {
	if seconds == nil {
		return delivery.DefaultLease
	}
	return time.Duration(*seconds) * time.Second
}

func fromDelivery(d delivery.Delivery) deliveryapi.Delivery {
	converted := deliveryapi.Delivery{
		DocumentID: d.DocumentID, Provider: d.Provider, State: deliveryapi.DeliveryState(d.State()), Tries: int32(d.Standing.Tries), // #nosec G115 -- tries are counted one by one; PostgreSQL's column has 32 bits
		LastAttempt: fromLastAttempt(d.LastAttempt), DueAt: optional(d.DueAt()), UpdatedAt: d.UpdatedAt,
	}
	if d.Standing.Leased(d.AsOf) {
		converted.LeaseExpiresAt = optional(d.Standing.Lease.ExpiresAt)
		converted.ClaimedBy = &deliveryapi.ClaimedBy{
			KeyID: d.LastClaim.By.KeyID, Name: d.LastClaim.By.Name, Worker: optional(d.LastClaim.Worker),
		}
	}
	if r := d.Requeued; r != nil {
		converted.Requeued = &deliveryapi.Requeued{At: r.At, By: fromPrincipal(r.By), Reason: optional(r.Reason)}
	}
	return converted
}

func fromDeliveryPage(p delivery.DeliveryPage, filters string) deliveryapi.DeliveryPage {
	page := deliveryapi.DeliveryPage{Data: fromAll(p.Deliveries, fromDelivery)}
	if p.Next != nil {
		page.NextCursor = encodePlace(place{p.Next.UpdatedAt, []string{p.Next.DocumentID, p.Next.Provider}}, filters)
	}
	return page
}

func fromOutboxItem(i delivery.OutboxItem) deliveryapi.OutboxItem {
	return deliveryapi.OutboxItem{
		DocumentID: i.Document.ID, Schema: optional(i.Document.Schema), Status: deliveryapi.DocumentStatus(i.Document.Status()),
		ExternalID: optional(i.Document.ExternalID), Metadata: i.Document.Metadata, ResultURL: optional(i.Document.ResultURL),
		Provider: i.Delivery.Provider, Tries: int32(i.Delivery.Standing.Tries), LastAttempt: fromLastAttempt(i.Delivery.LastAttempt), // #nosec G115 -- as in fromDelivery
		DueAt: i.Delivery.DueAt(), UpdatedAt: i.Delivery.UpdatedAt,
	}
}

func fromOutboxPage(p delivery.OutboxPage, filters string) deliveryapi.OutboxPage {
	page := deliveryapi.OutboxPage{Data: fromAll(p.Items, fromOutboxItem)}
	if p.Next != nil {
		page.NextCursor = encodePlace(place{p.Next.DueAt, []string{p.Next.DocumentID}}, filters)
	}
	return page
}

func fromClaimed(c delivery.Claimed) deliveryapi.ClaimedDelivery {
	item := fromOutboxItem(c.Item)
	return deliveryapi.ClaimedDelivery{
		DocumentID: item.DocumentID, Schema: item.Schema, Status: item.Status,
		ExternalID: item.ExternalID, Metadata: item.Metadata, ResultURL: item.ResultURL,
		Provider: item.Provider, Tries: item.Tries, LastAttempt: item.LastAttempt, DueAt: c.DueAt, UpdatedAt: item.UpdatedAt,
		ExecutionID: c.Claim.ExecutionID, DeliveryKey: c.Claim.DeliveryKey, LeaseExpiresAt: c.Claim.ExpiresAt,
	}
}

func fromClaim(c delivery.Claim) deliveryapi.Claim {
	claim := deliveryapi.Claim{
		ExecutionID: c.ExecutionID, DocumentID: c.DocumentID, Provider: c.Provider, DeliveryKey: c.DeliveryKey,
		Worker: optional(c.Worker), ReleasedAt: optional(c.ReleasedAt),
	}
	if c.ReleasedAt.IsZero() {
		claim.LeaseExpiresAt = &c.ExpiresAt
	}
	return claim
}
