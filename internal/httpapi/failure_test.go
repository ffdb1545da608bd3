package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// brokenStore answers every call with err, or panics when it has none.
type brokenStore struct {
	delivery.Store
	err error
}

func (s brokenStore) fail() error {
	if s.err == nil {
		panic("a secret in a panic")
	}
	return s.err
}

func (s brokenStore) Record(_ context.Context, attempts []delivery.Attempt, _ *delivery.Registration) ([]delivery.Recorded, error) {
	if s.err == nil {
		panic(fmt.Sprintf("a secret in a panic: %+v", attempts))
	}
	return nil, s.err
}

func (s brokenStore) Document(context.Context, string) (delivery.Document, error) {
	return delivery.Document{}, s.fail()
}

func (s brokenStore) PutDocument(context.Context, string, delivery.Registration, []string) (delivery.Document, bool, error) {
	return delivery.Document{}, false, s.fail()
}

func (s brokenStore) Attempt(context.Context, string) (delivery.Attempt, error) {
	return delivery.Attempt{}, s.fail()
}

func (s brokenStore) Attempts(context.Context, delivery.AttemptQuery) (delivery.AttemptPage, error) {
	return delivery.AttemptPage{}, s.fail()
}

func (s brokenStore) Deliveries(context.Context, delivery.DeliveryQuery) (delivery.DeliveryPage, error) {
	return delivery.DeliveryPage{}, s.fail()
}

func (s brokenStore) Outbox(context.Context, delivery.OutboxQuery) (delivery.OutboxPage, error) {
	return delivery.OutboxPage{}, s.fail()
}

func (s brokenStore) Claim(context.Context, delivery.ClaimRequest) ([]delivery.Claimed, error) {
	return nil, s.fail()
}

func (s brokenStore) ExtendClaim(context.Context, string, delivery.Principal, time.Duration) (delivery.Claim, error) {
	return delivery.Claim{}, s.fail()
}

func (s brokenStore) ReleaseClaim(context.Context, string, delivery.Principal) (delivery.Claim, error) {
	return delivery.Claim{}, s.fail()
}

func (s brokenStore) Requeue(context.Context, delivery.Requeue) (delivery.Delivery, error) {
	return delivery.Delivery{}, s.fail()
}

func (s brokenStore) Checkpoint(context.Context) (delivery.Checkpoint, error) {
	return delivery.Checkpoint{}, s.fail()
}

// brokenKeys answers every look-up with an error.
type brokenKeys struct {
	apikey.Store
	err error
}

func (s brokenKeys) Key(context.Context, string) (apikey.Key, error) { return apikey.Key{}, s.err }

// broken is a server whose store fails with err.
func broken(t *testing.T, err error) *api {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.serve(delivery.NewService(brokenStore{err: err}, delivery.Settings{}, time.Now), a.store, func(context.Context) error { return err })
	return a
}

func TestFailure_UnavailableStore_Is503WithItsOutcome(t *testing.T) {
	for _, outcome := range []delivery.Outcome{delivery.NotExecuted, delivery.OutcomeUnknown} {
		a := broken(t, &delivery.UnavailableError{Outcome: outcome, Cause: errors.New("a secret of the database")})
		for _, got := range []answer{a.report(reportBody("one")), a.get("/v1/documents/" + documentID), a.get("/readyz")} {
			got.wantsError(t, http.StatusServiceUnavailable, "unavailable")
			if got.header.Get("Retry-After") != "1" || got.problem(t).Outcome != string(outcome) {
				t.Errorf("Retry-After %q, %s", got.header.Get("Retry-After"), got.body)
			}
			if strings.Contains(string(got.body), "secret") {
				t.Errorf("the answer tells the cause: %s", got.body)
			}
		}
		if !strings.Contains(a.logs.String(), "a secret of the database") {
			t.Error("the log does not tell the cause")
		}
		a.get("/livez").wants(t, http.StatusOK)
	}
}

func TestFailure_BugOrPanic_Is500WithoutItsText(t *testing.T) {
	for _, test := range []struct {
		cause error // nil: it panics
		says  string
	}{{errors.New("a secret: SELECT * FROM"), "a secret: SELECT * FROM"}, {nil, "panic: with a string"}} {
		a := broken(t, test.cause)
		got := a.report(reportBody("one"), with("x-request-id", "find-me"))
		got.wantsError(t, http.StatusInternalServerError, "internal_error")
		if strings.Contains(string(got.body), "secret") || strings.Contains(string(got.body), "SELECT") {
			t.Errorf("the answer tells the cause: %s", got.body)
		}
		logs := a.logs.String()
		if !strings.Contains(logs, "find-me") || !strings.Contains(logs, test.says) || !strings.Contains(logs, `"level":"ERROR"`) {
			t.Errorf("the log does not help: %s", logs)
		}
	}
}

func TestFailure_KeyStoreAway_Is503Never401(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	away := &delivery.UnavailableError{Outcome: delivery.NotExecuted, Cause: errors.New("away")}
	a.serve(delivery.NewService(a.store, delivery.Settings{}, time.Now), brokenKeys{err: away}, a.store.Ready)
	a.report(reportBody("one")).wantsError(t, http.StatusServiceUnavailable, "unavailable")
	a.report(reportBody("one"), with("Authorization", "Bearer nonsense")).wantsError(t, http.StatusUnauthorized, "unauthorized")
}

func TestReadiness_AnyReasonIs503(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.get("/readyz").wants(t, http.StatusOK)
	a.serve(delivery.NewService(a.store, delivery.Settings{}, time.Now), a.store, func(context.Context) error { return errors.New("draining") })
	a.get("/readyz").wantsError(t, http.StatusServiceUnavailable, "unavailable")
	if got := a.do(http.MethodHead, "/readyz", nil); got.status != http.StatusServiceUnavailable || len(got.body) > 0 {
		t.Errorf("HEAD: %d %s", got.status, got.body)
	}
}

// The stack that is logged of a panic shows where it happened, and nothing of what was sent.
func TestFailure_Panic_LogDoesNotTellWhatWasSent(t *testing.T) {
	a := broken(t, nil)
	a.report(`{"provider":"dynamics365","status":"failed","execution_id":"one","attempted_at":"2026-03-24T03:00:00Z","external_record_id":"c4n4ry",`+
		`"external_url":"https://c4n4ry.example/","error_code":"c4n4ry","error_message":"c4n4ry"}`, with("Cookie", "c4n4ry")).wants(t, http.StatusInternalServerError)
	secret := a.key[strings.LastIndex(a.key, "_")+1:]
	if logged := a.logs.String(); !strings.Contains(logged, "goroutine") || strings.Contains(logged, "c4n4ry") || strings.Contains(logged, secret) {
		t.Errorf("logged %s", logged)
	}
}
