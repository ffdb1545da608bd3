// Code generated from openapi/sdk/go/failure.go. DO NOT EDIT.

package deliveryclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DeliveryError is why a call did not do what it was for: what the server answered, or that nothing was.
type DeliveryError struct {
	Status     int           // HTTP status; 0 when nothing was answered
	Code       ErrorCode     // empty when what answered was not this API, such as a proxy on the way
	Message    string        // for people
	Details    []ErrorDetail // which members and parameters are wrong, or differ
	RequestID  string
	Outcome    ErrorOutcome  // on 503: whether the call may have had an effect
	RetryAfter time.Duration // how long the server asks to wait; 0 when it does not
	Cause      error         // what happened when nothing was answered
}

// Error names code, message and request id.
func (e *DeliveryError) Error() string {
	text := e.Message
	if e.Code != "" {
		text = fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message)
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Cause }

// Fields are those that Details name.
func (e *DeliveryError) Fields() []string {
	fields := make([]string, len(e.Details))
	for i, detail := range e.Details {
		fields[i] = detail.Field
	}
	return fields
}

// unanswered is the error of a call that got no answer. What net/http says of the URL is left out.
func unanswered(err error) *DeliveryError {
	if named := (*url.Error)(nil); errors.As(err, &named) {
		err = named.Err
	}
	return &DeliveryError{Message: fmt.Sprintf("the server did not answer: %v", err), Cause: err}
}

// strange is the error of an answer that is not this API's. The secret is not shown where it stands in the answer.
func strange(response *http.Response, body []byte, secret string) *DeliveryError {
	return &DeliveryError{
		Status: response.StatusCode, RetryAfter: retryAfter(response.Header, time.Now()), RequestID: response.Header.Get("X-Request-Id"),
		Message: fmt.Sprintf("%d, and not an answer of this API: %s", response.StatusCode, beginning(body, secret)),
	}
}

// refused is the error of an answer that is none of the good ones.
func refused(response *http.Response, body []byte, secret string) *DeliveryError {
	e := &DeliveryError{Status: response.StatusCode, RetryAfter: retryAfter(response.Header, time.Now())}
	var told ErrorBody
	if json.Unmarshal(body, &told) != nil || told.Error.Code == "" {
		return strange(response, body, secret)
	}
	e.Code, e.Message, e.RequestID = told.Error.Code, told.Error.Message, told.Error.RequestID
	if told.Error.Details != nil {
		e.Details = *told.Error.Details
	}
	if told.Error.Outcome != nil {
		e.Outcome = *told.Error.Outcome
	}
	return e
}

// beginning is what a message shows of a body that cannot be read.
func beginning(body []byte, secret string) string {
	const longest = 200
	text := strings.ToValidUTF8(string(body), "?")
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return strconv.Quote(text)
}

// retryAfter is how long a header asks to wait: seconds or a date. What is longer than anybody waits is a year.
func retryAfter(header http.Header, now time.Time) time.Duration {
	const longest = 365 * 24 * time.Hour
	text := header.Get("Retry-After")
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err == nil && seconds <= uint64(longest/time.Second) {
		return time.Duration(seconds) * time.Second
	}
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return longest
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// maxAnswer is how much of an answer is read; a page of attempts takes up to 2 MiB.
const maxAnswer = 16 << 20

func readAnswer(body io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(body, maxAnswer)) }
