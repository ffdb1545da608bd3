package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/metrics"
	"github.com/numora/delivery/internal/store"
)

const twinsPart = "twins"

// twinsOrder says what the twins work on, and which file the observed one logs to.
type twinsOrder struct {
	DatabaseURL string // empty: what they are told they forget
	Key         string // of that database
	LogFile     string
}

// twinsAnswer says where the twins are, and the key for them.
type twinsAnswer struct{ Bare, Observed, Key string }

// playTwins serves the API twice, until there are no more orders: with log and metrics, as the server is run, and
// with neither. Both are in one process and over one store, so that nothing else differs.
func playTwins(orders *json.Decoder, answers *json.Encoder) (err error) {
	var order twinsOrder
	if err := orders.Decode(&order); err != nil {
		return err
	}
	reports, keys, closeStore, err := openForTwins(&order)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	log, err := os.Create(order.LogFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	answer := twinsAnswer{Key: order.Key}
	for _, twin := range []struct {
		origin   *string
		logs     slog.Handler
		observer httpapi.Observer
	}{
		{&answer.Bare, slog.DiscardHandler, nil},
		{&answer.Observed, slog.NewJSONHandler(log, nil), metrics.New(metrics.Build{}, nil, nil)},
	} {
		api, err := httpapi.New(httpapi.Config{
			Service:       delivery.NewService(reports, delivery.Settings{}, time.Now),
			Authenticator: apikey.NewAuthenticator(keys, time.Now),
			Ready:         func(context.Context) error { return nil },
			// As the server has them by default; no report here comes near them.
			RequestTimeout: 3 * time.Second, BodyTimeout: 10 * time.Second, Limits: httpapi.Limits{InWork: 256, Queued: 1024},
			RateLimits: httpapi.RateLimits{Key: 1_000_000_000, Address: 1_000_000_000},
			Logger:     slog.New(twin.logs), Observer: twin.observer,
		})
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: api, ReadHeaderTimeout: 5 * time.Second}
		defer server.Close() // it has no requests any more
		go func() { _ = server.Serve(listener) }()
		*twin.origin = "http://" + listener.Addr().String()
	}
	if err := answers.Encode(answer); err != nil {
		return err
	}
	if err := orders.Decode(&order); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("the twins take one order"), err)
	}
	return nil
}

// openForTwins opens the database that an order names. For none it makes stores in memory, and a key.
func openForTwins(order *twinsOrder) (reports delivery.Store, keys apikey.Store, closeStore func() error, err error) {
	if order.DatabaseURL != "" {
		db, err := store.Open(order.DatabaseURL, store.Options{})
		if err != nil {
			return nil, nil, nil, err
		}
		return db, db, db.Close, nil
	}
	var key apikey.Key
	key, order.Key, err = apikey.New(apikey.Test, "bench", apikey.Scopes(), delivery.NewInstant(time.Now()), time.Time{})
	return forgetful{}, oneKey{key: key}, func() error { return nil }, err
}

// forgetful takes documents and reports, and keeps none.
type forgetful struct{ delivery.Store }

func (forgetful) Record(_ context.Context, attempts []delivery.Attempt, _ *delivery.Registration) ([]delivery.Recorded, error) {
	recorded := make([]delivery.Recorded, len(attempts))
	for i, attempt := range attempts {
		attempt.RecordedAt = delivery.NewInstant(time.Now())
		recorded[i] = delivery.Recorded{Result: delivery.Created, Attempt: attempt}
	}
	return recorded, nil
}

func (forgetful) PutDocument(_ context.Context, id string, registration delivery.Registration, _ []string) (delivery.Document, bool, error) {
	return delivery.Document{ID: id, Stage: registration.Stage}, true, nil
}

// oneKey knows one key.
type oneKey struct {
	apikey.Store
	key apikey.Key
}

func (o oneKey) Key(_ context.Context, id string) (apikey.Key, error) {
	if id != o.key.ID {
		return apikey.Key{}, apikey.ErrNotFound
	}
	return o.key, nil
}
