package app

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/metrics"
)

// newAPI returns the API and what counts it.
func (s *server) newAPI() (*httpapi.API, *metrics.Metrics, error) {
	version, revision := Version()
	figures := metrics.New(metrics.Build{Version: version, Revision: revision, GoVersion: runtime.Version()},
		httpapi.Outcomes, []string{httpapi.ShedQueueFull, httpapi.ShedQueueTimeout})
	proxies, _ := s.settings.Proxies()
	api, err := httpapi.New(httpapi.Config{
		Service: delivery.NewService(s.db, delivery.Settings{
			Providers: s.settings.Providers, RegisterUnknown: s.settings.UnknownDocuments == "register",
		}, time.Now),
		Authenticator:  s.authenticator,
		Ready:          s.ready,
		RequestTimeout: s.settings.RequestTimeout.Duration,
		BodyTimeout:    bodyTimeout,
		Limits:         httpapi.Limits{InWork: s.settings.MaxInWork.N, Queued: s.settings.MaxQueued.N},
		RateLimits:     httpapi.RateLimits{Key: s.settings.RateLimit.N, Address: s.settings.AddressRateLimit.N},
		TrustedProxies: proxies,
		Origins:        s.settings.CORSOrigins,
		WithoutDocs:    s.settings.Docs == config.Off,
		Logger:         s.logger,
		Observer:       figures,
		Tracer:         s.tracer,
	})
	if err != nil {
		return nil, nil, err
	}
	figures.Watch(metrics.Gauges{
		InWork: api.InWork, Queued: api.Queued,
		Connections:      s.connections.count,
		ConnectionsLimit: func() int { return s.settings.MaxConnections.N },
		Ready:            s.isReady,
		Pools:            s.db.Pools(),
		Backlogs:         s.backlogs,
		Unsealed:         s.unsealed,
		Claims:           func() uint64 { return s.db.Tally().Claims },
		Expiries:         func() uint64 { return s.db.Tally().Expiries },
		Requeues:         func() uint64 { return s.db.Tally().Requeues },
	})
	return api, figures, nil
}

// isReady asks for readiness within the time that a scrape has.
func (s *server) isReady() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.RequestTimeout.Duration)
	defer cancel()
	return s.ready(ctx) == nil
}

// backlogs asks for what stands in the outbox, within the time that a scrape has; nothing while the database is away.
func (s *server) backlogs() []delivery.Backlog {
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.RequestTimeout.Duration)
	defer cancel()
	backlogs, err := s.db.Backlogs(ctx)
	if err != nil {
		s.logger.Warn("the outbox could not be counted", slog.String("error", err.Error()))
	}
	return backlogs
}
