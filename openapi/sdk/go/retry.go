//go:build sdk

package deliveryclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"
)

// Options of a Caller; the zero value has the defaults.
type Options struct {
	Deadline     time.Duration   // of a call with all its tries; 60 s
	TryTimeout   time.Duration   // of a single try; 15 s
	LongestPause time.Duration   // between tries, unless the server asks for more; 10 s
	HTTP         HttpRequestDoer // sends; an *http.Client is used as it is, but never follows redirects
	OnRetry      func(Retry)     // is told of each try that comes after another
}

func (o Options) check() error {
	if o.Deadline <= 0 || o.TryTimeout <= 0 || o.LongestPause <= 0 {
		return errors.New("deadline, try time-out and longest pause must not be negative")
	}
	return nil
}

// Retry is a try that is about to be made again.
type Retry struct {
	Operation string // method and path
	Try       int    // the one that failed, from 1
	Err       *DeliveryError
	Pause     time.Duration
}

const firstPause = 500 * time.Millisecond

// retrying sends each request again that was not answered, or with 429 or 503: the same bytes, after a pause that doubles
// and is never shorter than the server asks for, until the deadline. That is safe for every operation of this API but for two: a
// claim whose answer was lost may have leased deliveries, and a forced requeue may have had a document delivered again. These
// are only sent again when they certainly had no effect.
type retrying struct {
	Options
	http HttpRequestDoer
	key  string
}

// Do implements HttpRequestDoer. The body of the answer is in memory. An error is a *DeliveryError: of the last try, where
// none was answered.
func (r retrying) Do(request *http.Request) (*http.Response, error) {
	body, err := bodyOf(request)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(r.Deadline)
	if earlier, given := request.Context().Deadline(); given && earlier.Before(deadline) {
		deadline = earlier
	}
	for try, pause := 1, min(firstPause, r.LongestPause); ; try, pause = try+1, min(2*pause, r.LongestPause) {
		response, answer, err := r.once(request, body, deadline)
		var failed *DeliveryError
		switch {
		case err != nil:
			failed = unanswered(err)
		case response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable:
			failed = refused(response, answer, r.key)
		default:
			return response, nil
		}
		wait := max(pause/2+rand.N(pause/2+1), failed.RetryAfter)
		if request.Context().Err() != nil || !again(request, body, failed) || time.Now().Add(wait).After(deadline) {
			return response, orNil(response, failed)
		}
		if r.OnRetry != nil {
			r.OnRetry(Retry{Operation: request.Method + " " + request.URL.Path, Try: try, Err: failed, Pause: wait})
		}
		select {
		case <-request.Context().Done():
			failed.Cause = errors.Join(context.Cause(request.Context()), failed.Cause)
			return nil, failed
		case <-time.After(wait):
		}
	}
}

// orNil is the error where there is no answer that tells it.
func orNil(response *http.Response, failed *DeliveryError) error {
	if response != nil {
		return nil
	}
	return failed
}

// once makes one try and reads its answer.
func (r retrying) once(request *http.Request, body []byte, deadline time.Time) (*http.Response, []byte, error) {
	ctx, cancel := context.WithDeadline(request.Context(), earliest(deadline, time.Now().Add(r.TryTimeout)))
	defer cancel()
	try := request.Clone(ctx)
	if body != nil {
		try.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := r.http.Do(try)
	if err != nil {
		return nil, nil, err
	}
	answer, err := readAnswer(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, nil, err
	}
	response.Body = answered{bytes.NewReader(answer), r.key}
	return response, answer, nil
}

// answered is a body in memory. It knows the key that an error about it must not show.
type answered struct {
	*bytes.Reader
	key string
}

func (answered) Close() error { return nil }

func secretOf(response *http.Response) string {
	body, _ := response.Body.(answered) // else it came another way than through retrying
	return body.key
}

func earliest(one, other time.Time) time.Time {
	if one.Before(other) {
		return one
	}
	return other
}

// again tells whether a request may be sent once more after it failed.
func again(request *http.Request, body []byte, failed *DeliveryError) bool {
	claims := strings.HasSuffix(request.URL.Path, "/v1/delivery/claims")
	forces := strings.HasSuffix(request.URL.Path, "/actions/retry-push") && isForced(body)
	if request.Method != http.MethodPost || !claims && !forces {
		return true
	}
	if failed.Status != 0 {
		return failed.Status == http.StatusTooManyRequests || failed.Outcome == ErrorOutcomeNotExecuted
	}
	dialed := (*net.OpError)(nil) // it did not even get there
	return errors.As(failed.Cause, &dialed) && (dialed.Op == "dial" || dialed.Op == "proxyconnect")
}

// isForced tells whether a requeue is forced; one that cannot be read may be.
func isForced(body []byte) bool {
	var requeue RetryPush
	return json.Unmarshal(body, &requeue) != nil || requeue.Force != nil && *requeue.Force
}

func bodyOf(request *http.Request) ([]byte, error) {
	if request.Body == nil || request.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	return body, errors.Join(err, request.Body.Close())
}
