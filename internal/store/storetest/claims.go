package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

func claimExtended(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	c := claimOne(t, s)
	s.SetClockOffset(30 * time.Second)
	extended, err := s.ExtendClaim(t.Context(), c.ExecutionID, worker, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if by := extended.ExpiresAt.Sub(c.ExpiresAt); by < 59*time.Minute+30*time.Second || by > time.Hour {
		t.Errorf("the lease ends %v later", by)
	}
	d := theDelivery(t, s)
	equal(t, "lease", d.Standing.Lease.ExpiresAt, extended.ExpiresAt)
	equal(t, "claim", *d.LastClaim, extended)
	equal(t, "tries", d.Standing.Tries, 1)
	_, err = s.ExtendClaim(t.Context(), c.ExecutionID, stranger, lease)
	isError(t, err, delivery.ErrClaimNotFound)
	_, err = s.ExtendClaim(t.Context(), "nobody", worker, lease)
	isError(t, err, delivery.ErrClaimNotFound)
	s.SetClockOffset(2 * time.Hour)
	_, err = s.ExtendClaim(t.Context(), c.ExecutionID, worker, lease)
	isError(t, err, delivery.ErrClaimOver)
	equal(t, "standing", theDelivery(t, s).Standing, d.Standing)
}

func claimReleased(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	due := theDelivery(t, s).DueAt()
	c := claimOne(t, s)
	_, err := s.ReleaseClaim(t.Context(), c.ExecutionID, stranger)
	isError(t, err, delivery.ErrClaimNotFound)
	released, err := s.ReleaseClaim(t.Context(), c.ExecutionID, worker)
	if err != nil || released.ReleasedAt.IsZero() {
		t.Fatalf("released at %v, error %v", released.ReleasedAt, err)
	}
	d := theDelivery(t, s)
	equal(t, "tries", d.Standing.Tries, 0)
	equal(t, "due at", d.DueAt(), due)
	equal(t, "status", document(t, s, documentID).Status(), delivery.PushPending) // it was claimed once

	again, err := s.ReleaseClaim(t.Context(), c.ExecutionID, worker)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "released again", again, released)
	_, err = s.ExtendClaim(t.Context(), c.ExecutionID, worker, lease)
	isError(t, err, delivery.ErrClaimOver)

	next := claimOne(t, s)
	s.SetClockOffset(2 * lease)
	_, err = s.ReleaseClaim(t.Context(), next.ExecutionID, worker)
	isError(t, err, delivery.ErrClaimOver)
	again, err = s.ReleaseClaim(t.Context(), c.ExecutionID, worker)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "released long ago", again, released)
}

func claimExhausts(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	for i := range 12 {
		s.SetClockOffset(time.Duration(i+1) * 24 * time.Hour)
		claimOne(t, s)
		equal(t, "state", state(t, s), delivery.Pending)
	}
	s.SetClockOffset(20 * 24 * time.Hour)
	equal(t, "state", state(t, s), delivery.Exhausted)
	equal(t, "status", document(t, s, documentID).Status(), delivery.PushFailed)
	claimsNothing(t, s, "its tries are used up")
}

func requeueStartsAnew(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	created(t, s, attempt("one", failed))
	before := time.Now()
	d := mustRequeue(t, s)
	equal(t, "state", d.State(), delivery.Ready)
	equal(t, "tries", d.Standing.Tries, 0)
	if d.LastAttempt != nil {
		t.Error("the attempt of before decides the state")
	}
	if at := d.Requeued.At; at.Before(before.Add(-time.Minute)) || at.After(time.Now().Add(time.Minute)) {
		t.Errorf("requeued at %v", at)
	}
	equal(t, "requeued", *d.Requeued, delivery.Requeued{At: d.Requeued.At, By: stranger, Reason: "the CRM is back"})
	equal(t, "due at", d.DueAt(), d.Requeued.At)
	equal(t, "status", document(t, s, documentID).Status(), delivery.PushPending)
	equal(t, "history", len(history(t, s, delivery.AttemptQuery{})), 1)
	claimOne(t, s)

	// By force also what was delivered, and without a reason.
	created(t, s, attempt("two"))
	d = mustRequeue(t, s, byForce, func(r *delivery.Requeue) { r.Reason, r.By = "", worker })
	equal(t, "requeued by force", *d.Requeued, delivery.Requeued{At: d.Requeued.At, By: worker})
	claimOne(t, s)

	// What is not reviewed is due when it is.
	reviewed(t, s, "other")
	created(t, s, attempt("three", failed, on("other", "dynamics365")))
	put(t, s, "other", delivery.Registration{Stage: delivery.ReviewRequired})
	d = mustRequeue(t, s, func(r *delivery.Requeue) { r.DocumentID = "other" })
	equal(t, "due at", d.DueAt(), time.Time{})
	claimsNothing(t, s, "it is not reviewed")
	reviewed(t, s, "other")
	c := claimOne(t, s)

	// So is what was claimed and given back since.
	if _, err := s.ReleaseClaim(t.Context(), c.ExecutionID, worker); err != nil {
		t.Fatal(err)
	}
	put(t, s, "other", delivery.Registration{Stage: delivery.ReviewRequired})
	last := d.Requeued.At
	if d = mustRequeue(t, s, func(r *delivery.Requeue) { r.DocumentID = "other" }); !d.Requeued.At.After(last) {
		t.Error("a delivery that was claimed and released was not requeued")
	}
}

func requeueRefusals(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	for name, test := range map[string]struct {
		change func(*delivery.Requeue)
		want   error
	}{
		"unknown document": {func(r *delivery.Requeue) { r.DocumentID = "nobody" }, delivery.ErrDocumentNotFound},
		"unknown provider": {func(r *delivery.Requeue) { r.Provider = "sap" }, delivery.ErrDeliveryNotFound},
	} {
		if _, err := requeue(t, s, test.change); err != test.want {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	c := claimOne(t, s)
	for _, change := range []func(*delivery.Requeue){func(*delivery.Requeue) {}, byForce} {
		_, err := requeue(t, s, change)
		isError(t, err, delivery.ErrLeased)
	}
	created(t, s, attempt(c.ExecutionID))
	_, err := requeue(t, s)
	isError(t, err, delivery.ErrSettled)
	// That it failed later does not make it undelivered.
	created(t, s, attempt("late", failed, at(time.Now())))
	equal(t, "state", state(t, s), delivery.DeliveryFailed)
	_, err = requeue(t, s)
	isError(t, err, delivery.ErrSettled)
	if d := theDelivery(t, s); d.Requeued != nil {
		t.Errorf("refused, and yet requeued: %+v", *d.Requeued)
	}
	put(t, s, documentID, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
	_, err = requeue(t, s, byForce)
	isError(t, err, delivery.ErrDeliveryNotFound) // retired
}

func requeueNothing(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	unchanged := func(when string) {
		t.Helper()
		before := theDelivery(t, s)
		after := mustRequeue(t, s)
		before.AsOf, after.AsOf = time.Time{}, time.Time{}
		equal(t, when, after, before)
	}
	unchanged("just registered")
	created(t, s, attempt("one", failed))
	s.SetClockOffset(time.Minute)
	unchanged("due again")
	put(t, s, documentID, delivery.Registration{Stage: delivery.ReviewRequired})
	mustRequeue(t, s)
	unchanged("requeued, not reviewed")
	reviewed(t, s, documentID)
	unchanged("requeued, reviewed")
}

func deliveriesFilterAndPage(t *testing.T, s Store) {
	put(t, s, "a", delivery.Registration{Stage: delivery.Reviewed, ExternalID: "erp-1", Providers: []string{"dynamics365", "sap"}})
	put(t, s, "b", delivery.Registration{Stage: delivery.Reviewed, ExternalID: "erp-2", Providers: []string{"dynamics365"}})
	reviewed(t, s, "c", "d", "retired", "leased")
	put(t, s, "retired", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{}})
	claimed := claim(t, s, 10)
	for _, c := range claimed {
		if c.Claim.DocumentID == "leased" {
			continue
		}
		created(t, s, attempt(c.Claim.ExecutionID, on(c.Claim.DocumentID, "dynamics365"), failed))
	}
	created(t, s, attempt("ok", on("b", "dynamics365"), at(time.Now())))
	put(t, s, "d", delivery.Registration{Stage: delivery.Reviewed, ExternalID: "erp-1"}) // external ids follow

	list := func(query delivery.DeliveryQuery, limit int) []string {
		t.Helper()
		names := []string{}
		query.Limit = limit
		for {
			page, err := s.Deliveries(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Deliveries) > limit {
				t.Fatalf("a page of %d holds %d", limit, len(page.Deliveries))
			}
			for _, d := range page.Deliveries {
				names = append(names, d.DocumentID+" "+d.Provider)
				if query.State != "" {
					equal(t, "state", d.State(), query.State)
				}
			}
			if page.Next == nil {
				return names
			}
			query.After = page.Next
		}
	}
	for name, test := range map[string]struct {
		query delivery.DeliveryQuery
		want  []string
	}{
		"all, last updated first": {delivery.DeliveryQuery{}, []string{"d dynamics365", "b dynamics365", "c dynamics365", "a dynamics365", "leased dynamics365", "a sap"}},
		"by provider":             {delivery.DeliveryQuery{Provider: "sap"}, []string{"a sap"}},
		"by external id":          {delivery.DeliveryQuery{ExternalID: "erp-1"}, []string{"d dynamics365", "a dynamics365", "a sap"}},
		"failed":                  {delivery.DeliveryQuery{State: delivery.DeliveryFailed}, []string{"d dynamics365", "c dynamics365", "a dynamics365"}},
		"succeeded":               {delivery.DeliveryQuery{State: delivery.DeliverySucceeded}, []string{"b dynamics365"}},
		"ready":                   {delivery.DeliveryQuery{State: delivery.Ready}, []string{"a sap"}},
		"pending":                 {delivery.DeliveryQuery{State: delivery.Pending}, []string{"leased dynamics365"}},
		"exhausted":               {delivery.DeliveryQuery{State: delivery.Exhausted}, []string{}},
		"by all of them":          {delivery.DeliveryQuery{Provider: "dynamics365", State: delivery.DeliveryFailed, ExternalID: "erp-1"}, []string{"d dynamics365", "a dynamics365"}},
	} {
		for limit := 1; limit <= 7; limit++ {
			equal(t, fmt.Sprint(name, ", pages of ", limit), list(test.query, limit), test.want)
		}
	}
	s.SetClockOffset(2 * lease)
	equal(t, "pending when the lease has run out", list(delivery.DeliveryQuery{State: delivery.Pending}, 5), []string{})
	equal(t, "ready when the lease has run out", list(delivery.DeliveryQuery{State: delivery.Ready}, 5), []string{"leased dynamics365", "a sap"})
}

func backlogs(t *testing.T, s Store) {
	reviewed(t, s, "a", "b", "c")
	sap := put(t, s, "d", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
	first := document(t, s, "b").CreatedAt
	claim(t, s, 1)
	for i := range 12 {
		created(t, s, attempt(fmt.Sprint("try ", i), failed, on("c", "dynamics365")))
	}
	got, err := s.Backlogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, since := range []time.Time{first, sap.CreatedAt} {
		if age := document(t, s, "a").AsOf.Sub(since); got[i].DueFor <= 0 || got[i].DueFor > age {
			t.Errorf("%s: due for %v, at most %v", got[i].Provider, got[i].DueFor, age)
		}
		got[i].DueFor = 0
	}
	equal(t, "backlogs", got, []delivery.Backlog{
		{Provider: "dynamics365", Due: 1, Leased: 1, Exhausted: 1}, {Provider: "sap", Due: 1},
	})
}

// concurrentClaims: many claim at the same time, and no delivery is handed out twice or left behind.
func concurrentClaims(t *testing.T, s Store) {
	const documents = 200
	for i := range documents {
		reviewed(t, s, fmt.Sprint("document-", i))
	}
	var mutex sync.Mutex
	handedOut := map[string]int{}
	atOnce(t, callers, func(int) (struct{}, error) {
		for {
			claimed, err := s.Claim(t.Context(), delivery.ClaimRequest{Provider: "dynamics365", Limit: 7, Lease: time.Hour, By: worker})
			mutex.Lock()
			for _, c := range claimed {
				handedOut[c.Claim.DocumentID]++
			}
			all := len(handedOut) == documents
			mutex.Unlock()
			if err != nil || all {
				return struct{}{}, err
			}
		}
	})
	for id, times := range handedOut {
		if times != 1 {
			t.Errorf("%s was handed out %d times", id, times)
		}
	}
	claimsNothing(t, s, "all is leased")
}

// concurrentReview: a report adds a delivery while the document is reviewed. In whichever order they come, it is
// offered.
func concurrentReview(t *testing.T, s Store) {
	for round := range 4 * rounds {
		id := fmt.Sprint("document-", round)
		put(t, s, id, delivery.Registration{Stage: delivery.Processing})
		atOnce(t, 2, func(i int) (struct{}, error) {
			var err error
			if i == 0 {
				_, err = s.Record(t.Context(), []delivery.Attempt{attempt(fmt.Sprint("round ", round), failed, on(id, "sap"))}, nil)
			} else {
				_, _, err = s.PutDocument(t.Context(), id, delivery.Registration{Stage: delivery.Reviewed}, nil)
			}
			return struct{}{}, err
		})
		if d := document(t, s, id); !slices.ContainsFunc(d.Deliveries, func(d delivery.Delivery) bool { return d.Offered }) {
			t.Errorf("%s is reviewed, and its delivery is not offered", id)
		}
	}
}
