package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// concurrentUnknown: a report that may register its document, beside that document's own registration. In
// whichever order they come, the document ends with the providers that the registration names.
func concurrentUnknown(t *testing.T, s Store) {
	unknown := &delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"default-1", "default-2"}}
	for round := range 4 * rounds {
		id := fmt.Sprint("document-", round)
		atOnce(t, 2, func(i int) (struct{}, error) {
			var err error
			if i == 0 {
				a := attempt(fmt.Sprint("round ", round), on(id, "sap"))
				_, err = s.Record(t.Context(), []delivery.Attempt{a}, unknown)
			} else {
				registration := delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}}
				_, _, err = s.PutDocument(t.Context(), id, registration, nil)
			}
			return struct{}{}, err
		})
		equal(t, id, providersOf(document(t, s, id)), []string{"sap"})
	}
}

// concurrentRefreshes: who reads a document while it is refreshed sees its updated_at only grow.
func concurrentRefreshes(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	const refreshers, refreshes = 4, 25
	atOnce(t, refreshers+1, func(i int) (struct{}, error) {
		var last time.Time
		for n := range refreshes {
			var d delivery.Document
			var err error
			if i == refreshers {
				d, err = s.Document(t.Context(), documentID)
			} else {
				registration := delivery.Registration{Stage: delivery.Reviewed, ExternalID: fmt.Sprint(i, " ", n)}
				d, _, err = s.PutDocument(t.Context(), documentID, registration, nil)
			}
			if err == nil && d.UpdatedAt.Before(last) {
				err = fmt.Errorf("updated at %v, after it was at %v", d.UpdatedAt, last)
			}
			if err != nil {
				return struct{}{}, err
			}
			last = d.UpdatedAt
		}
		return struct{}{}, nil
	})
}

// concurrentRefreshAndSlices: a refresh and a slice of reports take the same new deliveries in opposed orders.
func concurrentRefreshAndSlices(t *testing.T, s Store) {
	for round := range 2 * rounds {
		id := fmt.Sprint("document-", round)
		put(t, s, id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"c"}})
		providers := []string{"a", "b", "c"}
		atOnce(t, 6, func(i int) (struct{}, error) {
			order := slices.Clone(providers)
			if i%3 == 0 {
				slices.Reverse(order)
			}
			if i%2 == 0 {
				_, _, err := s.PutDocument(t.Context(), id, delivery.Registration{Stage: delivery.Reviewed, Providers: order}, nil)
				return struct{}{}, err
			}
			var attempts []delivery.Attempt
			for _, provider := range order {
				attempts = append(attempts, attempt(fmt.Sprint(round, i, provider), on(id, provider)))
			}
			results, err := s.Record(t.Context(), attempts, nil)
			if err == nil && results[0].Result != delivery.Created {
				err = errors.New(string(results[0].Result))
			}
			return struct{}{}, err
		})
		equal(t, id, providersOf(document(t, s, id)), providers)
		equal(t, "attempts", len(history(t, s, delivery.AttemptQuery{DocumentID: id})), 9)
	}
}
