package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/numora/delivery/internal/delivery"
)

// atOnce runs n calls that start together, and returns their results in order.
func atOnce[T any](t *testing.T, n int, call func(i int) (T, error)) []T {
	t.Helper()
	results, errs := make([]T, n), make([]error, n)
	start := make(chan struct{})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			<-start
			results[i], errs[i] = call(i)
		})
	}
	close(start)
	calls.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	return results
}

// recordAtOnce records n attempts in calls of their own.
func recordAtOnce(t *testing.T, s Store, n int, make func(i int) delivery.Attempt) map[delivery.Result]int {
	t.Helper()
	counts := map[delivery.Result]int{}
	for _, r := range atOnce(t, n, func(i int) (delivery.Recorded, error) {
		results, err := s.Record(t.Context(), []delivery.Attempt{make(i)}, nil)
		if err != nil {
			return delivery.Recorded{}, err
		}
		return results[0], nil
	}) {
		counts[r.Result]++
	}
	return counts
}

const rounds, callers = 15, 16

func concurrentIdentical(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	for round := range rounds {
		id := fmt.Sprint("round ", round)
		counts := recordAtOnce(t, s, callers, func(int) delivery.Attempt { return attempt(id, failed) })
		equal(t, id, counts, map[delivery.Result]int{delivery.Created: 1, delivery.Replayed: callers - 1})
		equal(t, "rows", len(history(t, s, delivery.AttemptQuery{ExecutionID: id})), 1)
	}
	equal(t, "tries", theDelivery(t, s).Standing.Tries, rounds)
}

func concurrentDifferent(t *testing.T, s Store) {
	reviewed(t, s, documentID, "other")
	for round := range rounds {
		id := fmt.Sprint("round ", round)
		counts := recordAtOnce(t, s, callers, func(i int) delivery.Attempt {
			return attempt(id, on([]string{documentID, "other"}[i%2], "dynamics365"), func(a *delivery.Attempt) {
				a.ErrorMessage = fmt.Sprint("caller ", i)
			})
		})
		equal(t, id, counts, map[delivery.Result]int{delivery.Created: 1, delivery.Conflicting: callers - 1})
	}
	total := len(history(t, s, delivery.AttemptQuery{})) + len(history(t, s, delivery.AttemptQuery{DocumentID: "other"}))
	equal(t, "rows", total, rounds)
}

func concurrentOneDelivery(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	counts := recordAtOnce(t, s, 100, func(i int) delivery.Attempt { return attempt(fmt.Sprint("try ", i), failed) })
	equal(t, "results", counts, map[delivery.Result]int{delivery.Created: 100})
	d := theDelivery(t, s)
	equal(t, "tries", d.Standing.Tries, 100)

	attempts := history(t, s, delivery.AttemptQuery{})
	slices.Reverse(attempts)
	want := delivery.Standing{Since: document(t, s, documentID).CreatedAt} // offered since it was registered
	for _, a := range attempts {
		want = want.Record(a, false, delivery.DefaultRetry)
	}
	equal(t, "standing", d.Standing, want)
}

// concurrentSlices records the same deliveries and execution ids together in opposed orders, some of them new.
func concurrentSlices(t *testing.T, s Store) {
	ids := []string{"a", "b", "c", "d", "e"}
	reviewed(t, s, ids...)
	for round := range rounds {
		atOnce(t, 8, func(i int) ([]delivery.Recorded, error) {
			var attempts []delivery.Attempt
			for n := range ids {
				k := n
				if i%2 == 1 {
					k = len(ids) - 1 - n
				}
				provider := fmt.Sprint("provider-", round%3)
				attempts = append(attempts, attempt(fmt.Sprint(round, " ", k), on(ids[(k+i)%len(ids)], provider)))
			}
			return s.Record(t.Context(), attempts, nil)
		})
	}
	total := 0
	for _, id := range ids {
		total += len(history(t, s, delivery.AttemptQuery{DocumentID: id}))
	}
	equal(t, "rows", total, rounds*len(ids))
}

func concurrentRegistrations(t *testing.T, s Store) {
	for round := range rounds {
		id := fmt.Sprint("document-", round)
		creations := 0
		for _, isNew := range atOnce(t, callers, func(i int) (bool, error) {
			_, isNew, err := s.PutDocument(t.Context(), id, delivery.Registration{
				Stage: delivery.Reviewed, Providers: []string{"dynamics365", fmt.Sprint("provider-", i%3)},
			}, nil)
			return isNew, err
		}) {
			if isNew {
				creations++
			}
		}
		equal(t, "creations", creations, 1)
		equal(t, "providers", len(document(t, s, id).Deliveries), 2)
	}
}

// concurrentNewProvider: of many reports under one id, each naming a provider of its own, only the one that
// was recorded may have added its delivery.
func concurrentNewProvider(t *testing.T, s Store) {
	for round := range rounds {
		id := fmt.Sprint("document-", round)
		put(t, s, id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{}})
		counts := recordAtOnce(t, s, callers, func(i int) delivery.Attempt {
			return attempt(fmt.Sprint("round ", round), on(id, fmt.Sprint("provider-", i)))
		})
		equal(t, "results", counts, map[delivery.Result]int{delivery.Created: 1, delivery.Conflicting: callers - 1})
		equal(t, "deliveries", len(document(t, s, id).Deliveries), 1)
	}
}
