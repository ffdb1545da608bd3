package tracing_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/numora/delivery/internal/tracing"
)

// patience is how long a test waits for what must come, before it says that it did not.
const patience = 30 * time.Second

// export is what a collector was sent at once.
type export struct {
	path, contentType, tenant string // told by HTTP alone
	request                   *collectorpb.ExportTraceServiceRequest
}

// collectHTTP is a collector that takes OTLP by HTTP.
func collectHTTP(t *testing.T) (url string, exports <-chan export) {
	t.Helper()
	got := make(chan export, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collectorpb.ExportTraceServiceRequest{}
		if err := errors.Join(err, proto.Unmarshal(body, request)); err != nil {
			t.Errorf("sent what is no OTLP: %v", err)
		}
		got <- export{r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("x-tenant"), request}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// grpcCollector takes OTLP by gRPC.
type grpcCollector struct {
	collectorpb.UnimplementedTraceServiceServer
	got chan export
}

func (c grpcCollector) Export(_ context.Context, request *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.got <- export{request: request}
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func collectGRPC(t *testing.T) (url string, exports <-chan export) {
	t.Helper()
	listener := listen(t)
	server, collector := grpc.NewServer(), grpcCollector{got: make(chan export, 10)}
	collectorpb.RegisterTraceServiceServer(server, collector)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		server.Stop()
		serving.Wait()
	})
	return "http://" + listener.Addr().String(), collector.got
}

// listen takes connections, and leaves them without an answer.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // who serves on it closes it, too
	return listener
}

// start starts to trace by what the environment says.
func start(t *testing.T, variables map[string]string) *sdktrace.TracerProvider {
	t.Helper()
	environment(t, variables)
	settings, problems := tracing.FromEnvironment()
	if !settings.On || len(problems) > 0 {
		t.Fatalf("on is %v, problems %q", settings.On, problems)
	}
	var provider *sdktrace.TracerProvider
	soon(t, "Start", func() {
		var err error
		if provider, err = settings.Start(t.Context(), "v1.2.3"); err != nil {
			t.Error(err)
		}
	})
	return provider
}

// soon fails the test when do does not come to its end.
func soon(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s does not end", what)
	}
}

// work makes a span.
func work(provider *sdktrace.TracerProvider) {
	_, span := provider.Tracer("test").Start(context.Background(), "work")
	span.End()
}

// send makes a span and ends tracing, which sends it; it returns the export and what it says of this program.
func send(t *testing.T, provider *sdktrace.TracerProvider, exports <-chan export) (got export, resource map[string]string) {
	t.Helper()
	work(provider)
	soon(t, "Shutdown", func() {
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	select {
	case got = <-exports:
	default:
		t.Fatal("tracing ended, and nothing was sent")
	}
	spans := got.request.GetResourceSpans()
	if len(spans) != 1 || len(spans[0].GetScopeSpans()) != 1 || spans[0].GetScopeSpans()[0].GetSpans()[0].GetName() != "work" {
		t.Fatalf("sent %v", got.request)
	}
	resource = map[string]string{}
	for _, attribute := range spans[0].GetResource().GetAttributes() {
		resource[attribute.GetKey()] = attribute.GetValue().GetStringValue()
	}
	return got, resource
}

func TestStart_SendsWhatIsTraced_AndSaysWhichProgramItIs(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		service   string
	}{
		"ByItself":                 {nil, "numora-delivery"},
		"NamedByVariable":          {map[string]string{"OTEL_SERVICE_NAME": "mine"}, "mine"},
		"NamedByAttribute":         {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"},
		"VariableBeforeAttributes": {map[string]string{"OTEL_SERVICE_NAME": "mine", "OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "mine"},
	} {
		for protocol, collect := range map[string]func(*testing.T) (string, <-chan export){"http/protobuf": collectHTTP, "grpc": collectGRPC} {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				url, exports := collect(t)
				variables := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
				for name, value := range test.variables {
					variables[name] = value
				}
				_, resource := send(t, start(t, variables), exports)
				for attribute, want := range map[string]string{
					"service.name": test.service, "service.version": "v1.2.3", "telemetry.sdk.language": "go",
				} {
					if resource[attribute] != want {
						t.Errorf("%s is %q, want %q", attribute, resource[attribute], want)
					}
				}
				if resource["host.name"] == "" {
					t.Errorf("it does not say on which host it runs: %v", resource)
				}
			})
		}
	}
}

func TestStart_WithoutAProtocol_IsHTTP(t *testing.T) {
	url, exports := collectHTTP(t)
	got, _ := send(t, start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20tenant"}), exports)
	if got.path != "/v1/traces" || got.contentType != "application/x-protobuf" || got.tenant != "a tenant" {
		t.Errorf("sent to %s as %s with the header %q", got.path, got.contentType, got.tenant)
	}
}

func TestStart_VariablesOfTraces_Win(t *testing.T) {
	url, exports := collectHTTP(t)
	got, _ := send(t, start(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listen(t).Addr().String(), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url + "/elsewhere",
		"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-tenant=2",
	}), exports)
	if got.path != "/elsewhere" || got.tenant != "2" {
		t.Errorf("sent to %s with the header %q", got.path, got.tenant)
	}
}

// The text of a panic may hold anything.
func TestStart_Panic_IsNotSent(t *testing.T) {
	url, exports := collectHTTP(t)
	provider := start(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url})
	func() {
		defer func() { _ = recover() }()
		_, span := provider.Tracer("test").Start(t.Context(), "work")
		defer span.End()
		panic(secret)
	}()
	got, _ := send(t, provider, exports)
	if text := got.request.String(); strings.Contains(text, secret) {
		t.Errorf("sent %s", text)
	}
}

func TestStart_Off_IsNothing(t *testing.T) {
	provider, err := tracing.Settings{}.Start(t.Context(), "v1.2.3")
	if provider != nil || err != nil {
		t.Errorf("got %v, error %v", provider, err)
	}
}

func TestStart_CollectorThatNeverAnswers_HoldsNothingUp(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			provider := start(t, map[string]string{
				"OTEL_EXPORTER_OTLP_ENDPOINT": "http://" + listen(t).Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
			})
			work(provider)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			soon(t, "Shutdown", func() {
				if err := provider.Shutdown(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want what ended its context", err)
				}
			})
		})
	}
}

func TestStart_CollectorThatIsAway_IsToldAndNoError(t *testing.T) {
	listener := listen(t)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	before, told := otel.GetErrorHandler(), make(chan error, 10)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told <- err }))
	t.Cleanup(func() { otel.SetErrorHandler(before) })

	provider := start(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://numora:" + secret + "@" + listener.Addr().String(), "OTEL_EXPORTER_OTLP_HEADERS": "authorization=" + secret,
	})
	work(provider)
	soon(t, "Shutdown", func() {
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
	select {
	case err := <-told:
		if text := err.Error(); text == "" || strings.Contains(text, secret) {
			t.Errorf("told %q", text)
		}
	default:
		t.Error("nobody was told that spans were lost")
	}
}
