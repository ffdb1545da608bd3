package app

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"golang.org/x/net/netutil"

	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/httpapi"
)

// bodyTimeout is how long a request, and then again its body, may take to arrive.
const bodyTimeout = 10 * time.Second

// adminConnections is how many connections the admin listener has open at most.
const adminConnections = 64

// newServer bounds everything a client could hold on to. Its header limit stands well above the one that
// httpapi answers by itself.
func newServer(handler http.Handler, requestTimeout time.Duration, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  bodyTimeout,
		WriteTimeout:                 bodyTimeout + requestTimeout + 20*time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               64 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     log.New(complaints{logger}, "", 0),
	}
}

// listen takes connections at address, so many at once; more wait in the system's queue.
func listen(ctx context.Context, name, address string, limit int) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return netutil.LimitListener(listener, limit), nil
}

// listenAdmin listens for operators, or returns nil where that was turned off, or where nobody asked for the
// default address and another program has it: what records reports must not end for want of figures.
func listenAdmin(ctx context.Context, address string, logger *slog.Logger) (net.Listener, error) {
	if address == config.Off {
		return nil, nil
	}
	listener, err := listen(ctx, "NUMORA_ADMIN_LISTEN", address, adminConnections)
	if err != nil && address == config.DefaultAdminListen {
		logger.Warn("metrics are not served: set NUMORA_ADMIN_LISTEN to a free address, or to off", slog.String("error", err.Error()))
		return nil, nil
	}
	return listener, err
}

// newAdminHandler serves operators: metrics, profiles, and the probes beside those of the API, which must wait
// for a connection when clients have taken them all.
func newAdminHandler(metrics, api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /livez", api)
	mux.Handle("GET /readyz", api)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpapi.SetSecurityHeaders(w.Header(), r)
		mux.ServeHTTP(w, r)
	})
}

// newAdminServer allows for profiles that take their time.
func newAdminServer(handler http.Handler, logger *slog.Logger) *http.Server {
	server := newServer(handler, 0, logger)
	server.WriteTimeout = 2 * time.Minute
	return server
}
