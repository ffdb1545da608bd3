package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

// Store is all that the suite asks of a store.
type Store interface {
	delivery.Store
	apikey.Store
	SetClockOffset(offset time.Duration)
}

// Factory returns a fresh, migrated, empty store that is closed with the test.
type Factory func(t *testing.T) Store

// Run runs the whole suite.
func Run(t *testing.T, factory Factory) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s Store)
	}{
		{"Record/Created_IsStoredAsGiven", recordStoresAsGiven},
		{"Record/Replay_ReturnsTheOriginalAndWritesNothing", replayReturnsOriginal},
		{"Record/Conflict_NamesEachDifferingFieldAndWritesNothing", conflictNamesFields},
		{"Record/Conflict_DoesNotAddADelivery", conflictAddsNoDelivery},
		{"Record/UnknownDocument_WritesNothing", unknownDocument},
		{"Record/UnknownDocument_IsRegisteredWhenAllowed", unknownDocumentRegistered},
		{"Record/ExecutionIDs_AreCaseSensitive", executionIDsAreCaseSensitive},
		{"Record/Slice_EachGetsItsOwnResult", sliceResults},
		{"Record/NewProvider_AddsADelivery", newProviderAddsDelivery},
		{"Record/RetiredProvider_StaysRetired", retiredProviderStaysRetired},
		{"Record/LateReportOfAnOlderTry_DoesNotHideANewerOutcome", lateReport},
		{"Record/ClockAhead_DoesNotPinTheState", clockAhead},
		{"Record/HostileText_StaysText", hostileText},
		{"Record/RecordedAt_IsStrictlyIncreasingInADelivery", recordedAtIncreases},
		{"Record/EveryDocumentStage_Records", everyStageRecords},
		{"Standing/EqualsTheFoldOfItsAttempts", standingEqualsFold},
		{"Attempt/Unknown_IsNotFound", attemptUnknown},
		{"Attempts/FiltersAndPages", attemptsFilterAndPage},
		{"Attempts/UnknownDocument_IsNotFound", attemptsUnknownDocument},
		{"Document/Put_CreatesRefreshesAndKeepsMetadata", putDocument},
		{"Document/Put_EqualRegistration_ChangesNothing", putEqual},
		{"Document/Put_ProvidersAreAddedRetiredAndTakenBack", putProviders},
		{"Document/Unknown_IsNotFound", documentUnknown},
		{"Outbox/ListsWhatIsDue_OldestFirst", outboxLists},
		{"Outbox/LeavesOutWhatIsNotDue", outboxLeavesOut},
		{"Claim/HandsOutWhatIsDue_AndNothingElse", claimHandsOut},
		{"Claim/LeaseThatRanOut_IsATryAndIsHandedOutAgain", claimRunsOut},
		{"Claim/DeliveryKey_IsTheSameUntilARequeue", claimDeliveryKey},
		{"Claim/ReportUnderItsID_SettlesTheLease", claimReported},
		{"Claim/ReportUnderAnotherID", claimReportedElsewhere},
		{"Claim/LateReport_IsRecordedAndCountsOnce", claimReportedLate},
		{"Claim/Extend", claimExtended},
		{"Claim/Release", claimReleased},
		{"Claim/UsedUpTries_AreExhausted", claimExhausts},
		{"Requeue/StartsAnew", requeueStartsAnew},
		{"Requeue/Refusals", requeueRefusals},
		{"Requeue/NothingToDo_RecordsNothing", requeueNothing},
		{"Deliveries/FiltersAndPages", deliveriesFilterAndPage},
		{"Backlogs", backlogs},
		{"Concurrent/Claims_AreExclusive", concurrentClaims},
		{"Concurrent/NewProviderBesideAReview_IsOffered", concurrentReview},
		{"Keys/AddReadListRevoke", keys},
		{"Keys/Rotate_LinksBothAndEndsTheOld", keyRotation},
		{"Keys/Rotate_NeverProlongsTheOld", keyRotationOfOneThatExpires},
		{"Keys/Rotate_Refusals", keyRotationRefusals},
		{"Keys/Rotate_ManyAtOnce_MakeOneSuccessor", keyRotationTwice},
		{"Keys/MarkUsed_KeepsTheLatest", keyUses},
		{"Claim/ChangedWithAnotherKeyOfThePrincipal", claimOfPrincipal},
		{"Ready", ready},
		{"Concurrent/IdenticalReports_OneIsCreated", concurrentIdentical},
		{"Concurrent/DifferentReportsUnderOneID_OneIsCreated", concurrentDifferent},
		{"Concurrent/OneDelivery_CountsEveryTry", concurrentOneDelivery},
		{"Concurrent/SlicesInOpposedOrder_DoNotDeadlock", concurrentSlices},
		{"Concurrent/Registrations_OneCreates", concurrentRegistrations},
		{"Concurrent/NewProviderUnderOneID_LeavesNoEmptyDelivery", concurrentNewProvider},
		{"Concurrent/UnknownDocument_BesideItsRegistration_KeepsItsProviders", concurrentUnknown},
		{"Concurrent/Refreshes_NeverTurnTheClockBack", concurrentRefreshes},
		{"Concurrent/RefreshesBesideSlices_BothSucceed", concurrentRefreshAndSlices},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, factory(t)) })
	}
}

const documentID = "4be38121-3791-4856-80d5-c57dbec2cf78"

var attemptedAt = time.Date(2026, 3, 24, 3, 0, 0, 123456000, time.UTC)

// reviewed registers documents as reviewed, to be delivered to dynamics365.
func reviewed(t *testing.T, s Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		put(t, s, id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}})
	}
}

func put(t *testing.T, s Store, id string, registration delivery.Registration) delivery.Document {
	t.Helper()
	document, _, err := s.PutDocument(t.Context(), id, registration, nil)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

var attemptNumber = make(chan int, 1)

func init() { attemptNumber <- 0 }

// attempt makes a succeeded attempt with every field set; change alters it.
func attempt(executionID string, change ...func(*delivery.Attempt)) delivery.Attempt {
	n := <-attemptNumber + 1
	attemptNumber <- n
	a := delivery.Attempt{
		ID: fmt.Sprintf("019d1d1a-7f00-7c1b-8a52-%012x", n),
		Report: delivery.Report{
			DocumentID: documentID, Provider: "dynamics365", Status: delivery.Succeeded,
			ExecutionID: executionID, AttemptedAt: attemptedAt,
			ExternalRecordID: "crm-row-001", ExternalURL: "https://crm.example/rows/1?a=1&b=2",
			ErrorCode: "none", ErrorMessage: "all well",
		},
		RequestID:  "request-1",
		RecordedBy: delivery.Principal{KeyID: "0123456789abcdef", Name: "crm-worker"},
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

func failed(a *delivery.Attempt) { a.Status = delivery.Failed }

func on(documentID, provider string) func(*delivery.Attempt) {
	return func(a *delivery.Attempt) { a.DocumentID, a.Provider = documentID, provider }
}

func at(t time.Time) func(*delivery.Attempt) { return func(a *delivery.Attempt) { a.AttemptedAt = t } }

func record(t *testing.T, s Store, attempts ...delivery.Attempt) []delivery.Recorded {
	t.Helper()
	results, err := s.Record(t.Context(), attempts, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(attempts) {
		t.Fatalf("%d results for %d attempts", len(results), len(attempts))
	}
	return results
}

// created records attempts one by one and returns them as stored; each must be new.
func created(t *testing.T, s Store, attempts ...delivery.Attempt) []delivery.Attempt {
	t.Helper()
	var stored []delivery.Attempt
	for _, a := range attempts {
		r := record(t, s, a)[0]
		if r.Result != delivery.Created {
			t.Fatalf("recording %s: got %s, want created", a.ExecutionID, r.Result)
		}
		stored = append(stored, r.Attempt)
	}
	return stored
}

func history(t *testing.T, s Store, query delivery.AttemptQuery) []delivery.Attempt {
	t.Helper()
	if query.DocumentID == "" {
		query.DocumentID = documentID
	}
	query.Limit = 1000
	page, err := s.Attempts(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	return page.Attempts
}

func document(t *testing.T, s Store, id string) delivery.Document {
	t.Helper()
	d, err := s.Document(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// asStored is a document without the instants for which it is told.
func asStored(d delivery.Document) delivery.Document {
	d.AsOf = time.Time{}
	d.Deliveries = slices.Clone(d.Deliveries)
	for i := range d.Deliveries {
		d.Deliveries[i].AsOf = time.Time{}
	}
	return d
}

// theDelivery returns the document's only delivery.
func theDelivery(t *testing.T, s Store) delivery.Delivery {
	t.Helper()
	deliveries := document(t, s, documentID).Deliveries
	if len(deliveries) != 1 {
		t.Fatalf("got %d deliveries, want 1", len(deliveries))
	}
	return deliveries[0]
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func isError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func providersOf(d delivery.Document) []string {
	names := []string{}
	for _, delivery := range d.Deliveries {
		names = append(names, delivery.Provider)
	}
	slices.Sort(names)
	return names
}
