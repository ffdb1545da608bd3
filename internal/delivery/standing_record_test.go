package delivery_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

func TestStanding_Record(t *testing.T) {
	latest := func(s delivery.Standing) any { return s.Latest.AttemptID }
	tries := func(s delivery.Standing) any { return s.Tries }
	settled := func(s delivery.Standing) any { return s.Settled }
	leased := func(s delivery.Standing) any { return s.Lease != nil }
	for name, test := range map[string]struct {
		facts facts
		what  func(delivery.Standing) any
		want  any
	}{
		"NewerTry_BecomesTheLatest": {
			facts{tried(failed, "older", 1, 1), tried(failed, "newer", 2, 2)}, latest, "attempt newer"},
		"LateReportOfAnOlderTry_DoesNotHideANewerOutcome": {
			facts{tried(succeeded, "newer", 2, 3), tried(failed, "older", 1, 4)}, latest, "attempt newer"},
		"SameInstant_TheOneRecordedLastCounts": {
			facts{tried(failed, "first", 1, 2), tried(failed, "last", 1, 3)}, latest, "attempt last"},
		// A try cannot have been made after it was recorded, whatever its clock said.
		"ClockAhead_DoesNotPinTheLatest": {
			facts{tried(failed, "ahead", 50, 1), tried(succeeded, "right", 2, 2)}, latest, "attempt right"},
		"ClockAheadTwice_GoesByRecording": {
			facts{tried(failed, "far ahead", 50, 1), tried(failed, "ahead", 40, 2)}, latest, "attempt ahead"},
		"TryJustBeforeAClockAheadWasRecorded_IsOlder": {
			facts{tried(failed, "ahead", 50, 2), tried(succeeded, "before", 1, 3)}, latest, "attempt ahead"},

		"FailedWithoutAClaim_IsATry":       {facts{tried(failed, "a", 1, 1), tried(failed, "b", 2, 2)}, tries, 2},
		"FailedOfAClaim_IsNotCountedAgain": {facts{claimed("a", 9), triedOnClaim(failed, "a", 1)}, tries, 1},
		"FailedAfterTheLeaseRanOut_IsNotCountedAgain": {
			facts{claimed("a", 1), claimed("b", 9), triedOnClaim(failed, "a", 2)}, tries, 2},
		"SucceededAndSkipped_AreNoTries": {facts{tried(succeeded, "a", 1, 1), tried(skipped, "b", 2, 2)}, tries, 0},
		"ClaimThatSucceeded_WasATry":     {facts{claimed("a", 9), triedOnClaim(succeeded, "a", 1)}, tries, 1},

		"Failed_DoesNotSettleTheDelivery":   {facts{tried(failed, "a", 1, 1)}, settled, false},
		"Succeeded_SettlesTheDelivery":      {facts{tried(succeeded, "a", 1, 1)}, settled, true},
		"Skipped_SettlesTheDelivery":        {facts{tried(skipped, "a", 1, 1)}, settled, true},
		"FailedAfterSucceeded_StaysSettled": {facts{tried(succeeded, "a", 1, 1), tried(failed, "b", 2, 2)}, settled, true},
		"LateSuccess_SettlesTheDelivery":    {facts{tried(failed, "a", 2, 2), tried(succeeded, "b", 1, 3)}, settled, true},

		"OwnFailed_SettlesTheLease":               {facts{claimed("a", 9), triedOnClaim(failed, "a", 1)}, leased, false},
		"OwnSucceeded_SettlesTheLease":            {facts{claimed("a", 9), triedOnClaim(succeeded, "a", 1)}, leased, false},
		"SucceededUnderAnotherID_SettlesTheLease": {facts{claimed("a", 9), tried(succeeded, "b", 1, 1)}, leased, false},
		"SkippedUnderAnotherID_SettlesTheLease":   {facts{claimed("a", 9), tried(skipped, "b", 1, 1)}, leased, false},
		"FailedUnderAnotherID_LeavesTheLease":     {facts{claimed("a", 9), tried(failed, "b", 1, 1)}, leased, true},
		"FailedOfAnEarlierClaim_LeavesTheLease": {
			facts{claimed("a", 1), claimed("b", 9), triedOnClaim(failed, "a", 2)}, leased, true},
		"LateSuccess_SettlesTheLease": {
			facts{tried(failed, "a", 2, 2), claimed("b", 9), tried(succeeded, "c", 1, 3)}, leased, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.what(standingOf(test.facts...)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestStanding_Touched_BySomethingOfEachKind(t *testing.T) {
	if standingOf().Touched {
		t.Error("a delivery without facts counts as touched")
	}
	for name, f := range map[string]fact{"attempt": tried(failed, "a", 1, 1), "claim": claimed("a", 1), "requeue": requeued} {
		if !standingOf(f).Touched {
			t.Errorf("after a %s the delivery does not count as touched", name)
		}
	}
}

func TestStanding_Requeue_KeepsOnlyRecordingOrder(t *testing.T) {
	got := standingOf(claimed("a", 9), tried(succeeded, "b", 1, 2), tried(failed, "c", 1, 3), requeued)
	want := delivery.Standing{
		Touched: true, LastRecordedAt: minute(3), Since: minute(requeuedAt), Resting: delivery.Ready, DueAt: minute(requeuedAt),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A store that folds one standing into two outcomes, as when it runs a transaction again, starts from the
// same standing both times.
func TestStanding_Facts_LeaveTheStandingTheyAreAppliedTo(t *testing.T) {
	before := standingOf(tried(failed, "a", 1, 1), claimed("b", 9))
	for name, f := range map[string]fact{
		"attempt": triedOnClaim(succeeded, "b", 2), "claim": claimed("c", 10), "requeue": requeued,
	} {
		f(before)
		if again := standingOf(tried(failed, "a", 1, 1), claimed("b", 9)); !reflect.DeepEqual(before, again) {
			t.Errorf("a %s changed what it was applied to into %+v", name, before)
		}
	}
}

func TestStanding_NextRecordedAt(t *testing.T) {
	last := minute(10)
	for name, test := range map[string]struct{ now, want time.Time }{
		"ClockMovedOn_IsTheClock":                 {last.Add(2 * time.Microsecond), last.Add(2 * time.Microsecond)},
		"ClockMovedOnByOneMicrosecond_IsTheClock": {last.Add(time.Microsecond), last.Add(time.Microsecond)},
		"ClockStoodStill_IsTheNextMicrosecond":    {last, last.Add(time.Microsecond)},
		"ClockWentBack_IsTheNextMicrosecond":      {last.Add(-time.Hour), last.Add(time.Microsecond)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := standingOf(tried(failed, "a", 1, 10)).NextRecordedAt(test.now); !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	t.Run("FirstAttempt_IsTheClock", func(t *testing.T) {
		if got := (delivery.Standing{}).NextRecordedAt(minute(1)); !got.Equal(minute(1)) {
			t.Errorf("got %v, want %v", got, minute(1))
		}
	})
	// Or an audit could not tell that it came after.
	t.Run("ClockWentBackBehindARequeue_IsTheRequeue", func(t *testing.T) {
		if got := standingOf(tried(failed, "a", 1, 10), requeued).NextRecordedAt(minute(requeuedAt - 1)); !got.Equal(minute(requeuedAt)) {
			t.Errorf("got %v, want %v", got, minute(requeuedAt))
		}
	})
}
