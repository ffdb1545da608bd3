// Code generated from openapi/sdk/go/caller.go. DO NOT EDIT.

package deliveryclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Caller calls a server as a worker does: it sends what was not answered once more, reads lists page by page, and returns
// what went wrong as a *DeliveryError. For what it lacks there is its Client.
//
// A call is safe to make again, whatever became of it: of a report it is the same report as long as the execution id and
// the data are the same. So fix attempted_at once, and keep it.
type Caller struct{ Client *Client }

// Connect returns a Caller for the server at this URL, with an API key, whose surrounding white space does not count. It does
// not call the server yet. An error says what is wrong with the URL, the key or the options.
func Connect(server, key string, options Options) (*Caller, error) {
	key = strings.TrimSpace(key)
	options.Deadline = cmp.Or(options.Deadline, time.Minute)
	options.TryTimeout = cmp.Or(options.TryTimeout, 15*time.Second)
	options.LongestPause = cmp.Or(options.LongestPause, 10*time.Second)
	if err := errors.Join(checkServer(server), checkKey(key), options.check()); err != nil {
		return nil, err
	}
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("User-Agent", "numora-delivery-go/"+Version)
		return nil
	}
	client, err := NewClient(server, WithHTTPClient(retrying{options, asItIs(options.HTTP), key}), WithRequestEditorFn(authorize))
	if err != nil {
		return nil, err
	}
	return &Caller{client}, nil
}

func checkServer(server string) error {
	parsed, err := url.Parse(server)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil {
		return errors.New("the server must be an http or https URL with a host, without a user")
	}
	return nil
}

func checkKey(key string) error {
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the API key must be printable ASCII without white space")
	}
	return nil
}

// asItIs sends without following redirects: a report that is redirected becomes a GET on the way, and would look recorded.
func asItIs(doer HttpRequestDoer) HttpRequestDoer {
	var client http.Client
	switch given := doer.(type) {
	case nil:
	case *http.Client:
		client = *given
	default:
		return doer
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// Succeeded is the report that the destination took the document, as the record of this id.
func Succeeded(provider Provider, executionID ExecutionID, attemptedAt time.Time, externalRecordID ExternalRecordID) DeliveryReport {
	report := SucceededReport{ExternalRecordID: externalRecordID} // the contract wants one
	return DeliveryReport{
		Provider: provider, Status: DeliveryStatusSucceeded, ExecutionID: executionID, AttemptedAt: attemptedAt,
		ExternalRecordID: &report.ExternalRecordID,
	}
}

// Failed is the report that the destination refused the document, or could not be reached. code is a machine's word for why,
// message is for people; either may be empty.
func Failed(provider Provider, executionID ExecutionID, attemptedAt time.Time, code, message string) DeliveryReport {
	return without(DeliveryStatusFailed, provider, executionID, attemptedAt, code, message)
}

// Skipped is the report that the worker did not write on purpose, and nobody has to try again; else like Failed.
func Skipped(provider Provider, executionID ExecutionID, attemptedAt time.Time, code, message string) DeliveryReport {
	return without(DeliveryStatusSkipped, provider, executionID, attemptedAt, code, message)
}

func without(status DeliveryStatus, provider Provider, executionID ExecutionID, attemptedAt time.Time, code, message string) DeliveryReport {
	report := DeliveryReport{Provider: provider, Status: status, ExecutionID: executionID, AttemptedAt: attemptedAt}
	if code != "" {
		report.ErrorCode = &code
	}
	if message != "" {
		report.ErrorMessage = &message
	}
	return report
}

// Record reports what became of a delivery of the document. replayed tells that this very report was recorded before.
func (c *Caller) Record(ctx context.Context, documentID DocumentID, report DeliveryReport) (attempt DeliveryAttempt, replayed bool, err error) {
	response, err := c.Client.RecordDelivery(ctx, documentID, nil, report)
	status, err := into(&attempt, func() bool { return attempt.ExecutionID == report.ExecutionID }, response, err, http.StatusCreated, http.StatusOK)
	return attempt, err == nil && status == http.StatusOK, err
}

// Document returns a document with its push status and its deliveries.
func (c *Caller) Document(ctx context.Context, id DocumentID) (document Document, err error) {
	response, err := c.Client.GetDocument(ctx, id, nil)
	_, err = into(&document, func() bool { return document.ID == id }, response, err, http.StatusOK)
	return document, err
}

// PutDocument registers a document, or refreshes what is registered of it; created tells which.
func (c *Caller) PutDocument(ctx context.Context, id DocumentID, registration DocumentRegistration) (document Document, created bool, err error) {
	response, err := c.Client.PutDocument(ctx, id, nil, registration)
	status, err := into(&document, func() bool { return document.ID == id }, response, err, http.StatusOK, http.StatusCreated)
	return document, err == nil && status == http.StatusCreated, err
}

// Claim leases what is due to this worker, perhaps nothing.
func (c *Caller) Claim(ctx context.Context, request ClaimRequest) ([]ClaimedDelivery, error) {
	var claimed ClaimedDeliveries
	response, err := c.Client.ClaimDeliveries(ctx, nil, request)
	_, err = into(&claimed, func() bool { return claimed.Data != nil }, response, err, http.StatusOK)
	return claimed.Data, err
}

// Extend has a lease end so many seconds from now.
func (c *Caller) Extend(ctx context.Context, executionID ClaimExecutionID, leaseSeconds LeaseSeconds) (claim Claim, err error) {
	response, err := c.Client.ExtendClaim(ctx, executionID, nil, LeaseExtension{LeaseSeconds: &leaseSeconds})
	_, err = into(&claim, func() bool { return claim.ExecutionID == executionID }, response, err, http.StatusOK)
	return claim, err
}

// Release gives a lease back; it does not count as a try.
func (c *Caller) Release(ctx context.Context, executionID ClaimExecutionID) (claim Claim, err error) {
	response, err := c.Client.ReleaseClaim(ctx, executionID, nil)
	_, err = into(&claim, func() bool { return claim.ExecutionID == executionID }, response, err, http.StatusOK)
	return claim, err
}

// RetryPush has a delivery of the document made anew.
func (c *Caller) RetryPush(ctx context.Context, documentID DocumentID, request RetryPush) (requeued Delivery, err error) {
	response, err := c.Client.RetryPush(ctx, documentID, nil, request)
	_, err = into(&requeued, func() bool { return requeued.DocumentID == documentID }, response, err, http.StatusOK)
	return requeued, err
}

// into reads an answer of one of the good statuses, and returns which it was; fits tells whether value is what was asked
// for. An err that is no *DeliveryError is of a request that could not be made, and never was.
func into(value any, fits func() bool, response *http.Response, err error, good ...int) (status int, _ error) {
	if err != nil {
		return 0, err
	}
	body, err := readAnswer(response.Body) // which is in memory
	if err != nil {
		return 0, err
	}
	if !slices.Contains(good, response.StatusCode) {
		return 0, refused(response, body, secretOf(response))
	}
	if err := json.Unmarshal(body, value); err != nil || !fits() {
		failed := strange(response, body, secretOf(response))
		failed.Cause = err
		return 0, failed
	}
	return response.StatusCode, nil
}
