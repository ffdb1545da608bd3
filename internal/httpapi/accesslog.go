package httpapi

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/numora/delivery/internal/apikey"
)

// accessLog writes one line for each request, after it was answered, and tells the observer.
func accessLog(logger *slog.Logger, observer Observer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			began := time.Now()
			if err := next(c); err != nil {
				c.Error(err) // answered here, so that the line knows the status
			}
			took, call := time.Since(began), callOf(c.Request().Context())
			observer.Answered(call.operation, c.Response().Status, took)
			if r := call.recording; r != nil {
				observer.Recorded(r.report.Provider, r.outcome)
			}
			ctx, level := c.Request().Context(), logLevel(c.Response().Status)
			if logger.Enabled(ctx, level) {
				logger.LogAttrs(ctx, level, "request", describe(c, call, took)...)
			}
			return nil
		}
	}
}

func logLevel(status int) slog.Level {
	switch {
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status == http.StatusConflict:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// describe is what the line of a request says.
func describe(c echo.Context, call *call, took time.Duration) []slog.Attr {
	request := c.Request()
	attributes := make([]slog.Attr, 0, 16)
	attributes = append(attributes, slog.String("request_id", call.requestID))
	if span := trace.SpanContextFromContext(request.Context()); span.IsValid() {
		attributes = append(attributes, slog.String("trace_id", span.TraceID().String()))
	}
	attributes = append(attributes,
		slog.String("method", cut(request.Method)),
		slog.String("path", cut(request.URL.Path)),
		slog.String("operation", call.operation),
		slog.Int("status", c.Response().Status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.String("key_id", call.key.ID),
		slog.String("client", c.RealIP()),
	)
	if call.recording != nil {
		attributes = append(attributes, call.recording.attributes()...)
	}
	if call.failure != nil {
		attributes = append(attributes, slog.String("class", call.class), slog.String("error", call.failure.Error()))
	}
	return attributes
}

// cut keeps a hostile method or path from filling the log, and a key that stands in it from being read there.
func cut(text string) string {
	const longest = 256 // bytes; the longest path that the contract has is shorter
	text = apikey.Redact(text)
	if len(text) > longest {
		return text[:longest] + "…"
	}
	return text
}
