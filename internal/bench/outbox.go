package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/numora/delivery/internal/bench/program"
)

const dueDeliveries = 1000 // in either database

func measureSQLiteOutbox(ctx context.Context, built program.Program, s settings) ([]row, error) {
	return measureOutbox(ctx, built, s, sqliteEngine,
		"sqlite:"+filepath.Join(built.Directory, "due.db"), "sqlite:"+filepath.Join(built.Directory, "settled.db"))
}

func measurePostgresOutbox(ctx context.Context, built program.Program, s settings) (rows []row, err error) {
	return onPostgres(ctx, "outbox, PostgreSQL", func(small, large string) ([]row, error) {
		return measureOutbox(ctx, built, s, postgresEngine, small, large)
	})
}

// onPostgres measures with two databases of its own on the server that the environment names.
func onPostgres(ctx context.Context, what string, measure func(small, large string) ([]row, error)) (rows []row, err error) {
	serverURL := os.Getenv(postgresVariable)
	if serverURL == "" {
		return []row{measured(what, "not measured: "+postgresVariable+" is not set")}, nil
	}
	var databaseURLs [2]string
	for i := range databaseURLs {
		var drop func() error
		if databaseURLs[i], drop, err = makeDatabase(ctx, serverURL); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, drop()) }()
	}
	return measure(databaseURLs[0], databaseURLs[1])
}

// measureOutbox asks two servers in turn for the same: one where all that there is is due, one where as much again is
// settled as the settings say.
func measureOutbox(ctx context.Context, built program.Program, s settings, e engine, smallURL, largeURL string) (rows []row, err error) {
	var actions []action
	for databaseURL, settled := range map[string]int{smallURL: 0, largeURL: s.attempts} {
		key, err := built.Prepare(ctx, databaseURL)
		if err != nil {
			return nil, err
		}
		if err := e.fillOutbox(ctx, databaseURL, settled); err != nil {
			return nil, err
		}
		running, startErr := built.Start(ctx, databaseURL)
		if startErr != nil {
			return nil, startErr
		}
		defer func() { err = errors.Join(err, running.Stop()) }()
		c := newClient(running.Origin, key)
		defer c.close()
		asked := []action{c.outbox, func(ctx context.Context) error { return c.claimAndRelease(ctx, 1) }, func(ctx context.Context) error { return c.claimAndRelease(ctx, pageSize) }}
		if settled == 0 {
			actions = append(asked, actions...)
		} else {
			actions = append(actions, asked...)
		}
	}
	progress("%s: listing and claiming %d times each", e.name, s.claims)
	taken, err := inTurn(ctx, s.claims, actions...)
	if err != nil {
		return nil, err
	}
	compared := fmt.Sprintf("%s, %d settled beside %d due / none", e.name, s.attempts, dueDeliveries)
	return []row{
		compare("outbox page, "+compared, taken[3], taken[0]),
		compare("claim and release of 1, "+compared, taken[4], taken[1]),
		compare(fmt.Sprintf("claim and release of %d, %s", pageSize, compared), taken[5], taken[2]),
	}, nil
}

// outbox lists a page of what is due.
func (c client) outbox(ctx context.Context) error {
	answer, err := c.send(ctx, http.MethodGet, fmt.Sprintf("/v1/delivery/outbox?provider=%s&limit=%d", provider, pageSize), "", http.StatusOK)
	if err != nil {
		return err
	}
	return checkItems(answer, pageSize)
}

// claimAndRelease claims so many deliveries, and gives them back, so that there are as many the next time.
func (c client) claimAndRelease(ctx context.Context, limit int) error {
	answer, err := c.send(ctx, http.MethodPost, "/v1/delivery/claims", fmt.Sprintf(`{"provider":%q,"limit":%d}`, provider, limit), http.StatusOK)
	if err != nil {
		return err
	}
	if err := checkItems(answer, limit); err != nil {
		return err
	}
	var claimed struct {
		Data []struct {
			ExecutionID string `json:"execution_id"`
		}
	}
	if err := json.Unmarshal(answer, &claimed); err != nil {
		return err
	}
	for _, item := range claimed.Data {
		if _, err := c.send(ctx, http.MethodPost, "/v1/delivery/claims/"+item.ExecutionID+"/release", "", http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

func checkItems(answer []byte, wanted int) error {
	var page struct{ Data []struct{} }
	if err := json.Unmarshal(answer, &page); err != nil {
		return err
	}
	if len(page.Data) != wanted {
		return fmt.Errorf("%d deliveries where %d should be due", len(page.Data), wanted)
	}
	return nil
}
