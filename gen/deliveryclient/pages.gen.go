// Code generated from openapi/sdk/go/pages.go. DO NOT EDIT.

package deliveryclient

import (
	"context"
	"iter"
	"net/http"
)

// DocumentAttempts are the attempts of one document that the filters select, newest recorded first, from as many pages as it
// takes; limit is how many a page has. It ends with the first error.
func (c *Caller) DocumentAttempts(ctx context.Context, id DocumentID, filters ListDocumentDeliveryParams) iter.Seq2[DeliveryAttempt, error] {
	return pages(filters.Cursor, func(cursor *string) ([]DeliveryAttempt, *string, error) {
		var page DeliveryAttemptPage
		asked := filters
		asked.Cursor = cursor
		response, err := c.Client.ListDocumentDelivery(ctx, id, &asked)
		_, err = into(&page, func() bool { return page.Data != nil }, response, err, http.StatusOK)
		return page.Data, page.NextCursor, err
	})
}

// Attempts are those across documents; else like DocumentAttempts.
func (c *Caller) Attempts(ctx context.Context, filters ListDeliveryAttemptsParams) iter.Seq2[DeliveryAttempt, error] {
	return pages(filters.Cursor, func(cursor *string) ([]DeliveryAttempt, *string, error) {
		var page DeliveryAttemptPage
		asked := filters
		asked.Cursor = cursor
		response, err := c.Client.ListDeliveryAttempts(ctx, &asked)
		_, err = into(&page, func() bool { return page.Data != nil }, response, err, http.StatusOK)
		return page.Data, page.NextCursor, err
	})
}

// Deliveries are those across documents that the filters select, last updated first; else like DocumentAttempts.
func (c *Caller) Deliveries(ctx context.Context, filters ListDeliveriesParams) iter.Seq2[Delivery, error] {
	return pages(filters.Cursor, func(cursor *string) ([]Delivery, *string, error) {
		var page DeliveryPage
		asked := filters
		asked.Cursor = cursor
		response, err := c.Client.ListDeliveries(ctx, &asked)
		_, err = into(&page, func() bool { return page.Data != nil }, response, err, http.StatusOK)
		return page.Data, page.NextCursor, err
	})
}

// Outbox is what is due for a provider, oldest due first; it claims nothing. Else like DocumentAttempts.
func (c *Caller) Outbox(ctx context.Context, filters ListOutboxParams) iter.Seq2[OutboxItem, error] {
	return pages(filters.Cursor, func(cursor *string) ([]OutboxItem, *string, error) {
		var page OutboxPage
		asked := filters
		asked.Cursor = cursor
		response, err := c.Client.ListOutbox(ctx, &asked)
		_, err = into(&page, func() bool { return page.Data != nil }, response, err, http.StatusOK)
		return page.Data, page.NextCursor, err
	})
}

// pages goes through the items of one page after the other, from the cursor on.
func pages[T any](first *string, read func(cursor *string) (data []T, next *string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := first; ; {
			data, next, err := read(cursor)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, item := range data {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			cursor = next
		}
	}
}
