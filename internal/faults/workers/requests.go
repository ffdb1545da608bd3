package workers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/numora/delivery/internal/faults/history"
)

type reportBody struct {
	Provider         string `json:"provider"`
	Status           string `json:"status"`
	ExecutionID      string `json:"execution_id"`
	AttemptedAt      string `json:"attempted_at"`
	ExternalRecordID string `json:"external_record_id,omitempty"`
	ExternalURL      string `json:"external_url,omitempty"`
	ErrorCode        string `json:"error_code,omitempty"`
	ErrorMessage     string `json:"error_message,omitempty"`
}

type registrationBody struct {
	Status    string   `json:"status"`
	Providers []string `json:"providers"`
}

type claimBody struct {
	Provider     string `json:"provider"`
	Limit        int    `json:"limit"`
	LeaseSeconds int    `json:"lease_seconds"`
	Worker       string `json:"worker"`
}

type extensionBody struct {
	LeaseSeconds int `json:"lease_seconds"`
}

type requeueBody struct {
	Provider string `json:"provider"`
	Force    bool   `json:"force"`
}

// request is what an operation is sent as, where it is one request.
func request(o history.Operation) (method, path string, payload any) {
	document := "/v1/documents/" + url.PathEscape(o.DocumentID)
	claim := "/v1/delivery/claims/" + url.PathEscape(o.ExecutionID)
	switch o.Kind {
	case history.Register:
		return http.MethodPut, document, registrationBody{"reviewed", o.Providers}
	case history.Record:
		r := o.Sent
		return http.MethodPost, document + "/delivery", reportBody{
			r.Provider, r.Status, r.ExecutionID, r.AttemptedAt, r.ExternalRecordID, r.ExternalURL, r.ErrorCode, r.ErrorMessage,
		}
	case history.Claim:
		return http.MethodPost, "/v1/delivery/claims", claimBody{o.Provider, o.Limit, o.LeaseSeconds, o.Worker}
	case history.Extend:
		return http.MethodPost, claim + "/extend", extensionBody{o.LeaseSeconds}
	case history.Release:
		return http.MethodPost, claim + "/release", nil
	case history.Requeue:
		return http.MethodPost, document + "/actions/retry-push", requeueBody{o.Provider, o.Force}
	case history.Read:
		return http.MethodGet, document, nil
	}
	panic("no single request: " + o.Kind)
}

// understand notes what a 2xx says.
func understand(o *history.Operation, body []byte) {
	switch o.Kind {
	case history.Record:
		if found, ok := parse[attemptAnswer](o, body); ok {
			attempt := found.attempt()
			o.Attempt = &attempt
		}
	case history.Register, history.Read:
		if found, ok := parse[documentAnswer](o, body); ok {
			o.Document = found.document()
		}
	case history.Claim:
		found, _ := parse[page[leaseAnswer]](o, body)
		for _, l := range found.Data {
			o.Leases = append(o.Leases, l.lease())
		}
	case history.Extend, history.Release:
		if found, ok := parse[leaseAnswer](o, body); ok {
			o.Leases = []history.Lease{found.lease()}
		}
	case history.Requeue:
		if found, ok := parse[deliveryAnswer](o, body); ok {
			delivery := found.delivery()
			o.Delivery = &delivery
		}
	}
}

// parse reads an answer; one that cannot be read breaks the contract.
func parse[shape any](o *history.Operation, body []byte) (found shape, ok bool) {
	if err := json.Unmarshal(body, &found); err != nil {
		broken(o, fmt.Sprintf("%v: %.200s", err, body))
		return found, false
	}
	return found, true
}

// list reads all attempts of a document.
func (c *Caller) list(ctx context.Context, o *history.Operation) {
	attempts := pages[attemptAnswer](ctx, c, o, "/v1/documents/"+url.PathEscape(o.DocumentID)+"/delivery?")
	for _, a := range attempts {
		o.Attempts = append(o.Attempts, a.attempt())
	}
}

// outbox reads all that is due for a provider.
func (c *Caller) outbox(ctx context.Context, o *history.Operation) {
	due := pages[deliveryAnswer](ctx, c, o, "/v1/delivery/outbox?provider="+url.QueryEscape(o.Provider)+"&")
	for _, d := range due {
		d.State = "" // an item has none
		o.Due = append(o.Due, d.delivery())
	}
}

// pages reads all pages of a list. Where one of them fails the operation is what came of that one, and there is no list.
func pages[item any](ctx context.Context, c *Caller, o *history.Operation, path string) (found []item) {
	// An answer to each page is due within the deadline.
	for cursor := ""; ; {
		query := "limit=" + strconv.Itoa(o.Limit)
		if cursor != "" {
			query += "&cursor=" + url.QueryEscape(cursor)
		}
		began := c.Journal.Now()
		body := c.call(ctx, o, http.MethodGet, path+query, nil)
		o.Slowest = max(o.Slowest, c.Journal.Now()-began)
		if body == nil {
			return nil
		}
		answer, ok := parse[page[item]](o, body)
		if !ok {
			return nil
		}
		found = append(found, answer.Data...)
		if answer.Next == nil {
			return found
		}
		cursor = *answer.Next
	}
}
