package delivery_test

import (
	"testing"

	"github.com/numora/delivery/internal/delivery"
)

func TestPushStatus(t *testing.T) {
	const now = 30
	untouched := standingOf()
	again := standingOf(requeued)
	pending := standingOf(claimed("a", now+1))
	ranOut := standingOf(claimed("a", now))
	succeeded := standingOf(tried(succeeded, "a", 1, 1))
	skipped := standingOf(tried(skipped, "a", 1, 1))
	failed := standingOf(tried(failed, "a", 1, 1))
	exhausted := standingOf(times(12, claimed("a", 1)))
	type deliveries []delivery.Standing

	for name, test := range map[string]struct {
		stage      delivery.Stage
		deliveries deliveries
		want       delivery.DocumentStatus
	}{
		"Processing_HidesWhateverWasDelivered":       {delivery.Processing, deliveries{pending, failed}, "processing"},
		"ReviewRequired_HidesWhateverWasDelivered":   {delivery.ReviewRequired, deliveries{succeeded}, "review_required"},
		"FailedExtraction_HidesWhateverWasDelivered": {delivery.StageFailed, deliveries{succeeded}, "failed"},

		"NoDeliveries_IsReviewed":            {delivery.Reviewed, nil, delivery.StatusReviewed},
		"NothingTouched_IsReviewed":          {delivery.Reviewed, deliveries{untouched, untouched}, delivery.StatusReviewed},
		"LeaseThatRanOut_IsNoLongerReviewed": {delivery.Reviewed, deliveries{untouched, ranOut}, delivery.PushPending},

		"Pending_IsPushPending":                {delivery.Reviewed, deliveries{pending}, delivery.PushPending},
		"PendingBesideUntouched_IsPushPending": {delivery.Reviewed, deliveries{untouched, pending}, delivery.PushPending},
		"PendingBesideFailed_IsPushPending":    {delivery.Reviewed, deliveries{failed, pending, exhausted}, delivery.PushPending},
		"PendingBesideSucceeded_IsPushPending": {delivery.Reviewed, deliveries{succeeded, pending}, delivery.PushPending},

		"Failed_IsPushFailed":                  {delivery.Reviewed, deliveries{failed}, delivery.PushFailed},
		"Exhausted_IsPushFailed":               {delivery.Reviewed, deliveries{exhausted}, delivery.PushFailed},
		"FailedBesideSucceeded_IsPushFailed":   {delivery.Reviewed, deliveries{succeeded, failed, skipped}, delivery.PushFailed},
		"FailedBesideUntouched_IsPushFailed":   {delivery.Reviewed, deliveries{untouched, failed}, delivery.PushFailed},
		"ExhaustedBesideRequeued_IsPushFailed": {delivery.Reviewed, deliveries{again, exhausted}, delivery.PushFailed},

		"Succeeded_IsPushSucceeded":              {delivery.Reviewed, deliveries{succeeded}, delivery.PushSucceeded},
		"Skipped_IsPushSucceeded":                {delivery.Reviewed, deliveries{skipped}, delivery.PushSucceeded},
		"SucceededBesideSkipped_IsPushSucceeded": {delivery.Reviewed, deliveries{succeeded, skipped, succeeded}, delivery.PushSucceeded},

		"SucceededBesideUntouched_IsPushPending":       {delivery.Reviewed, deliveries{succeeded, untouched}, delivery.PushPending},
		"Requeued_IsPushPending":                       {delivery.Reviewed, deliveries{again}, delivery.PushPending},
		"RequeuedBesideSucceeded_IsPushPending":        {delivery.Reviewed, deliveries{again, succeeded}, delivery.PushPending},
		"LeaseThatRanOutBesideSucceeded_IsPushPending": {delivery.Reviewed, deliveries{ranOut, succeeded}, delivery.PushPending},
	} {
		t.Run(name, func(t *testing.T) {
			if got := delivery.PushStatus(test.stage, test.deliveries, minute(now)); got != test.want {
				t.Errorf("status is %s, want %s", got, test.want)
			}
			// A document says the same of its deliveries, as of its own instant.
			document := delivery.Document{Stage: test.stage, AsOf: minute(now)}
			for _, s := range test.deliveries {
				document.Deliveries = append(document.Deliveries, delivery.Delivery{Standing: s})
			}
			if got := document.Status(); got != test.want {
				t.Errorf("the document's status is %s, want %s", got, test.want)
			}
		})
	}
}
