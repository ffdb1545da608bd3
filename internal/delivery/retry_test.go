package delivery_test

import (
	"math"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

func TestRetryPolicy_Backoff_DoublesUpToItsMost(t *testing.T) {
	longest := time.Duration(math.MaxInt64)
	for name, test := range map[string]struct {
		policy delivery.RetryPolicy
		want   map[int]time.Duration // by tries
	}{
		"Default": {delivery.DefaultRetry, map[int]time.Duration{
			1: 30 * time.Second, 2: time.Minute, 7: 32 * time.Minute, 8: time.Hour, 12: time.Hour, math.MaxInt: time.Hour,
		}},
		"MostIsNoPowerOfTheFirst": {delivery.RetryPolicy{Delay: 2, MaxDelay: 7}, map[int]time.Duration{1: 2, 2: 4, 3: 7}},
		"Constant":                {delivery.RetryPolicy{Delay: 5, MaxDelay: 5}, map[int]time.Duration{1: 5, 2: 5, 9: 5}},
		"DoesNotOverflow":         {delivery.RetryPolicy{Delay: 1, MaxDelay: longest}, map[int]time.Duration{62: 1 << 61, 63: 1 << 62, 64: longest, 100: longest}},
	} {
		t.Run(name, func(t *testing.T) {
			for tries, want := range test.want {
				if got := test.policy.Backoff(tries); got != want {
					t.Errorf("after %d tries: %v, want %v", tries, got, want)
				}
			}
		})
	}
}

func TestRetryPolicies_For(t *testing.T) {
	own, other := delivery.RetryPolicy{Delay: 1, MaxDelay: 2, MaxTries: 3}, delivery.RetryPolicy{Delay: 4, MaxDelay: 5, MaxTries: 6}
	policies := delivery.RetryPolicies{Default: other, Providers: map[string]delivery.RetryPolicy{"sap": own}}
	if got := policies.For("sap"); got != own {
		t.Errorf("sap: %+v, want its own", got)
	}
	if got := policies.For("dynamics365"); got != other {
		t.Errorf("dynamics365: %+v, want the default", got)
	}
	if got := (delivery.RetryPolicies{}).For("dynamics365"); got != delivery.DefaultRetry {
		t.Errorf("where nothing is set: %+v, want %+v", got, delivery.DefaultRetry)
	}
}

// Tries of the default policy back off for half a minute, a minute, two minutes and so on.
func TestStanding_DueAt(t *testing.T) {
	never := time.Time{}
	half := minute(0).Add(30 * time.Second).Sub(minute(0))
	for name, test := range map[string]struct {
		facts facts
		want  time.Time
	}{
		"Offered_IsDueAtOnce":                   {facts{offered(3)}, minute(3)},
		"Failed_BacksOffFromItsRecording":       {facts{offered(0), tried(failed, "a", 1, 5)}, minute(5).Add(half)},
		"FailedTwice_BacksOffTwiceAsLong":       {facts{offered(0), tried(failed, "a", 1, 5), tried(failed, "b", 1, 6)}, minute(7)},
		"Leased_BacksOffFromTheLeasesEnd":       {facts{offered(0), claimed("a", 9)}, minute(9).Add(half)},
		"LeasedTwice_BacksOffTwiceAsLong":       {facts{offered(0), claimed("a", 2), claimed("b", 9)}, minute(10)},
		"ClaimThatFailed_BacksOffFromItsReport": {facts{offered(0), claimed("a", 9), triedOnClaim(failed, "a", 4)}, minute(4).Add(half)},
		"FailedBesideALease_BacksOffFromTheLeasesEnd": {
			facts{offered(0), claimed("a", 9), tried(failed, "b", 4, 4)}, minute(10)},
		"FailedAfterALeaseRanOut_BacksOffFromTheReport": {
			facts{offered(0), claimed("a", 2), tried(failed, "b", 4, 4)}, minute(5)},
		"Extended_BacksOffFromTheNewEnd":    {facts{offered(0), claimed("a", 2), extended(9)}, minute(9).Add(half)},
		"Released_IsDueAsBefore":            {facts{offered(3), claimed("a", 9), released}, minute(3)},
		"ReleasedAfterFailed_IsDueAsBefore": {facts{offered(3), tried(failed, "a", 4, 4), claimed("b", 9), released}, minute(4).Add(half)},
		"ReleasedAfterALeaseRanOut_IsDueAsBefore": {
			facts{offered(3), claimed("a", 9), claimed("b", 15), released}, minute(9).Add(half)},
		"ReleasedAfterFailedAndALeaseRanOut_IsDueAsBefore": {
			facts{offered(3), tried(failed, "a", 4, 4), claimed("b", 9), claimed("c", 15), released}, minute(10)},
		"Requeued_IsDueAtOnce":                  {facts{offered(0), tried(failed, "a", 1, 5), requeued}, minute(requeuedAt)},
		"OfferedAgain_IsNotDueBefore":           {facts{offered(0), tried(failed, "a", 1, 1), offered(9)}, minute(9)},
		"OfferedAgainInItsBackoff_IsDueAfterIt": {facts{offered(0), claimed("a", 10), offered(3)}, minute(10).Add(half)},
		"Succeeded_IsNeverDue":                  {facts{offered(0), tried(succeeded, "a", 1, 1)}, never},
		"Skipped_IsNeverDue":                    {facts{offered(0), tried(skipped, "a", 1, 1)}, never},
		"FailedAfterSucceeded_IsNeverDue":       {facts{offered(0), tried(succeeded, "a", 1, 1), tried(failed, "b", 2, 2)}, never},
		"SucceededLate_IsNeverDue":              {facts{offered(0), tried(failed, "a", 2, 2), tried(succeeded, "b", 1, 3)}, never},
		"OfferedAgainAfterSucceeded_IsNeverDue": {facts{offered(0), tried(succeeded, "a", 1, 1), offered(9)}, never},
		"TriesUsedUp_IsNeverDue":                {facts{offered(0), times(12, tried(failed, "a", 1, 1))}, never},
		"LeasesUsedUp_IsNeverDue":               {facts{offered(0), times(12, claimed("a", 1))}, never},
		"LastTryReleased_IsDueAgain":            {facts{offered(0), times(11, tried(failed, "a", 1, 1)), claimed("b", 9), released}, minute(61)},
		"RequeuedAfterTriesUsedUp_IsDueAtOnce":  {facts{offered(0), times(12, claimed("a", 1)), requeued}, minute(requeuedAt)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := standingOf(test.facts...).DueAt; !got.Equal(test.want) {
				t.Errorf("due at %v, want %v", got, test.want)
			}
		})
	}
}

// Whoever looks at a delivery is told when it is due only if it can be.
func TestDelivery_DueAt(t *testing.T) {
	failedOnce, leased := standingOf(offered(0), tried(failed, "a", 1, 1)), standingOf(offered(0), claimed("a", 9))
	for name, test := range map[string]struct {
		delivery delivery.Delivery
		want     time.Time
	}{
		"Offered":     {delivery.Delivery{Standing: failedOnce, Offered: true, AsOf: minute(5)}, failedOnce.DueAt},
		"NotOffered":  {delivery.Delivery{Standing: failedOnce, AsOf: minute(5)}, time.Time{}},
		"Leased":      {delivery.Delivery{Standing: leased, Offered: true, AsOf: minute(5)}, time.Time{}},
		"LeaseRanOut": {delivery.Delivery{Standing: leased, Offered: true, AsOf: minute(9)}, leased.DueAt},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.delivery.DueAt(); !got.Equal(test.want) {
				t.Errorf("due at %v, want %v", got, test.want)
			}
		})
	}
}
