package delivery_test

import (
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

const (
	succeeded = delivery.Succeeded
	failed    = delivery.Failed
	skipped   = delivery.Skipped
)

// minute is an instant of the day on which these tests happen.
func minute(n int) time.Time {
	return time.Date(2026, 3, 24, 12, n, 0, 0, time.UTC)
}

// fact is one recorded fact of a delivery.
type fact func(delivery.Standing) delivery.Standing

// standingOf is what the facts come to.
func standingOf(facts ...fact) delivery.Standing {
	var s delivery.Standing
	for _, f := range facts {
		s = f(s)
	}
	return s
}

// tried is a report under an id that no claim handed out, of a try at one minute recorded at another.
func tried(status delivery.Status, id string, attempted, recorded int) fact {
	return func(s delivery.Standing) delivery.Standing {
		return s.Record(attempt(status, id, minute(attempted), minute(recorded)), false, delivery.DefaultRetry)
	}
}

// triedOnClaim is a report under an id that a claim of the delivery handed out.
func triedOnClaim(status delivery.Status, id string, recorded int) fact {
	return func(s delivery.Standing) delivery.Standing {
		return s.Record(attempt(status, id, minute(recorded), minute(recorded)), true, delivery.DefaultRetry)
	}
}

func attempt(status delivery.Status, id string, attempted, recorded time.Time) delivery.Attempt {
	return delivery.Attempt{
		ID:         "attempt " + id,
		Report:     delivery.Report{ExecutionID: id, Status: status, AttemptedAt: attempted},
		RecordedAt: recorded,
	}
}

func claimed(id string, expires int) fact {
	return func(s delivery.Standing) delivery.Standing {
		return s.Claim(delivery.Lease{ExecutionID: id, ExpiresAt: minute(expires)}, delivery.DefaultRetry)
	}
}

func extended(expires int) fact {
	return func(s delivery.Standing) delivery.Standing { return s.Extend(minute(expires), delivery.DefaultRetry) }
}

func released(s delivery.Standing) delivery.Standing { return s.Release(delivery.DefaultRetry) }

func offered(at int) fact {
	return func(s delivery.Standing) delivery.Standing { return s.Offer(minute(at), delivery.DefaultRetry) }
}

// requeuedAt is the minute of requeued, after whatever was recorded before it in these tests.
const requeuedAt = 20

func requeued(s delivery.Standing) delivery.Standing {
	return s.Requeue(minute(requeuedAt), delivery.DefaultRetry)
}

// times are the facts, one after the other, n times.
func times(n int, facts ...fact) fact {
	return func(s delivery.Standing) delivery.Standing {
		for range n {
			for _, f := range facts {
				s = f(s)
			}
		}
		return s
	}
}

type facts []fact

func TestStanding_State(t *testing.T) {
	const now = 30
	for name, test := range map[string]struct {
		facts facts
		want  delivery.State
	}{
		"NoFacts_IsReady":                        {nil, delivery.Ready},
		"Succeeded_IsSucceeded":                  {facts{tried(succeeded, "a", 1, 1)}, delivery.DeliverySucceeded},
		"Skipped_IsSkipped":                      {facts{tried(skipped, "a", 1, 1)}, delivery.DeliverySkipped},
		"Failed_IsFailed":                        {facts{tried(failed, "a", 1, 1)}, delivery.DeliveryFailed},
		"FailedAfterSucceeded_IsFailed":          {facts{tried(succeeded, "a", 1, 1), tried(failed, "b", 2, 2)}, delivery.DeliveryFailed},
		"SucceededAfterFailed_IsSucceeded":       {facts{tried(failed, "a", 1, 1), tried(succeeded, "b", 2, 2)}, delivery.DeliverySucceeded},
		"SkippedAfterSucceeded_IsSkipped":        {facts{tried(succeeded, "a", 1, 1), tried(skipped, "b", 2, 2)}, delivery.DeliverySkipped},
		"ElevenFailed_IsFailed":                  {facts{times(11, tried(failed, "a", 1, 1))}, delivery.DeliveryFailed},
		"TwelveFailed_IsExhausted":               {facts{times(12, tried(failed, "a", 1, 1))}, delivery.Exhausted},
		"SucceededAfterTwelveFailed_IsSucceeded": {facts{times(12, tried(failed, "a", 1, 1)), tried(succeeded, "b", 2, 2)}, delivery.DeliverySucceeded},
		"SkippedAfterTwelveFailed_IsSkipped":     {facts{times(12, tried(failed, "a", 1, 1)), tried(skipped, "b", 2, 2)}, delivery.DeliverySkipped},
		"LateSuccessAmongTwelveFailed_IsExhausted": {
			facts{times(12, tried(failed, "a", 2, 2)), tried(succeeded, "b", 1, 3)}, delivery.Exhausted},

		"OpenLease_IsPending":               {facts{claimed("a", now+1)}, delivery.Pending},
		"OpenLeaseAfterFailed_IsPending":    {facts{tried(failed, "a", 1, 1), claimed("b", now+1)}, delivery.Pending},
		"OpenLeaseAfterSucceeded_IsPending": {facts{tried(succeeded, "a", 1, 1), claimed("b", now+1)}, delivery.Pending},
		"OpenLeaseOfTheLastTry_IsPending":   {facts{times(11, tried(failed, "a", 1, 1)), claimed("b", now+1)}, delivery.Pending},
		"LeaseRunOut_IsReady":               {facts{claimed("a", now-1)}, delivery.Ready},
		"LeaseRunOutAfterFailed_IsFailed":   {facts{tried(failed, "a", 1, 1), claimed("b", now-1)}, delivery.DeliveryFailed},
		"ElevenLeasesRunOut_IsReady":        {facts{times(11, claimed("a", now-1))}, delivery.Ready},
		// A document that kills its workers never gets an attempt.
		"TwelveLeasesRunOut_IsExhaustedWithoutAnAttempt": {facts{times(12, claimed("a", now-1))}, delivery.Exhausted},
		"ElevenClaimsThatFailed_IsFailed": {
			facts{times(11, claimed("a", now+1), triedOnClaim(failed, "a", 2))}, delivery.DeliveryFailed},
		"TwelveClaimsThatFailed_IsExhausted": {
			facts{times(12, claimed("a", now+1), triedOnClaim(failed, "a", 2))}, delivery.Exhausted},

		"Requeue_OfSucceeded_IsReady": {facts{tried(succeeded, "a", 1, 1), requeued}, delivery.Ready},
		"Requeue_OfExhausted_IsReady": {facts{times(12, tried(failed, "a", 1, 1)), requeued}, delivery.Ready},
		"Requeue_CountsTriesAnew":     {facts{times(12, claimed("a", 1)), requeued, times(11, claimed("b", 2))}, delivery.Ready},
		"Requeue_ThenClaim_IsPending": {facts{tried(succeeded, "a", 1, 1), requeued, claimed("b", now+1)}, delivery.Pending},
		"Requeue_EndsTheLease":        {facts{claimed("a", now+1), requeued}, delivery.Ready},
		"Requeue_ThenReportOfATryBeforeIt_Counts": {
			facts{tried(succeeded, "a", 5, 5), requeued, tried(failed, "b", 1, 6)}, delivery.DeliveryFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if got := standingOf(test.facts...).State(minute(now)); got != test.want {
				t.Errorf("state is %s, want %s", got, test.want)
			}
		})
	}
}

func TestStanding_State_LeaseEndsAtItsExpiryExactly(t *testing.T) {
	s := standingOf(claimed("a", 30))
	for now, want := range map[time.Time]delivery.State{
		minute(30).Add(-time.Microsecond): delivery.Pending,
		minute(30):                        delivery.Ready,
		minute(30).Add(time.Microsecond):  delivery.Ready,
	} {
		if got := s.State(now); got != want {
			t.Errorf("at %v the state is %s, want %s", now, got, want)
		}
	}
}
