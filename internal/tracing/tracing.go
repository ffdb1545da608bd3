// Package tracing sends spans to a collector by OTLP. It obeys the standard OTEL_* environment variables, which
// the OpenTelemetry SDK reads by itself but for whether to trace at all, and by which protocol.
package tracing

import (
	"context"
	"fmt"
	"os"
	"strings"

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

// FromEnvironment reads the settings: tracing is on when an OTLP endpoint or OTEL_TRACES_EXPORTER=otlp is set,
// unless OTEL_SDK_DISABLED is true or the exporter is none. Problems name what cannot be obeyed.
func FromEnvironment() (settings Settings, problems []string) {
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || exporter == "none" {
		return Settings{}, nil
	}
	if exporter != "" && exporter != "otlp" {
		return Settings{}, []string{fmt.Sprintf("OTEL_TRACES_EXPORTER must be otlp or none, not %q", exporter)}
	}
	endpoint := firstSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if exporter == "" && endpoint == "" {
		return Settings{}, nil
	}
	switch protocol := firstSet("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
		return Settings{On: true}, nil
	case "grpc":
		return Settings{On: true, grpc: true}, nil
	default:
		return Settings{}, []string{fmt.Sprintf("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or grpc, not %q", protocol)}
	}
}

func firstSet(names ...string) string {
	for _, name := range names {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return ""
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
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described)), nil
}
