// Command roundtrip does with a running server what workers do, by the Go client that it was built with, and ends with
// exit code 1 at the first thing that is not as it should be.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

var (
	ctx    = context.Background()
	url    = os.Getenv("NUMORA_API_URL")
	numora = connect(url, os.Getenv("NUMORA_API_KEY"), deliveryclient.Options{})
)

func main() {
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"register", register}, {"record", record}, {"conflict", conflict}, {"invalid", invalid}, {"unknown", unknown},
		{"unauthorized", unauthorized}, {"pages", pages}, {"claim", claim}, {"release", release}, {"proxy", proxy}, {"flaky", flaky},
		{"down", down}, {"restart", restart},
	} {
		if err := step.run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", step.name, err)
			os.Exit(1)
		}
		fmt.Println("ok", step.name)
	}
}

func connect(url, key string, options deliveryclient.Options) *deliveryclient.Caller {
	caller, err := deliveryclient.Connect(url, key, options)
	if err != nil {
		panic(err)
	}
	return caller
}

var attemptedAt = time.Now()

func succeeded(executionID, recordID string) deliveryclient.DeliveryReport {
	return deliveryclient.Succeeded("sap-go", executionID, attemptedAt, recordID)
}

// put registers a document that is to be delivered to the provider.
func put(id, provider string) error {
	providers := []deliveryclient.Provider{provider}
	_, _, err := numora.PutDocument(ctx, id, deliveryclient.DocumentRegistration{Status: deliveryclient.DocumentRegistrationStatusReviewed, Providers: &providers})
	return err
}

// wants returns nil when err is the DeliveryError that was to be expected.
func wants(err error, status int, code deliveryclient.ErrorCode, fields ...string) error {
	failed := (*deliveryclient.DeliveryError)(nil)
	if !errors.As(err, &failed) || failed.Status != status || failed.Code != code || len(fields) > 0 && !slices.Equal(failed.Fields(), fields) || code != "" && failed.RequestID == "" {
		return fmt.Errorf("got %v, want %d %s about %v", err, status, code, fields)
	}
	return nil
}

func register() error { return put("sdk-go", "sap-go") }

func record() error {
	first, replayed, err := numora.Record(ctx, "sdk-go", succeeded("go-1", "crm-1"))
	if err != nil || replayed {
		return fmt.Errorf("replayed %t, error %w", replayed, err)
	}
	again, replayed, err := numora.Record(ctx, "sdk-go", succeeded("go-1", "crm-1"))
	if err != nil || !replayed || again.ID != first.ID {
		return fmt.Errorf("again: replayed %t, error %w", replayed, err)
	}
	return nil
}

func conflict() error {
	_, _, err := numora.Record(ctx, "sdk-go", succeeded("go-1", "crm-2"))
	return wants(err, 409, deliveryclient.ErrorCodeConflict, "external_record_id")
}

func invalid() error {
	_, _, err := numora.Record(ctx, "sdk-go", succeeded("has space", "crm-1"))
	return wants(err, 400, deliveryclient.ErrorCodeInvalidPayload, "execution_id")
}

func unknown() error {
	_, _, err := numora.Record(ctx, "sdk-nobody", succeeded("go-2", "crm-1"))
	return wants(err, 404, deliveryclient.ErrorCodeNotFound)
}

func unauthorized() error {
	_, err := connect(url, "sk_live_nobody", deliveryclient.Options{}).Document(ctx, "sdk-go")
	return wants(err, 401, deliveryclient.ErrorCodeUnauthorized)
}

func pages() error {
	for n := range 45 {
		report := deliveryclient.Failed("sap-go", fmt.Sprint("go-page-", n), attemptedAt, "crm_429", "Dataverse rate limited")
		if _, _, err := numora.Record(ctx, "sdk-go", report); err != nil {
			return err
		}
	}
	limit, ids := int32(20), map[string]bool{}
	var before time.Time
	for attempt, err := range numora.DocumentAttempts(ctx, "sdk-go", deliveryclient.ListDocumentDeliveryParams{Limit: &limit}) {
		if err != nil {
			return err
		}
		if !before.IsZero() && attempt.RecordedAt.After(before) {
			return errors.New("they are not in order")
		}
		before, ids[attempt.ID] = attempt.RecordedAt, true
	}
	if len(ids) != 46 {
		return fmt.Errorf("%d attempts, want 46", len(ids))
	}
	return nil
}

// claimOne claims the one delivery to the provider that is due.
func claimOne(provider string) (deliveryclient.ClaimedDelivery, error) {
	limit, lease := int32(1), int32(60)
	claimed, err := numora.Claim(ctx, deliveryclient.ClaimRequest{Provider: provider, Limit: &limit, LeaseSeconds: &lease})
	if err != nil || len(claimed) != 1 {
		return deliveryclient.ClaimedDelivery{}, fmt.Errorf("%d claimed, error %w", len(claimed), err)
	}
	return claimed[0], nil
}

func claim() error {
	if err := put("sdk-go-claim", "erp-go"); err != nil {
		return err
	}
	item, err := claimOne("erp-go")
	if err != nil {
		return err
	}
	extended, err := numora.Extend(ctx, item.ExecutionID, 300)
	if err != nil || extended.LeaseExpiresAt == nil || !extended.LeaseExpiresAt.After(item.LeaseExpiresAt) {
		return fmt.Errorf("extended from %v to %v, error %w", item.LeaseExpiresAt, extended.LeaseExpiresAt, err)
	}
	if _, _, err := numora.Record(ctx, item.DocumentID, deliveryclient.Succeeded("erp-go", item.ExecutionID, attemptedAt, "erp-1")); err != nil {
		return err
	}
	document, err := numora.Document(ctx, item.DocumentID)
	if err != nil || document.Status != deliveryclient.DocumentStatusPushSucceeded {
		return fmt.Errorf("the document is %s, error %w", document.Status, err)
	}
	if left, err := numora.Claim(ctx, deliveryclient.ClaimRequest{Provider: "erp-go"}); err != nil || len(left) > 0 {
		return fmt.Errorf("%d left, error %w", len(left), err)
	}
	return nil
}

func release() error {
	if err := put("sdk-go-release", "rel-go"); err != nil {
		return err
	}
	first, err := claimOne("rel-go")
	if err != nil {
		return err
	}
	if _, err := numora.Release(ctx, first.ExecutionID); err != nil {
		return err
	}
	second, err := claimOne("rel-go")
	if err != nil || second.DeliveryKey != first.DeliveryKey || second.ExecutionID == first.ExecutionID {
		return fmt.Errorf("claimed %+v, error %w", second, err)
	}
	if _, _, err := numora.Record(ctx, second.DocumentID, deliveryclient.Failed("rel-go", second.ExecutionID, attemptedAt, "", "")); err != nil {
		return err
	}
	if _, err := numora.RetryPush(ctx, second.DocumentID, deliveryclient.RetryPush{Provider: "rel-go"}); err != nil {
		return err
	}
	third, err := claimOne("rel-go")
	if err != nil || third.DeliveryKey == first.DeliveryKey {
		return fmt.Errorf("claimed %+v, error %w", third, err)
	}
	return nil
}

// proxy meets one that answers HTML.
func proxy() error {
	_, err := connect(os.Getenv("NUMORA_PROXY_URL"), "key", deliveryclient.Options{}).Document(ctx, "sdk-go")
	return wants(err, 502, "")
}

// flaky gets through to the server at the third try, whose answer is lost, and learns so at the fourth.
func flaky() error {
	began := time.Now()
	_, replayed, err := connect(os.Getenv("NUMORA_FLAKY_URL"), os.Getenv("NUMORA_API_KEY"), deliveryclient.Options{}).Record(ctx, "sdk-go", succeeded("go-flaky", "crm-1"))
	if took := time.Since(began); err == nil && (took < 2*time.Second || !replayed) {
		return fmt.Errorf("it took %v, replayed %t", took, replayed)
	}
	return err
}

func down() error {
	began := time.Now()
	_, _, err := connect(os.Getenv("NUMORA_DOWN_URL"), "key", deliveryclient.Options{Deadline: 3 * time.Second}).Record(ctx, "sdk-go", succeeded("go-down", "crm-1"))
	if took := time.Since(began); took > 5*time.Second {
		return fmt.Errorf("it took %v", took)
	}
	return wants(err, 503, deliveryclient.ErrorCodeUnavailable)
}

// restart records while the server is killed and started again.
func restart() error {
	fmt.Println("restart")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil { // who reads that says when it is dead
		return err
	}
	retries := 0
	patient := connect(url, os.Getenv("NUMORA_API_KEY"), deliveryclient.Options{Deadline: 30 * time.Second, OnRetry: func(deliveryclient.Retry) { retries++ }})
	if _, _, err := patient.Record(ctx, "sdk-go", succeeded("go-restart", "crm-1")); err != nil || retries == 0 {
		return fmt.Errorf("after %d retries: %w", retries, err)
	}
	found, id := 0, "go-restart"
	for _, err := range patient.DocumentAttempts(ctx, "sdk-go", deliveryclient.ListDocumentDeliveryParams{ExecutionID: &id}) {
		if err != nil {
			return err
		}
		found++
	}
	if found != 1 {
		return fmt.Errorf("%d attempts of the one report", found)
	}
	return nil
}
