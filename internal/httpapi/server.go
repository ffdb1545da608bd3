// Package httpapi speaks HTTP: it holds requests against the contract, hands them to the delivery service
// and answers. It is the only place that knows echo.
//
// A request takes one way, and no way back:
//
//	request id -> access log -> recover -> time limit -> header limit -> route
//	-> API key -> scope -> media type -> body limit -> strict JSON -> contract
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
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

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
	// BodyTimeout is how long a request's body may take to arrive.
	BodyTimeout time.Duration
	Logger      *slog.Logger
}

// New returns the handler of the whole API, the documentation and the probes.
func New(config Config) (http.Handler, error) {
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

	e := echo.New()
	e.Logger.SetOutput(io.Discard) // echo logs nothing that writeError and the access log do not say
	e.Binder = validatedBinder{}
	e.IPExtractor = echo.ExtractIPDirect() // nobody's X-Forwarded-For is believed
	e.HTTPErrorHandler = writeError
	e.Use(requestID, accessLog(config.Logger), recoverPanic, limitTime, limitHeaders, holdToRoutes)

	guard := guard{config.Authenticator}
	middlewares := make(map[string][]echo.MiddlewareFunc, len(operations))
	for id, operation := range operations {
		middlewares[id] = []echo.MiddlewareFunc{guard.admit(operation), operation.validate(config.BodyTimeout)}
	}
	handlers := &handlers{service: config.Service, ready: config.Ready, contractJSON: contractJSON}
	strict := deliveryapi.NewStrictHandler(handlers, []deliveryapi.StrictMiddlewareFunc{writeTyped})
	deliveryapi.RegisterHandlersWithOptions(headToo{e}, strict, deliveryapi.RegisterHandlersOptions{OperationMiddlewares: middlewares})
	return e, nil
}

// headToo registers HEAD beside GET on the service routes; net/http leaves the body out.
type headToo struct{ *echo.Echo }

func (r headToo) GET(path string, handler echo.HandlerFunc, middlewares ...echo.MiddlewareFunc) *echo.Route {
	if !strings.HasPrefix(path, "/v1/") {
		r.HEAD(path, handler, middlewares...)
	}
	return r.Echo.GET(path, handler, middlewares...)
}
