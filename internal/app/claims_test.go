package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

const dueDeliveries, claimers = 10_000, 32

// addDue adds documents with a delivery each to dynamics365 that is due, the first of them longest.
func addDue(t *testing.T, connection *pgx.Conn) {
	t.Helper()
	execute(t, connection, fmt.Sprintf(`INSERT INTO documents (id, stage, created_at, updated_at)
		SELECT 'paper-' || n, 'reviewed', now(), now() FROM generate_series(1, %d) n`, dueDeliveries),
		`INSERT INTO deliveries (document_id, provider, retired, offered, touched, tries, settled, since, resting, due_at, updated_at, derived_at)
		SELECT id, 'dynamics365', false, true, false, 0, false, now(), 'ready', now() - interval '1 day' + substr(id, 7)::int * interval '1 second', now(), now()
		FROM documents`)
}

// claimed is what a claim hands out, as far as tests look at it.
type claimed struct {
	Data []struct {
		DocumentID  string `json:"document_id"`
		ExecutionID string `json:"execution_id"`
		DeliveryKey string `json:"delivery_key"`
	}
}

func claimFrom(ctx context.Context, r *replica, key string, limit int) (claimed, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.address+"/v1/delivery/claims",
		strings.NewReader(fmt.Sprintf(`{"provider":"dynamics365","limit":%d,"lease_seconds":3600}`, limit)))
	if err != nil {
		return claimed{}, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return claimed{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var c claimed
	if response.StatusCode != http.StatusOK {
		return claimed{}, fmt.Errorf("claiming from %s: %s", r.address, response.Status)
	}
	return c, json.NewDecoder(response.Body).Decode(&c)
}

// Many claimers, over three servers, work off a long outbox. Each delivery is handed out exactly once, none is left
// behind, and they do not queue behind each other.
func TestClaims_OfManyWorkersOverThreeServers_AreExclusive(t *testing.T) {
	ownerURL, application := roles(t)
	key := newKeyFor(t, application.URL, "worker", allScopes)
	watch := connect(t, ownerURL)
	addDue(t, watch)
	replicas := launchThree(t, application.URL)

	var mutex sync.Mutex
	handedOut, ids, samples, waited := map[string]int{}, map[string]bool{}, 0, 0
	done := func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return len(handedOut) == dueDeliveries
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	for number := range claimers {
		work.Go(func() {
			for !done() && ctx.Err() == nil {
				got, err := claimFrom(ctx, replicas[number%len(replicas)], key, 1+rand.IntN(20))
				mutex.Lock()
				for _, item := range got.Data {
					handedOut[item.DocumentID]++
					ids[item.ExecutionID], ids[item.DeliveryKey] = true, true
				}
				mutex.Unlock()
				if err != nil {
					t.Error(err)
					stop()
				}
			}
		})
	}
	for !done() && ctx.Err() == nil {
		var now int
		check(t, watch.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event IN ('tuple', 'transactionid')`).Scan(&now))
		samples, waited = samples+1, waited+now
	}
	work.Wait()
	// PostgreSQL passes over locked rows, but for one that was committed in the very moment it was looked at, which on a
	// busy machine is a long one. If they queued, all but one of them and a few would wait.
	if average := float64(waited) / float64(samples); average > claimers/4 {
		t.Errorf("of %d claimers %.1f waited for each other, on average", claimers, average)
	} else {
		t.Logf("of %d claimers %.2f waited for each other, on average of %d samples", claimers, average, samples)
	}
	if twice := slices.ContainsFunc(slices.Collect(maps.Values(handedOut)), func(times int) bool { return times != 1 }); twice || len(ids) != 2*dueDeliveries {
		t.Errorf("some of %d were handed out twice, or %d ids and keys are not all different", len(handedOut), len(ids))
	}
	var stored, leased int
	check(t, watch.QueryRow(t.Context(), `SELECT (SELECT count(DISTINCT (document_id, provider)) FROM claims),
		(SELECT count(*) FROM deliveries JOIN claims ON execution_id = lease_execution_id WHERE tries = 1)`).Scan(&stored, &leased))
	if stored != dueDeliveries || leased != dueDeliveries {
		t.Errorf("claims on %d deliveries are stored, %d have their lease, of %d", stored, leased, dueDeliveries)
	}
}

// Who claims is not kept waiting by somebody who holds the deliveries that are due longest: a claimer that hangs in the
// middle, or a report that is just being recorded.
func TestClaims_PassOverWhatIsLocked(t *testing.T) {
	ownerURL, application := roles(t)
	key := newKeyFor(t, application.URL, "worker", allScopes)
	holder := connect(t, ownerURL)
	addDue(t, holder)
	r := newReplica(t, application.URL, "NUMORA_DRAIN_DELAY=0s")
	r.launch(binary)
	awaitReady(t, r)
	execute(t, holder, "BEGIN", "SELECT 1 FROM deliveries ORDER BY due_at LIMIT 150 FOR UPDATE")
	got, err := claimFrom(t.Context(), r, key, 20)
	check(t, err)
	if len(got.Data) != 20 || got.Data[0].DocumentID != "paper-151" {
		t.Errorf("%d were handed out, the first of them %+v, want 20 from the 151st on", len(got.Data), got.Data[:min(1, len(got.Data))])
	}
	execute(t, holder, "ROLLBACK")
	if got, err = claimFrom(t.Context(), r, key, 1); err != nil || len(got.Data) != 1 || got.Data[0].DocumentID != "paper-1" {
		t.Errorf("got %+v, error %v, want the first", got, err)
	}
}
