// Package httpapi speaks HTTP: it holds requests against the contract, hands them to the delivery service
// and answers. It is the only place that knows echo.
//
// A request takes one way, and no way back:
//
//	linger -> request id -> span -> access log -> recover -> time limit -> header limit -> CORS -> route
//	-> admission -> API key -> scope -> rate limit -> media type -> body limit -> strict JSON -> contract
//	-> generated strict handler -> convert -> delivery.Service -> convert -> typed answer
//
// The first station that objects ends it. Errors travel unchanged to one writer, writeError, which is the
// only place that turns them into a status and a body.
package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/openapi"
)

// Config is what the handler needs from the rest of the house.
type Config struct {
	Service       *delivery.Service
	Authenticator *apikey.Authenticator
	// Ready returns nil when the server can take work.
	Ready func(ctx context.Context) error
	// RequestTimeout is how long a request may take, besides the arrival of its body.
	RequestTimeout time.Duration
	// BodyTimeout is how long a request's body may take to arrive.
	BodyTimeout time.Duration
	Limits      Limits
	RateLimits  RateLimits
	// TrustedProxies are the networks of the proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Origins are those whose pages may use the API from a browser; none may, when there are none.
	Origins []string
	// WithoutDocs leaves out Swagger UI; the contract itself is served all the same.
	WithoutDocs bool
	Logger      *slog.Logger
	Observer    Observer     // nil: nobody observes
	Tracer      trace.Tracer // nil: no spans are made
}

// API is the handler of the whole API, the documentation and the probes.
type API struct {
	*echo.Echo
	admission *admission
}

// InWork returns how many requests are in work.
func (a *API) InWork() int { return len(a.admission.slots) }

// Queued returns how many requests wait to be in work.
func (a *API) Queued() int { return int(a.admission.waiting.Load()) }

// New returns the API that config describes.
func New(config Config) (*API, error) {
	contract, err := openapi.Load()
	if err != nil {
		return nil, err
	}
	operations, err := newOperations(contract)
	if err != nil {
		return nil, err
	}
	contractJSON, err := contract.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the contract as JSON: %w", err)
	}

	observer, tracer := config.Observer, config.Tracer
	if observer == nil {
		observer = blind{}
	}
	e := echo.New()
	e.Logger.SetOutput(io.Discard) // echo logs nothing that writeError and the access log do not say
	e.Binder = validatedBinder{}
	e.IPExtractor = clientAddress(config.TrustedProxies)
	e.HTTPErrorHandler = writeError
	e.Use(linger, requestID)
	if tracer != nil {
		e.Use(traced(tracer, operations))
	} else {
		tracer = noop.NewTracerProvider().Tracer("")
	}
	e.Use(accessLog(config.Logger, observer), recoverPanic, limitTime(config.RequestTimeout), limitHeaders, holdToPaths)
	if len(config.Origins) > 0 {
		e.Use(crossOrigin(config.Origins))
	}
	e.Use(holdToMethods)

	api := &API{Echo: e, admission: newAdmission(config.Limits, observer)}
	guard := guard{
		authenticator: config.Authenticator,
		keys:          newBuckets(config.RateLimits.Key, time.Now), addresses: newBuckets(config.RateLimits.Address, time.Now),
	}
	bodies := bodyReader{timeout: config.BodyTimeout, admission: api.admission}
	middlewares := make(map[string][]echo.MiddlewareFunc, len(operations))
	for id, operation := range operations {
		middlewares[id] = []echo.MiddlewareFunc{operation.note}
		if operation.scope != "" {
			middlewares[id] = append(middlewares[id], api.admission.admit, guard.admit(operation))
		}
		middlewares[id] = append(middlewares[id], operation.validate(bodies, tracer))
	}
	handlers := &handlers{service: config.Service, ready: config.Ready, contractJSON: contractJSON, tracer: tracer}
	strict := deliveryapi.NewStrictHandler(handlers, []deliveryapi.StrictMiddlewareFunc{writeTyped})
	deliveryapi.RegisterHandlersWithOptions(routes{Echo: e, withoutDocs: config.WithoutDocs}, strict, deliveryapi.RegisterHandlersOptions{OperationMiddlewares: middlewares})
	return api, nil
}

// clientAddress tells a request's client from the address it came from or, when that is a trusted proxy's, from
// the nearest address in X-Forwarded-For that is not.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// routes registers HEAD beside GET on the service routes; net/http leaves the body out. What is to be left out it
// does not register at all, so that it is as any other path where nothing is.
type routes struct {
	*echo.Echo
	withoutDocs bool
}

func (r routes) GET(path string, handler echo.HandlerFunc, middlewares ...echo.MiddlewareFunc) *echo.Route {
	if r.withoutDocs && strings.HasPrefix(path, "/docs/") {
		return nil
	}
	if !strings.HasPrefix(path, "/v1/") {
		r.HEAD(path, handler, middlewares...)
	}
	return r.Echo.GET(path, handler, middlewares...)
}
