package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/internal/apikey"
)

// maxHeaderBytes is how much the header fields of a request may take, counted as in HTTP/1.1.
const maxHeaderBytes = 16 << 10

// call is what stations on the way learn about a request and later ones need.
type call struct {
	requestID string
	operation string // the contract's operationId; empty when no route matched
	key       apikey.Key
	body      *jsonBody  // the one that was validated, for validatedBinder
	recording *recording // nil when the request is no report, or did not get to the service
	failure   error      // what went wrong on our side, for the log alone
	class     string     // of failure

	received bool               // the body is in
	inWork   bool               // see admission
	endTime  context.CancelFunc // see limitTime
}

type callKey struct{}

func contextWith(ctx context.Context, c *call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

// callOf returns the call that requestID began.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

var requestIDFormat = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// requestID names the request: by the client's x-request-id when there is exactly one and it is well
// formed, and holds no key, else by one made here. Whatever the client sent, later stations see only the chosen one.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request := c.Request()
		given := request.Header.Values(echo.HeaderXRequestID)
		var id string
		if len(given) == 1 && requestIDFormat.MatchString(given[0]) && apikey.Redact(given[0]) == given[0] {
			id = given[0]
		} else {
			id = newRequestID(time.Now())
		}
		request.Header.Set(echo.HeaderXRequestID, id)
		header := c.Response().Header()
		SetSecurityHeaders(header, request)
		header.Set(echo.HeaderXRequestID, id)
		c.SetRequest(request.WithContext(contextWith(request.Context(), &call{requestID: id})))
		return next(c)
	}
}

// newRequestID makes an id that begins with the time: the index that attempts have on it then grows at its end, where a
// page in memory takes many, and is not written to all over.
func newRequestID(now time.Time) string {
	return strconv.FormatInt(now.UnixMilli(), 36) + rand.Text()[:18] // 90 random bits
}

// recoverPanic turns a panic into an error, with its stack, for the one writer of errors.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause) // net/http's own way to end a connection
				}
				err = fmt.Errorf("panic: %s\n%s", describePanic(cause), debug.Stack())
			}
		}()
		return next(c)
	}
}

// describePanic is what the log tells of a panic besides where it was. What a program panics with may hold what was sent; of
// Go's own errors that is known not to be.
func describePanic(cause any) string {
	if known, ok := cause.(runtime.Error); ok {
		return known.Error()
	}
	return fmt.Sprintf("with a %T", cause)
}

// limitTime bounds how long a request may take, all its waiting together, but for the arrival of its body. A client
// that hangs up ends nothing: the statements are short, and breaking one off costs the database a connection.
func limitTime(timeout time.Duration) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			setDeadline(c, time.Now().Add(timeout))
			defer func() { callOf(c.Request().Context()).endTime() }()
			return next(c)
		}
	}
}

// setDeadline gives a request this deadline in place of the one it had, even when that is over.
func setDeadline(c echo.Context, deadline time.Time) {
	ctx := context.WithoutCancel(c.Request().Context())
	call := callOf(ctx)
	if call.endTime != nil {
		call.endTime()
	}
	ctx, call.endTime = context.WithDeadline(ctx, deadline)
	c.SetRequest(c.Request().WithContext(ctx))
}

// limitHeaders refuses requests whose header fields take more than maxHeaderBytes. net/http's own limit is
// set well above it, since what it refuses by itself it answers in plain text.
func limitHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		const colonSpaceLineEnd = 4
		size := len("Host") + len(c.Request().Host) + colonSpaceLineEnd
		for name, values := range c.Request().Header {
			for _, value := range values {
				size += len(name) + len(value) + colonSpaceLineEnd
			}
		}
		if size > maxHeaderBytes {
			return errHeaderTooLarge
		}
		return next(c)
	}
}

// holdToPaths keeps echo from routing what the contract does not have: echo lets the last parameter of a path run on
// over slashes.
func holdToPaths(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if strings.Count(c.Path(), "/") != strings.Count(echo.GetPath(c.Request()), "/") {
			return echo.ErrNotFound
		}
		return next(c)
	}
}

// holdToMethods keeps echo from answering OPTIONS by itself.
func holdToMethods(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method == http.MethodOptions && c.Get(echo.ContextKeyHeaderAllow) != nil {
			return echo.ErrMethodNotAllowed
		}
		return next(c)
	}
}
