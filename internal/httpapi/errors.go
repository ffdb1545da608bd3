package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

// apiError is an error as a client sees it. It holds no Go text, no SQL and no stored value.
type apiError struct {
	status  int
	code    deliveryapi.ErrorCode
	message string // one sentence a person can act on
	details []detail
	outcome delivery.Outcome // on 503 only
	// retryAfter is after how many seconds to try again; 0 says nothing of that.
	retryAfter int
	// closing ends the connection after the answer: what is left of the request cannot be trusted.
	closing bool
}

func (e *apiError) Error() string { return e.message }

// detail says what is wrong with one member or parameter; an empty field means the whole request.
type detail struct {
	Field string
	Issue string
}

// sentence puts the field, where there is one, in front of the issue.
func (d detail) sentence() string {
	if d.Field == "" {
		return d.Issue
	}
	return d.Field + " " + d.Issue
}

var (
	errUnauthorized = &apiError{
		status: http.StatusUnauthorized, code: deliveryapi.ErrorCodeUnauthorized,
		message: "Send a valid API key as Authorization: Bearer <key>.",
	}
	errRouteNotFound = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "Nothing is served under this path; the API is described at /openapi.yaml.",
	}
	errDocumentNotFound = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "No such document; register it with PUT /v1/documents/{id}, then send the same request again.",
	}
	errAttemptNotFound = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "No delivery attempt has this id.",
	}
	errDeliveryNotFound = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "The document has no delivery to this provider; name the provider with PUT /v1/documents/{id}, or another one here.",
	}
	errNothingSealed = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "Nothing was sealed yet: give the server a key with NUMORA_AUDIT_KEY_FILE or, when it has one, " +
			"ask again a minute after the first entry.",
	}
	errClaimNotFound = &apiError{
		status: http.StatusNotFound, code: deliveryapi.ErrorCodeNotFound,
		message: "No claim made with this key handed out this execution id.",
	}
	errClaimOver = &apiError{
		status: http.StatusConflict, code: deliveryapi.ErrorCodeClaimOver,
		message: "This claim's lease is over; if the destination was written to, report that under this execution id all the same, " +
			"else claim again.",
	}
	errLeased = &apiError{
		status: http.StatusConflict, code: deliveryapi.ErrorCodeConflict,
		message: "A worker holds a lease on this delivery; wait until it is over, or release it, then requeue.",
	}
	errSettled = &apiError{
		status: http.StatusConflict, code: deliveryapi.ErrorCodeConflict,
		message: "This delivery was delivered or skipped; send force: true to have it delivered again.",
	}
	errPayloadTooLarge = &apiError{
		status: http.StatusRequestEntityTooLarge, code: deliveryapi.ErrorCodePayloadTooLarge,
		message: "The body is larger than 64 KiB (65536 bytes).", closing: true,
	}
	errUnsupportedMediaType = &apiError{
		status: http.StatusUnsupportedMediaType, code: deliveryapi.ErrorCodeUnsupportedMediaType,
		message: "Send the body as Content-Type: application/json, in UTF-8 and without Content-Encoding.",
	}
	errHeaderTooLarge = &apiError{
		status: http.StatusRequestHeaderFieldsTooLarge, code: deliveryapi.ErrorCodeHeaderTooLarge,
		message: "The request's headers take more than 16 KiB (16384 bytes).",
	}
	errBodyIncomplete = &apiError{
		status: http.StatusBadRequest, code: deliveryapi.ErrorCodeInvalidPayload,
		message: "The body did not arrive in full or in time; send the request again.", closing: true,
	}
	errInternal = &apiError{
		status: http.StatusInternalServerError, code: deliveryapi.ErrorCodeInternalError,
		message: "The server made a mistake; report the request id to its operator.",
	}
)

func errForbidden(scope apikey.Scope) *apiError {
	return &apiError{
		status: http.StatusForbidden, code: deliveryapi.ErrorCodeForbidden,
		message: fmt.Sprintf("This operation needs a key with the scope %s.", scope),
	}
}

func errMethodNotAllowed(allow string) *apiError {
	return &apiError{
		status: http.StatusMethodNotAllowed, code: deliveryapi.ErrorCodeMethodNotAllowed,
		message: fmt.Sprintf("This path does not have this method; it has %s.", allow),
	}
}

// maxDetails and maxMessageDetails bound what an error says of a request that is wrong all over.
const (
	maxDetails        = 32
	maxMessageDetails = 3
	maxFieldLength    = 64
)

// errInvalidPayload says that a request breaks the contract, and where.
func errInvalidPayload(details ...detail) *apiError {
	return errRefused(http.StatusBadRequest, deliveryapi.ErrorCodeInvalidPayload, details)
}

// errRefused makes one sentence of details.
func errRefused(status int, code deliveryapi.ErrorCode, details []detail) *apiError {
	if len(details) > maxDetails {
		details = details[:maxDetails]
	}
	var parts []string
	for i, d := range details {
		details[i].Field = shorten(d.Field)
		parts = append(parts, details[i].sentence())
	}
	if more := len(parts) - maxMessageDetails; more > 0 {
		parts = append(parts[:maxMessageDetails], fmt.Sprintf("and %d more, see details", more))
	}
	return &apiError{
		status: status, code: code, details: details,
		message: "The request was refused: " + strings.Join(parts, "; ") + ".",
	}
}

// shorten keeps a caller's own member names from filling the answer, and a key that stands in one from being repeated.
func shorten(field string) string {
	field = apikey.Redact(field)
	if runes := []rune(field); len(runes) > maxFieldLength {
		return string(runes[:maxFieldLength]) + "…"
	}
	return field
}

func errConflict(e *delivery.ConflictError) *apiError {
	details := make([]detail, len(e.Fields))
	for i, field := range e.Fields {
		details[i] = detail{field, "differs from the recorded attempt"}
	}
	return &apiError{
		status: http.StatusConflict, code: deliveryapi.ErrorCodeConflict, details: details,
		message: fmt.Sprintf("Execution id %s is already recorded with a different %s; "+
			"send the original data to replay it, or a new execution_id for a new attempt.",
			apikey.Redact(e.ExecutionID), strings.Join(e.Fields, ", ")),
	}
}

func errKeyRateLimited(retryAfter int) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, code: deliveryapi.ErrorCodeRateLimited, retryAfter: retryAfter,
		message: "This key has used up its rate limit; send the same request again after Retry-After seconds.",
	}
}

func errAddressRateLimited(retryAfter int) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, code: deliveryapi.ErrorCodeRateLimited, retryAfter: retryAfter,
		message: "Too many requests without a valid API key came from this address; send a valid key, or wait for Retry-After seconds.",
	}
}

func errUnavailable(outcome delivery.Outcome) *apiError {
	return &apiError{
		status: http.StatusServiceUnavailable, code: deliveryapi.ErrorCodeUnavailable, outcome: outcome, retryAfter: 1,
		message: "The server cannot work just now; send the same request again after Retry-After seconds.",
	}
}

// domainErrors are the answers to what the domain refuses, where that is said by the error alone.
var domainErrors = map[error]*apiError{
	delivery.ErrDocumentNotFound: errDocumentNotFound,
	delivery.ErrAttemptNotFound:  errAttemptNotFound,
	delivery.ErrDeliveryNotFound: errDeliveryNotFound,
	delivery.ErrNoCheckpoint:     errNothingSealed,
	delivery.ErrClaimNotFound:    errClaimNotFound,
	delivery.ErrClaimOver:        errClaimOver,
	delivery.ErrLeased:           errLeased,
	delivery.ErrSettled:          errSettled,
}

// newAPIError finds what a client may know of err; whatever it does not know is the server's mistake.
func newAPIError(err error, c echo.Context) *apiError {
	var own *apiError
	var conflict *delivery.ConflictError
	var value *delivery.InvalidValueError
	var unavailable *delivery.UnavailableError
	for known, told := range domainErrors {
		if errors.Is(err, known) {
			return told
		}
	}
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, apikey.ErrUnauthorized):
		return errUnauthorized
	case errors.As(err, &conflict):
		return errConflict(conflict)
	case errors.As(err, &value):
		return errRefused(http.StatusUnprocessableEntity, deliveryapi.ErrorCodeInvalidValue, []detail{{value.Field, value.Issue}})
	case errors.As(err, &unavailable):
		return errUnavailable(unavailable.Outcome)
	case errors.Is(err, echo.ErrNotFound):
		return errRouteNotFound
	case errors.Is(err, echo.ErrMethodNotAllowed):
		return errMethodNotAllowed(allowed(c))
	default:
		return errInternal
	}
}

// writeError is the only place where an error becomes an answer. What the client is not told, the access log
// tells, under the same request id.
func writeError(err error, c echo.Context) {
	e := newAPIError(err, c)
	call := callOf(c.Request().Context())
	if c.Response().Committed {
		call.failure, call.class = err, classUnsent
		return // the answer has begun; all that is left is the log
	}
	if e.status >= http.StatusInternalServerError {
		call.failure, call.class = err, classOf(call, err, e)
	}
	header := c.Response().Header()
	switch e.status {
	case http.StatusUnauthorized:
		header.Set(echo.HeaderWWWAuthenticate, "Bearer")
	case http.StatusMethodNotAllowed:
		header.Set(echo.HeaderAllow, allowed(c))
	}
	if e.retryAfter > 0 {
		header.Set(echo.HeaderRetryAfter, strconv.Itoa(e.retryAfter))
	}
	// While a connection is to be kept, net/http waits for the body before it lets an answer go out. Who was
	// refused before that is told at once.
	if e.closing || c.Request().ContentLength != 0 && !call.received {
		header.Set(echo.HeaderConnection, "close")
	}
	if err := writeJSON(c.Response(), e.status, e.body(call.requestID)); err != nil {
		call.failure, call.class = err, classUnsent
	}
}

// The classes of what went wrong on our side, beside the outcomes of an unavailable store.
const (
	classShed     = "shed"      // refused because there is too much to do
	classNotReady = "not_ready" // the probe's way to say so
	classBug      = "bug"       // a mistake of this program
	classUnsent   = "unsent"    // the answer did not get to the client
)

// classOf sorts what the log tells of an error that was answered as e.
func classOf(call *call, err error, e *apiError) string {
	switch {
	case call.operation == readiness:
		return classNotReady
	case errors.Is(err, errShed):
		return classShed
	case e.outcome != "":
		return string(e.outcome)
	default:
		return classBug
	}
}

// allowed lists the methods of the path that was asked for. echo adds OPTIONS to them by itself.
func allowed(c echo.Context) string {
	methods, _ := c.Get(echo.ContextKeyHeaderAllow).(string)
	return strings.TrimPrefix(methods, "OPTIONS, ")
}

func (e *apiError) body(requestID string) deliveryapi.ErrorBody {
	body := deliveryapi.Error{Code: e.code, Message: e.message, RequestID: requestID}
	if len(e.details) > 0 {
		details := make([]deliveryapi.ErrorDetail, len(e.details))
		for i, d := range e.details {
			details[i] = deliveryapi.ErrorDetail{Field: d.Field, Issue: d.Issue}
		}
		body.Details = &details
	}
	if e.outcome != "" {
		outcome := deliveryapi.ErrorOutcome(e.outcome)
		body.Outcome = &outcome
	}
	return deliveryapi.ErrorBody{Error: body}
}
