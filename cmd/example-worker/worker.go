package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

type worker struct {
	settings
	numora *deliveryclient.Client
	http   *http.Client // for the destination
	log    *slog.Logger
	slots  chan struct{} // one taken by each delivery that is being worked on
	third  time.Duration // of a lease
	pause  time.Duration // before a request is sent again for the first time
}

func newWorker(chosen settings, key string, log *slog.Logger) (*worker, error) {
	// A redirected POST may arrive as a GET, whose answer says nothing of the write.
	asItIs := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+key)
		return nil
	}
	numora, err := deliveryclient.NewClient(chosen.Server, deliveryclient.WithRequestEditorFn(authorize),
		deliveryclient.WithHTTPClient(&http.Client{Timeout: 15 * time.Second, CheckRedirect: asItIs}))
	return &worker{
		settings: chosen,
		numora:   numora,
		http:     &http.Client{CheckRedirect: asItIs},
		log:      log,
		slots:    make(chan struct{}, max(1, chosen.Parallel)),
		third:    time.Duration(chosen.Lease) * time.Second / 3,
		pause:    200 * time.Millisecond,
	}, err
}

// run claims and delivers until stop ends; then it finishes what has begun and gives back the rest. An error is
// the server's refusal of a claim.
func (w *worker) run(stop context.Context) error {
	// What has begun outlives the order to stop, by the grace.
	work, end := context.WithCancel(context.WithoutCancel(stop))
	defer end()
	defer context.AfterFunc(stop, func() { time.AfterFunc(w.Grace, end) })()
	var working sync.WaitGroup
	defer working.Wait()
	for stop.Err() == nil {
		items, err := w.claim(stop, work)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			wait(stop, w.Poll)
			continue
		}
		var waiting sync.WaitGroup // for a slot; nothing more is claimed meanwhile
		waiting.Add(len(items))
		for _, item := range items {
			working.Go(func() { w.deliver(stop, work, item, waiting.Done) })
		}
		waiting.Wait()
	}
	return nil
}

// claim asks for leases until the server answers; none when stop ends before.
func (w *worker) claim(stop, work context.Context) ([]deliveryclient.ClaimedDelivery, error) {
	request := deliveryclient.ClaimRequest{Provider: w.Provider, Limit: &w.Batch, LeaseSeconds: &w.Lease, Worker: &w.Name}
	got, err := w.insist(stop, w.log, func() (*http.Response, error) {
		return w.numora.ClaimDeliveries(work, nil, request) // not cut off by stop: the answer has leases to release
	})
	if err != nil {
		return nil, nil
	}
	if got.status != http.StatusOK {
		return nil, fmt.Errorf("claims are refused: %s", got.problem())
	}
	var claimed deliveryclient.ClaimedDeliveries
	if err := json.Unmarshal(got.body, &claimed); err != nil {
		return nil, fmt.Errorf("the answer to a claim: %w", err)
	}
	return claimed.Data, nil
}
