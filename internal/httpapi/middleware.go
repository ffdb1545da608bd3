package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/internal/apikey"
)

// maxHeaderBytes is how much the header fields of a request may take, counted as in HTTP/1.1.
const maxHeaderBytes = 16 << 10

// requestTimeout is how long a request may wait for the database, all its reads together. A write has a limit
// of its own, in the store.
const requestTimeout = 3 * time.Second

// call is what stations on the way learn about a request and later ones need.
type call struct {
	requestID string
	operation string // the contract's operationId; empty when no route matched
	key       apikey.Key
	failure   error       // what went wrong on our side, for the log alone
	recording []slog.Attr // what the log says of a recording
}

type callKey struct{}

// callOf returns the call that requestID began.
func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

var requestIDFormat = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// requestID names the request: by the client's x-request-id when there is exactly one and it is well
// formed, else by one made here. Whatever the client sent, later stations see only the chosen one.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request := c.Request()
		given := request.Header.Values(echo.HeaderXRequestID)
		var id string
		if len(given) == 1 && requestIDFormat.MatchString(given[0]) {
			id = given[0]
		} else {
			id = rand.Text()
		}
		request.Header.Set(echo.HeaderXRequestID, id)
		header := c.Response().Header()
		header.Set(echo.HeaderXRequestID, id)
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderCacheControl, "no-store")
		c.SetRequest(request.WithContext(context.WithValue(request.Context(), callKey{}, &call{requestID: id})))
		return next(c)
	}
}

// accessLog writes one line for each request, after it was answered.
func accessLog(logger *slog.Logger) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			began := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // answered here, so that the line knows the status
			}
			request, call := c.Request(), callOf(c.Request().Context())
			level := slog.LevelInfo
			switch status := c.Response().Status; {
			case status >= http.StatusInternalServerError:
				level = slog.LevelError
			case status == http.StatusConflict:
				level = slog.LevelWarn
			}
			attributes := []slog.Attr{
				slog.String("request_id", call.requestID),
				slog.String("method", request.Method),
				slog.String("path", cut(request.URL.Path)),
				slog.String("operation", call.operation),
				slog.Int("status", c.Response().Status),
				slog.Float64("duration_ms", float64(time.Since(began).Microseconds())/1000),
				slog.String("key_id", call.key.ID),
				slog.String("client", c.RealIP()),
			}
			attributes = append(attributes, call.recording...)
			if call.failure != nil {
				attributes = append(attributes, slog.String("error", call.failure.Error()))
			}
			logger.LogAttrs(request.Context(), level, "request", attributes...)
			return nil
		}
	}
}

// cut keeps a hostile path from filling the log.
func cut(path string) string {
	const longest = 256 // bytes; the longest path that the contract has is shorter
	if len(path) > longest {
		return path[:longest] + "…"
	}
	return path
}

// recoverPanic turns a panic into an error, with its stack, for the one writer of errors.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				if cause == http.ErrAbortHandler {
					panic(cause) // net/http's own way to end a connection
				}
				err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			}
		}()
		return next(c)
	}
}

// limitTime ends what waits for the database for too long. A client that hangs up ends nothing: the statements
// are short, and breaking one off costs the database a connection.
func limitTime(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), requestTimeout)
		defer cancel()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
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

// holdToRoutes keeps echo from routing what the contract does not have: echo lets the last parameter of a
// path run on over slashes, and answers OPTIONS by itself.
func holdToRoutes(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if strings.Count(c.Path(), "/") != strings.Count(echo.GetPath(c.Request()), "/") {
			return echo.ErrNotFound
		}
		if c.Request().Method == http.MethodOptions && c.Get(echo.ContextKeyHeaderAllow) != nil {
			return echo.ErrMethodNotAllowed
		}
		return next(c)
	}
}
