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

	"golang.org/x/sync/errgroup"

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

// retryDelay is how long to wait before the database is tried again at start.
const retryDelay = time.Second

// Serve runs the server until ctx ends, then finishes the requests in work. It writes its log to logs and
// words for people to screen. Bad settings are a *config.Error.
func Serve(ctx context.Context, settings config.Serve, screen, logs io.Writer) error {
	databaseURL, err := settings.Check()
	if err != nil {
		return err
	}
	if settings.Dev {
		if err := os.MkdirAll(devFolder, 0o700); err != nil {
			return fmt.Errorf("prepare %s: %w", devFolder, err)
		}
	}
	db, err := open(databaseURL, store.Options{AllowLossy: settings.AllowLossyDatabase, Create: true, Alone: true})
	if err != nil {
		return err
	}
	s := &server{
		settings: settings, db: db, authenticator: apikey.NewAuthenticator(db, time.Now),
		logger: newLogger(settings.LogFormat, logs), screen: screen,
	}
	return errors.Join(s.run(ctx), db.Close())
}

func newLogger(format string, logs io.Writer) *slog.Logger {
	if format == "text" {
		return slog.New(slog.NewTextHandler(logs, nil))
	}
	return slog.New(slog.NewJSONHandler(logs, nil))
}

// open opens the database. A URL that cannot be one is a *config.Error.
func open(databaseURL string, options store.Options) (*store.Store, error) {
	db, err := store.Open(databaseURL, options)
	if errors.Is(err, store.ErrURL) {
		return nil, &config.Error{Problems: []string{err.Error()}}
	}
	return db, err
}

// server is one run of the server. It serves from the beginning, so that it can be seen to live; it is ready
// once its database is prepared, and no more once it was told to stop.
type server struct {
	settings      config.Serve
	db            *store.Store
	authenticator *apikey.Authenticator
	logger        *slog.Logger
	screen        io.Writer

	prepared, draining atomic.Bool
}

func (s *server) ready(ctx context.Context) error {
	switch {
	case s.draining.Load():
		return errors.New("the server is stopping")
	case !s.prepared.Load():
		return errors.New("the server is starting")
	}
	return s.db.Ready(ctx)
}

func (s *server) run(ctx context.Context) error {
	handler, err := httpapi.New(httpapi.Config{
		Service: delivery.NewService(s.db, delivery.Settings{
			Providers: s.settings.Providers, RegisterUnknown: s.settings.UnknownDocuments == "register",
		}, time.Now),
		Authenticator: s.authenticator, Ready: s.ready, BodyTimeout: bodyTimeout, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.settings.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.settings.Listen, err)
	}
	httpServer := newServer(handler, s.logger)
	s.logger.Info("serving", slog.String("address", listener.Addr().String()))
	work, ended := errgroup.WithContext(ctx)
	work.Go(func() error {
		if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	work.Go(func() error { return s.prepare(ended, listener.Addr()) })
	work.Go(func() error {
		<-ended.Done()
		return s.stop(ctx, httpServer)
	})
	return work.Wait()
}

// prepare brings the database to where the server can work on it, and tries again while it is away or waits
// for somebody else's doing; each reason is logged once. It gives up without an error when ctx ends.
func (s *server) prepare(ctx context.Context, address net.Addr) error {
	said := ""
	for {
		err := s.prepareOnce(ctx, address)
		var unavailable *delivery.UnavailableError
		switch {
		case err == nil:
			s.prepared.Store(true)
			s.logger.Info("ready", slog.String("address", address.String()))
			return nil
		case ctx.Err() != nil:
			return nil
		case !errors.As(err, &unavailable):
			return err
		}
		if reason := err.Error(); reason != said {
			s.logger.Warn("the database cannot be used yet, trying again", slog.String("error", reason))
			said = reason
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryDelay):
		}
	}
}

func (s *server) prepareOnce(ctx context.Context, address net.Addr) error {
	if s.settings.Migrate == "auto" {
		if err := s.db.Migrate(ctx); err != nil {
			return err
		}
	}
	if err := s.db.Ready(ctx); err != nil {
		return &delivery.UnavailableError{Outcome: delivery.NotExecuted, Cause: err}
	}
	if s.settings.Dev {
		return prepareDev(ctx, s.db, s.authenticator, address, s.screen)
	}
	return nil
}

// stop goes on serving for the drain delay, not ready, when the process was told to stop; then takes no more
// requests and finishes those in work.
func (s *server) stop(told context.Context, httpServer *http.Server) error {
	s.draining.Store(true)
	httpServer.SetKeepAlivesEnabled(false) // each answer from now on says Connection: close
	if told.Err() != nil {
		s.logger.Info("stopping", slog.Duration("drain_delay", s.settings.DrainDelay))
		<-time.After(s.settings.DrainDelay)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(told), stopTimeout)
	defer cancel()
	if err := httpServer.Shutdown(stopping); err != nil {
		return errors.Join(fmt.Errorf("stop: requests still in work after %s: %w", stopTimeout, err), httpServer.Close())
	}
	s.logger.Info("stopped")
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
