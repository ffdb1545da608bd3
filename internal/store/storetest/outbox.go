package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

var worker, stranger = delivery.Principal{KeyID: "0123456789abcdef", Name: "crm-worker"}, delivery.Principal{KeyID: "fedcba9876543210", Name: "another"}

const lease = time.Minute

// claim claims up to limit deliveries to dynamics365 for a minute.
func claim(t *testing.T, s Store, limit int) []delivery.Claimed {
	t.Helper()
	claimed, err := s.Claim(t.Context(), delivery.ClaimRequest{Provider: "dynamics365", Limit: limit, Lease: lease, Worker: "worker-1", By: worker})
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

// claimOne claims the only delivery that is due.
func claimOne(t *testing.T, s Store) delivery.Claim {
	t.Helper()
	claimed := claim(t, s, 10)
	if len(claimed) != 1 {
		t.Fatalf("%d deliveries were handed out, want 1", len(claimed))
	}
	return claimed[0].Claim
}

func claimsNothing(t *testing.T, s Store, when string) {
	t.Helper()
	if claimed := claim(t, s, 10); len(claimed) != 0 {
		t.Errorf("%s: %d deliveries were handed out, want none", when, len(claimed))
	}
}

// outbox returns the ids of the documents that are due for dynamics365, page by page.
func outbox(t *testing.T, s Store, limit int) []string {
	t.Helper()
	ids := []string{}
	query := delivery.OutboxQuery{Provider: "dynamics365", Limit: limit}
	for {
		page, err := s.Outbox(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) > limit {
			t.Fatalf("a page of %d holds %d", limit, len(page.Items))
		}
		for _, item := range page.Items {
			ids = append(ids, item.Document.ID)
		}
		if page.Next == nil {
			return ids
		}
		query.After = page.Next
	}
}

func requeue(t *testing.T, s Store, change ...func(*delivery.Requeue)) (delivery.Delivery, error) {
	t.Helper()
	r := delivery.Requeue{
		ID: attempt("for its id").ID, DocumentID: documentID, Provider: "dynamics365", Reason: "the CRM is back", By: stranger, RequestID: "request-9",
	}
	for _, c := range change {
		c(&r)
	}
	return s.Requeue(t.Context(), r)
}

func mustRequeue(t *testing.T, s Store, change ...func(*delivery.Requeue)) delivery.Delivery {
	t.Helper()
	d, err := requeue(t, s, change...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func byForce(r *delivery.Requeue) { r.Force = true }

func state(t *testing.T, s Store) delivery.State {
	t.Helper()
	return theDelivery(t, s).State()
}

func outboxLists(t *testing.T, s Store) {
	ids := []string{"c", "a", "b"}
	reviewed(t, s, ids...)
	put(t, s, "elsewhere", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
	for limit := 1; limit <= 4; limit++ {
		equal(t, fmt.Sprint("pages of ", limit), outbox(t, s, limit), ids)
	}
	page, err := s.Outbox(t.Context(), delivery.OutboxQuery{Provider: "dynamics365", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	item := page.Items[0]
	equal(t, "document", asStored(item.Document), asStored(document(t, s, "c")))
	equal(t, "due at", item.Delivery.DueAt(), item.Document.CreatedAt)
	equal(t, "status", item.Document.Status(), delivery.StatusReviewed)

	// What was tried comes back behind the others, once its backoff is over.
	created(t, s, attempt("one", failed, on("c", "dynamics365")))
	equal(t, "while c rests", outbox(t, s, 10), []string{"a", "b"})
	s.SetClockOffset(31 * time.Second)
	equal(t, "when c has rested", outbox(t, s, 2), []string{"a", "b", "c"})
}

func outboxLeavesOut(t *testing.T, s Store) {
	reviewed(t, s, "due", "succeeded", "skipped", "leased", "retired", "back in review", "exhausted")
	created(t, s, attempt("one", on("succeeded", "dynamics365")))
	created(t, s, attempt("two", on("skipped", "dynamics365"), func(a *delivery.Attempt) { a.Status = delivery.Skipped }))
	put(t, s, "retired", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
	put(t, s, "back in review", delivery.Registration{Stage: delivery.ReviewRequired})
	for i := range 12 {
		created(t, s, attempt(fmt.Sprint("try ", i), failed, on("exhausted", "dynamics365")))
	}
	put(t, s, "processing", delivery.Registration{Stage: delivery.Processing, Providers: []string{"dynamics365"}})
	for _, c := range claim(t, s, 10) { // the lease of one is kept
		if c.Claim.DocumentID != "leased" {
			if _, err := s.ReleaseClaim(t.Context(), c.Claim.ExecutionID, worker); err != nil {
				t.Fatal(err)
			}
		}
	}
	equal(t, "outbox", outbox(t, s, 10), []string{"due"})
	// A report after the success does not bring it back, not even a failure, and not in the end.
	created(t, s, attempt("late", failed, on("succeeded", "dynamics365")))
	s.SetClockOffset(24 * time.Hour)
	equal(t, "a day later", outbox(t, s, 10), []string{"due", "leased"})
	// What was in review or retired is due when it is offered again.
	reviewed(t, s, "back in review", "retired")
	equal(t, "offered again", outbox(t, s, 10), []string{"due", "leased", "back in review", "retired"})
}

func claimHandsOut(t *testing.T, s Store) {
	reviewed(t, s, "a", "b", "c")
	put(t, s, "elsewhere", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}})
	claimed := claim(t, s, 2)
	claimed = append(claimed, claim(t, s, 2)...)
	var ids []string
	executionIDs, keys := map[string]bool{}, map[string]bool{}
	for _, c := range claimed {
		ids = append(ids, c.Item.Document.ID)
		executionIDs[c.Claim.ExecutionID], keys[c.Claim.DeliveryKey] = true, true
		d := c.Item.Delivery
		equal(t, "status", c.Item.Document.Status(), delivery.PushPending)
		equal(t, "state", d.State(), delivery.Pending)
		equal(t, "tries", d.Standing.Tries, 1)
		equal(t, "lease", *d.Standing.Lease, delivery.Lease{ExecutionID: c.Claim.ExecutionID, ExpiresAt: c.Claim.ExpiresAt})
		equal(t, "claim of the delivery", *d.LastClaim, c.Claim)
		equal(t, "claim", c.Claim, delivery.Claim{
			ExecutionID: c.Claim.ExecutionID, DocumentID: c.Item.Document.ID, Provider: "dynamics365", DeliveryKey: c.Claim.DeliveryKey,
			Worker: "worker-1", By: worker, ExpiresAt: d.UpdatedAt.Add(lease),
		})
		equal(t, "due at", c.DueAt, c.Item.Document.CreatedAt)
		equal(t, "read back", asStored(document(t, s, c.Item.Document.ID)), asStored(c.Item.Document))
	}
	equal(t, "documents", ids, []string{"a", "b", "c"})
	equal(t, "execution ids and keys", []int{len(executionIDs), len(keys)}, []int{3, 3})
	claimsNothing(t, s, "all is leased")
	equal(t, "outbox", outbox(t, s, 10), []string{})
}

func claimRunsOut(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	first := claimOne(t, s)
	for _, now := range []struct {
		offset time.Duration
		state  delivery.State
		due    int
	}{
		{lease - time.Second, delivery.Pending, 0},
		{lease + time.Second, delivery.Ready, 0}, // it rests for half a minute from the lease's end
		{lease + 29*time.Second, delivery.Ready, 0},
		{lease + 31*time.Second, delivery.Ready, 1},
	} {
		s.SetClockOffset(now.offset)
		equal(t, fmt.Sprint("state after ", now.offset), state(t, s), now.state)
		equal(t, fmt.Sprint("due after ", now.offset), len(outbox(t, s, 10)), now.due)
	}
	second := claimOne(t, s)
	if second.ExecutionID == first.ExecutionID {
		t.Error("two claims handed out one execution id")
	}
	equal(t, "tries", theDelivery(t, s).Standing.Tries, 2)
}

func claimDeliveryKey(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	first := claimOne(t, s)
	s.SetClockOffset(time.Hour)
	second := claimOne(t, s)
	equal(t, "key of the second claim", second.DeliveryKey, first.DeliveryKey)
	created(t, s, attempt(second.ExecutionID, failed))
	s.SetClockOffset(2 * time.Hour)
	third := claimOne(t, s)
	equal(t, "key after a failure", third.DeliveryKey, first.DeliveryKey)
	created(t, s, attempt(third.ExecutionID, failed))
	mustRequeue(t, s)
	if fourth := claimOne(t, s); fourth.DeliveryKey == first.DeliveryKey || fourth.DeliveryKey == "" {
		t.Errorf("the key after a requeue is %q, before it was %q", fourth.DeliveryKey, first.DeliveryKey)
	}
}

func claimReported(t *testing.T, s Store) {
	for _, status := range []delivery.Status{delivery.Succeeded, delivery.Failed, delivery.Skipped} {
		id := "document-" + string(status)
		reviewed(t, s, id)
		c := claimOne(t, s)
		report := attempt(c.ExecutionID, on(id, "dynamics365"), func(a *delivery.Attempt) { a.Status = status })
		created(t, s, report)
		d := document(t, s, id).Deliveries[0]
		equal(t, "state", d.State(), delivery.State(status))
		equal(t, "tries", d.Standing.Tries, 1)
		equal(t, "replay", record(t, s, report)[0].Result, delivery.Replayed)
		for name, change := range map[string]func() error{
			"extend":  func() error { _, err := s.ExtendClaim(t.Context(), c.ExecutionID, worker, lease); return err },
			"release": func() error { _, err := s.ReleaseClaim(t.Context(), c.ExecutionID, worker); return err },
		} {
			if err := change(); err != delivery.ErrClaimOver {
				t.Errorf("%s after %s: %v, want %v", name, status, err, delivery.ErrClaimOver)
			}
		}
		equal(t, "delivery afterwards", document(t, s, id).Deliveries[0].Standing, d.Standing)
	}
}

func claimReportedElsewhere(t *testing.T, s Store) {
	reviewed(t, s, documentID, "other")
	claimed := claim(t, s, 2)
	id, otherID := claimed[0].Claim.ExecutionID, claimed[1].Claim.ExecutionID
	one := func() delivery.Delivery { return document(t, s, documentID).Deliveries[0] }

	created(t, s, attempt("foreign failure", failed))
	equal(t, "state after a failure under another id", one().State(), delivery.Pending)
	equal(t, "tries after a failure under another id", one().Standing.Tries, 2)
	// An id that a claim of another delivery handed out is an ordinary one here, and settles nothing there.
	created(t, s, attempt(otherID, failed))
	equal(t, "tries after a failure under another delivery's id", one().Standing.Tries, 3)
	equal(t, "the other's state", document(t, s, "other").Deliveries[0].State(), delivery.Pending)
	created(t, s, attempt("foreign success", at(attemptedAt.Add(time.Hour))))
	equal(t, "state after a success under another id", one().State(), delivery.DeliverySucceeded)
	_, err := s.ExtendClaim(t.Context(), id, worker, lease)
	isError(t, err, delivery.ErrClaimOver)

	created(t, s, attempt(id, on("other", "sap"))) // on another provider
	equal(t, "the other's state", theDeliveryOn(t, s, "other", "dynamics365").State(), delivery.Pending)
}

func theDeliveryOn(t *testing.T, s Store, id, provider string) delivery.Delivery {
	t.Helper()
	deliveries := document(t, s, id).Deliveries
	i := slices.IndexFunc(deliveries, func(d delivery.Delivery) bool { return d.Provider == provider })
	if i < 0 {
		t.Fatalf("%s has no delivery to %s", id, provider)
	}
	return deliveries[i]
}

func claimReportedLate(t *testing.T, s Store) {
	reviewed(t, s, documentID)
	late := claimOne(t, s)
	s.SetClockOffset(2 * time.Minute)
	open := claimOne(t, s)
	created(t, s, attempt(late.ExecutionID, failed))
	d := theDelivery(t, s)
	equal(t, "tries", d.Standing.Tries, 2)
	equal(t, "lease", d.Standing.Lease.ExecutionID, open.ExecutionID)
	equal(t, "state", d.State(), delivery.Pending)

	// The report of a claim that was given back counts: the worker tried after all.
	if _, err := s.ReleaseClaim(t.Context(), open.ExecutionID, worker); err != nil {
		t.Fatal(err)
	}
	equal(t, "tries after the release", theDelivery(t, s).Standing.Tries, 1)
	created(t, s, attempt(open.ExecutionID, failed))
	equal(t, "tries after the report", theDelivery(t, s).Standing.Tries, 2)

	// After a requeue nothing before it counts, and a late report of then is a try of now.
	s.SetClockOffset(time.Hour)
	old := claimOne(t, s)
	s.SetClockOffset(time.Hour + lease + time.Second)
	mustRequeue(t, s)
	claimOne(t, s)
	created(t, s, attempt(old.ExecutionID, failed))
	equal(t, "tries after a requeue", theDelivery(t, s).Standing.Tries, 2)
}
