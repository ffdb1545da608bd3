// Package app wires the house: it opens the store, builds the handler over it, serves, and stops. Commands
// that work beside a running server, such as making keys, are here too.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store"
)

// bodyTimeout is how long a request, and then again its body, may take to arrive.
const bodyTimeout = 10 * time.Second

// stopTimeout is how long requests in work may take to finish once the server stops.
const stopTimeout = 8 * time.Second

// Serve runs the server until ctx ends, then finishes the requests in work. It writes its log to logs and
// words for people to screen. Bad settings are a *config.Error.
func Serve(ctx context.Context, settings config.Serve, screen, logs io.Writer) error {
	databaseURL, err := settings.Check()
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(logs, nil))
	if settings.Dev {
		if err := os.MkdirAll(devFolder, 0o700); err != nil {
			return fmt.Errorf("prepare %s: %w", devFolder, err)
		}
	}
	db, err := open(databaseURL, store.Options{AllowLossy: settings.AllowLossyDatabase, Create: true})
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, settings, db, logger, screen), db.Close())
}

// open opens the database. A URL that cannot be one is a *config.Error.
func open(databaseURL string, options store.Options) (*store.Store, error) {
	db, err := store.Open(databaseURL, options)
	if errors.Is(err, store.ErrURL) {
		return nil, &config.Error{Problems: []string{err.Error()}}
	}
	return db, err
}

func serve(ctx context.Context, settings config.Serve, db *store.Store, logger *slog.Logger, screen io.Writer) error {
	if settings.Migrate == "auto" {
		if err := db.Migrate(ctx); err != nil {
			return err
		}
	}
	service := delivery.NewService(db, delivery.Settings{
		Providers: settings.Providers, RegisterUnknown: settings.UnknownDocuments == "register",
	}, time.Now)
	authenticator := apikey.NewAuthenticator(db, time.Now)
	var draining atomic.Bool
	handler, err := httpapi.New(httpapi.Config{
		Service: service, Authenticator: authenticator, BodyTimeout: bodyTimeout, Logger: logger,
		Ready: func(ctx context.Context) error {
			if draining.Load() {
				return errors.New("the server is stopping")
			}
			return db.Ready(ctx)
		},
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", settings.Listen, err)
	}
	if settings.Dev {
		if err := prepareDev(ctx, db, authenticator, listener.Addr(), screen); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	server := newServer(handler, logger)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	logger.Info("serving", slog.String("address", listener.Addr().String()))
	if err := db.Ready(ctx); err != nil {
		logger.Warn("not ready", slog.String("error", err.Error()))
	}

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	draining.Store(true)
	logger.Info("stopping")
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop: requests still in work after %s: %w", stopTimeout, err), server.Close())
	}
	logger.Info("stopped")
	return nil
}

// newServer bounds everything a client could hold on to. Its header limit stands well above the one that
// httpapi answers by itself.
func newServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  bodyTimeout,
		WriteTimeout:                 30 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               64 << 10,
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}
