package workers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// Caller sends operations to servers and takes down what came of them. It is plain net/http: the client that is generated
// for users sends again by itself, which nobody would see here.
type Caller struct {
	Origins []string // http://HOST:PORT of each server
	Keys    []string // one for each principal
	Journal *Journal

	http *http.Client
}

// NewCaller makes a caller that gives up after some time, which must be more than the servers may take.
func NewCaller(origins, keys []string, journal *Journal, patience time.Duration) *Caller {
	return &Caller{Origins: origins, Keys: keys, Journal: journal, http: &http.Client{
		Timeout: patience,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 256,
			// What is no longer used is closed soon, so that servers have as many connections as the load needs.
			IdleConnTimeout: time.Second,
		},
	}}
}

// principal is whose key a client has. It is kept by the client for all that it does.
func (c *Caller) principal(client int) string { return c.Keys[client%len(c.Keys)] }

// Send sends one operation, takes it down and returns it with what came of it.
func (c *Caller) Send(ctx context.Context, o history.Operation) history.Operation {
	o.Call = c.Journal.Now()
	switch o.Kind {
	case history.List:
		c.list(ctx, &o)
	case history.Outbox:
		c.outbox(ctx, &o)
	default:
		method, path, payload := request(o)
		if answer := c.call(ctx, &o, method, path, payload); answer != nil {
			understand(&o, answer)
		}
	}
	return c.Journal.add(o)
}

// call sends one request and notes its status and outcome. It returns the body of a 2xx, else nil.
func (c *Caller) call(ctx context.Context, o *history.Operation, method, path string, payload any) []byte {
	var sent io.Reader
	if payload != nil {
		text, err := json.Marshal(payload)
		if err != nil {
			panic(err) // of strings and numbers alone
		}
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Origins[o.Server]+path, sent)
	if err != nil {
		panic(err) // all its parts are made here
	}
	request.Header.Set("Authorization", "Bearer "+c.principal(o.Client))
	if payload != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	var body []byte
	response, err := c.http.Do(request)
	if err == nil {
		o.HTTP = response.StatusCode
		o.RetryAfter = response.Header.Get("Retry-After")
		o.Replayed = response.Header.Get("Idempotent-Replayed") == "true"
		body, err = io.ReadAll(response.Body)
		_ = response.Body.Close() // it was read, or that failed
	}
	if err != nil {
		o.HTTP, o.Replayed = 0, false // half an answer is none
		o.Problem = withoutURL(err)
		o.Outcome = history.Unknown
		if failure := (*net.OpError)(nil); errors.As(err, &failure) && failure.Op == "dial" {
			o.Outcome = history.NotExecuted
		}
		return nil
	}
	if o.HTTP >= 200 && o.HTTP < 300 {
		o.Outcome = history.Done
		return body
	}
	refuse(o, body)
	return nil
}

// withoutURL is the text of an error without where the request went, which the operation says already.
func withoutURL(err error) string {
	if failure := (*url.Error)(nil); errors.As(err, &failure) {
		err = failure.Err
	}
	return err.Error()
}

// refuse notes what an answer says that is no 2xx.
func refuse(o *history.Operation, body []byte) {
	var answer errorAnswer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Code == "" {
		broken(o, fmt.Sprintf("an error without a code: %.200s", body))
		return
	}
	o.Code, o.Says = answer.Error.Code, answer.Error.Outcome
	for _, d := range answer.Error.Details {
		o.Differing = append(o.Differing, d.Field)
	}
	switch {
	case o.HTTP == http.StatusTooManyRequests:
		o.Outcome = history.NotExecuted
	case o.HTTP == http.StatusServiceUnavailable && o.Says == "not_executed":
		o.Outcome = history.NotExecuted
	case o.HTTP == http.StatusServiceUnavailable && o.Says == "outcome_unknown":
		o.Outcome = history.Unknown
	case o.HTTP >= 400 && o.HTTP < 500:
		o.Outcome = history.Refused
	default:
		broken(o, fmt.Sprintf("status %d is not in the contract: %.200s", o.HTTP, bytes.TrimSpace(body)))
	}
}

func broken(o *history.Operation, problem string) { o.Outcome, o.Problem = history.Broken, problem }

// Final tells whether nothing else would be answered if the operation were sent again.
func Final(o history.Operation) bool {
	return o.Outcome != history.NotExecuted && o.Outcome != history.Unknown
}
