// Package tracing sends spans to a collector by OTLP. It obeys the standard OTEL_* environment variables, which
// the OpenTelemetry SDK reads by itself but for whether to trace at all, and by which protocol.
package tracing

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Settings say whether and how to trace.
type Settings struct {
	On   bool
	grpc bool
}

// Start returns a provider that sends what is traced, or nil when tracing is off. It does not wait for the
// collector; what that does not take is dropped. Shutdown sends what is left.
func (s Settings) Start(ctx context.Context, version string) (*sdktrace.TracerProvider, error) {
	if !s.On {
		return nil, nil
	}
	client := otlptracehttp.NewClient()
	if s.grpc {
		client = otlptracegrpc.NewClient()
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("start to trace: %w", err)
	}
	// Later detectors win: what the environment names itself stands.
	described, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("numora-delivery"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("start to trace: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described),
		sdktrace.WithoutPanicRecording()), nil // the text of a panic is for the log alone
}
