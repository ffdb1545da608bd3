package httpapi

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span of each request, below the caller's own when its W3C trace context came along. It is named
// after the route that operations tell.
func traced(tracer trace.Tracer, operations map[string]*operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			request, method := c.Request(), cut(c.Request().Method)
			ctx := propagation.TraceContext{}.Extract(request.Context(), propagation.HeaderCarrier(request.Header))
			// What else the caller's trace carries is free text of anybody's, and not for our collector.
			ctx = trace.ContextWithRemoteSpanContext(ctx, trace.SpanContextFromContext(ctx).WithTraceState(trace.TraceState{}))
			ctx, span := tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
			c.SetRequest(request.WithContext(ctx))
			err := next(c)

			call, status := callOf(ctx), c.Response().Status
			if operation := operations[call.operation]; operation != nil {
				span.SetName(method + " " + operation.route)
				span.SetAttributes(semconv.HTTPRoute(operation.route), attribute.String("numora.operation", operation.id))
			}
			span.SetAttributes(
				semconv.HTTPRequestMethodKey.String(method),
				semconv.URLPath(cut(request.URL.Path)),
				semconv.HTTPResponseStatusCode(status),
				attribute.String("numora.request_id", call.requestID),
			)
			if status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, call.class)
			}
			return err
		}
	}
}
