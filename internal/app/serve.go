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
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store"
	"github.com/numora/delivery/internal/tracing"
)

// stopTimeout is how long requests in work may take to finish once the server stops; tests shorten it.
var stopTimeout = 8 * time.Second

// flushTimeout is how long the last spans may take to be sent.
const flushTimeout = time.Second

// retryDelay is how long to wait before the database is tried again at start.
const retryDelay = time.Second

// gcPercent is GOGC where the environment does not set it. What lives is a few MiB, and collecting each time that it has
// doubled, as Go does by itself, takes a fifth of the processor time under load.
const gcPercent = 300

// Serve runs the server until ctx ends, then finishes the requests in work. It writes its log to logs and
// words for people to screen. Bad settings are a *config.Error, which also holds the problems that are known already.
func Serve(ctx context.Context, settings config.Serve, problems []string, screen, logs io.Writer) error {
	traces, found := tracing.FromEnvironment()
	signer, err := auditSigner(settings.Audit)
	if err != nil {
		found = append(found, "NUMORA_AUDIT_KEY_FILE cannot be used: "+err.Error())
	}
	databaseURL, err := settings.Check(store.CheckURL, append(problems, found...)...)
	if err != nil {
		return err
	}
	if settings.Dev {
		if err := os.MkdirAll(devFolder, 0o700); err != nil {
			return fmt.Errorf("prepare %s: %w", devFolder, err)
		}
	}
	collectLess()
	s := &server{settings: settings, logger: newLogger(settings.LogFormat, logs), screen: screen, signer: signer}
	options := store.Options{
		AllowLossy: settings.AllowLossyDatabase.On, Create: true, Alone: true, Connections: settings.DatabaseConnections.N, ApplicationRole: settings.ApplicationRole,
		Retry: retryPolicies(settings),
		MigrationWaits: func(reason error) {
			s.logger.Warn("the migration is not done yet; where it waits for a lock it lets requests through meanwhile", slog.String("error", reason.Error()))
		},
	}
	if traces.On {
		version, _ := Version()
		provider, err := traces.Start(ctx, version)
		if err != nil {
			return err
		}
		defer s.flush(provider)
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			s.logger.Warn("spans were not sent", slog.String("error", err.Error()))
		}))
		options.Traces, s.tracer = provider, provider.Tracer("github.com/numora/delivery")
	}
	if s.db, err = s.open(ctx, databaseURL, options); err != nil || s.db == nil {
		return err
	}
	s.authenticator = apikey.NewAuthenticator(s.db, time.Now)
	s.database = readiness{ask: s.db.Ready, timeout: settings.RequestTimeout.Duration, now: time.Now}
	return errors.Join(s.run(ctx), s.db.Close())
}

// open opens the database. While its disk is full or fails it waits, since a server that ends is only started again; nil
// without an error says that ctx has ended first.
func (s *server) open(ctx context.Context, databaseURL string, options store.Options) (*store.Store, error) {
	said := ""
	for {
		db, err := store.Open(databaseURL, options)
		if unavailable := (*delivery.UnavailableError)(nil); !errors.As(err, &unavailable) {
			return db, err
		}
		said = s.sayOnce("the database cannot be opened yet, trying again", err, said)
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(retryDelay):
		}
	}
}

// sayOnce logs why something is tried again, unless that is what was said last, and returns what is said now.
func (s *server) sayOnce(what string, why error, said string) string {
	reason := why.Error()
	if reason != said {
		s.logger.Warn(what, slog.String("error", reason))
	}
	return reason
}

// collectLess has memory collected less often, unless the environment says how often.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// retryPolicies are the settings' in the words of the domain.
func retryPolicies(settings config.Serve) delivery.RetryPolicies {
	policy := func(r config.Retry) delivery.RetryPolicy {
		return delivery.RetryPolicy{Delay: r.Delay.Duration, MaxDelay: r.MaxDelay.Duration, MaxTries: r.MaxTries.N}
	}
	standard, providers, _ := settings.Retries()
	policies := delivery.RetryPolicies{Default: policy(standard), Providers: make(map[string]delivery.RetryPolicy)}
	for provider, r := range providers {
		policies.Providers[provider] = policy(r)
	}
	return policies
}

// server is one run of the server. It serves from the beginning, so that it can be seen to live; it is ready
// once its database is prepared, and no more once it was told to stop.
type server struct {
	settings      config.Serve
	db            *store.Store
	authenticator *apikey.Authenticator
	logger        *slog.Logger
	tracer        trace.Tracer // nil when nothing is traced
	signer        note.Signer  // nil when nothing is sealed
	screen        io.Writer

	connections        connections
	database           readiness
	prepared, draining atomic.Bool
}

func (s *server) ready(ctx context.Context) error {
	switch {
	case s.draining.Load():
		return errors.New("the server is stopping")
	case !s.prepared.Load():
		return errors.New("the server is starting")
	}
	return s.database.check(ctx)
}

func (s *server) run(ctx context.Context) error {
	api, figures, err := s.newAPI()
	if err != nil {
		return err
	}
	presented, err := newCertificate(s.settings.TLS, s.logger)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, "NUMORA_LISTEN", s.settings.Listen, s.settings.MaxConnections.N)
	if err != nil {
		return err
	}
	adminListener, err := listenAdmin(ctx, s.settings.AdminListen, s.logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	work, ended := errgroup.WithContext(ctx)
	if presented != nil {
		listener = presented.listener(listener)
		work.Go(func() error {
			presented.keepFresh(ended)
			return nil
		})
	}
	public := newServer(s.sendElsewhere(api), s.settings.RequestTimeout.Duration, s.logger)
	public.ConnState = s.connections.follow
	admin := newAdminServer(newAdminHandler(figures.Handler(), api), s.logger)

	accepted := make(chan struct{}) // closed when no more connections are taken
	work.Go(func() error {
		defer close(accepted)
		if err := serveOn(listener, public); !s.draining.Load() || !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // stop has closed the listener
	})
	s.logger.Info("serving", slog.String("address", listener.Addr().String()))
	if adminListener != nil {
		work.Go(func() error {
			if err := serveOn(adminListener, admin); err != nil { // no reason to stop taking reports
				s.logger.Error("operators are not served any more", slog.String("error", err.Error()))
			}
			return nil
		})
		s.logger.Info("serving operators", slog.String("address", adminListener.Addr().String()))
	}
	work.Go(func() error { return s.prepare(ended, listener.Addr()) })
	work.Go(func() error {
		s.noteUses(ended)
		return nil
	})
	work.Go(func() error {
		s.seal(ended)
		return nil
	})
	work.Go(func() error {
		<-ended.Done()
		return errors.Join(s.stop(ctx, listener, accepted, public), admin.Close())
	})
	return work.Wait()
}

func serveOn(listener net.Listener, server *http.Server) error {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
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
		said = s.sayOnce("the database cannot be used yet, trying again", err, said)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryDelay):
		}
	}
}

func (s *server) prepareOnce(ctx context.Context, address net.Addr) error {
	if s.settings.Migrate == "auto" {
		// The application's role finds out below whether its owner has migrated.
		if err := s.db.Migrate(ctx); err != nil && !errors.Is(err, store.ErrNotOwner) {
			return err
		}
	}
	found, needed, err := s.checkDatabase(ctx)
	if err != nil {
		return err
	}
	if found > needed {
		s.logger.Info("the database is prepared for a newer version of this server; it serves this one too",
			slog.Int64("schema", found), slog.Int64("schema_needed", needed))
	}
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	if s.settings.Dev {
		return prepareDev(ctx, s.db, s.authenticator, s.url(address), s.settings.Docs != config.Off, s.screen)
	}
	return nil
}

// url is where the server is, for people.
func (s *server) url(address net.Addr) string {
	if s.settings.TLS.On() {
		return "https://" + address.String()
	}
	return "http://" + address.String()
}

// checkDatabase returns the versions of the schema that was found and that is needed, once the database can be worked
// with.
func (s *server) checkDatabase(ctx context.Context) (found, needed int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.settings.RequestTimeout.Duration)
	defer cancel()
	if err := s.db.Ready(ctx); err != nil {
		return 0, 0, err
	}
	return s.db.Schema(ctx)
}

// catchUp makes deliveries that an older version left known to the outbox, and says how it gets on.
func (s *server) catchUp(ctx context.Context) error {
	const told = 10_000
	for total, next := 0, told; ; {
		rows, err := s.db.CatchUp(ctx)
		total += rows
		if total >= next || rows == 0 && total > 0 {
			s.logger.Info("deliveries of an older version are brought up to date", slog.Int("deliveries", total), slog.Bool("done", rows == 0))
			next += told
		}
		if err != nil || rows == 0 {
			return err
		}
	}
}

// sendElsewhere makes each answer to a request that came while the server drains say Connection: close.
// http.Server's own SetKeepAlivesEnabled(false) would close the connections between two requests at once, and lose
// the request that is just on its way on one of them.
func (s *server) sendElsewhere(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// stop goes on serving for the drain delay, not ready, when the process was told to stop; then takes no more
// connections and finishes what is on those that it has. Shutdown comes only after that: from its beginning on,
// net/http drops every request that it reads. What still is not finished then waits for its client, which sends or
// reads too slowly, and is cut off.
func (s *server) stop(told context.Context, listener net.Listener, accepted <-chan struct{}, public *http.Server) error {
	s.draining.Store(true)
	if told.Err() != nil {
		s.logger.Info("stopping", slog.String("drain_delay", s.settings.DrainDelay.String()))
		<-time.After(s.settings.DrainDelay.Duration)
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(told), stopTimeout)
	defer cancel()
	_ = listener.Close() // it is closed already when serving has failed
	<-accepted
	s.connections.finish(stopping)
	err := public.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		s.logger.Warn("connections were cut off: their clients took too long", slog.Int("connections", s.connections.count()))
		err = public.Close()
	}
	s.logger.Info("stopped")
	return err
}

// flush sends the last spans.
func (s *server) flush(provider *sdktrace.TracerProvider) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		s.logger.Warn("the last spans were not sent", slog.String("error", err.Error()))
	}
}
