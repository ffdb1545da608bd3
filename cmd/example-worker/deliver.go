package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/numora/delivery/gen/deliveryclient"
)

// deliver waits for a slot, writes the document and reports what came of it. It calls begun when it waits no more.
func (w *worker) deliver(stop, work context.Context, item deliveryclient.ClaimedDelivery, begun func()) {
	log := w.log.With("document_id", item.DocumentID, "execution_id", item.ExecutionID, "try", item.Tries)
	leased, over := context.WithCancelCause(work)
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer over(nil)
	keeping.Go(func() { w.keepLease(leased, over, log, item.ExecutionID) })

	select {
	case <-stop.Done():
	case <-leased.Done():
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	}
	begun()
	if stop.Err() != nil {
		w.release(work, log, item.ExecutionID)
		return
	}

	report := deliveryclient.DeliveryReport{
		Provider: item.Provider, ExecutionID: item.ExecutionID, AttemptedAt: time.Now().UTC(), // fixed, however often it is sent
	}
	recordID, err := w.write(leased, item)
	switch refusal := (*failure)(nil); {
	case err == nil:
		report.Status, report.ExternalRecordID = deliveryclient.DeliveryStatusSucceeded, &recordID
	case errors.As(err, &refusal):
		report.Status, report.ErrorCode, report.ErrorMessage = deliveryclient.DeliveryStatusFailed, &refusal.code, &refusal.message
	default: // the lease is over or the grace is: what came of the write is for the next worker to find out
		log.Warn("given up", "why", context.Cause(leased))
		return
	}
	w.report(work, log, item.DocumentID, report)
}

// keepLease extends the lease until ctx ends. It calls over when the lease is.
func (w *worker) keepLease(ctx context.Context, over context.CancelCauseFunc, log *slog.Logger, executionID string) {
	for wait(ctx, w.third) {
		got, err := w.insist(ctx, log, func() (*http.Response, error) {
			return w.numora.ExtendClaim(ctx, executionID, nil, deliveryclient.LeaseExtension{LeaseSeconds: &w.Lease})
		})
		if err == nil && got.status != http.StatusOK {
			over(errors.New(got.problem()))
		}
	}
}

func (w *worker) release(ctx context.Context, log *slog.Logger, executionID string) {
	got, err := w.insist(ctx, log, func() (*http.Response, error) { return w.numora.ReleaseClaim(ctx, executionID, nil) })
	if err == nil && got.status != http.StatusOK {
		err = errors.New(got.problem())
	}
	log.Info("given back", "error", err)
}

// report sends the report until it is acknowledged, or refused for good.
func (w *worker) report(ctx context.Context, log *slog.Logger, documentID string, report deliveryclient.DeliveryReport) {
	log = log.With("outcome", report.Status)
	got, err := w.insist(ctx, log, func() (*http.Response, error) { return w.numora.RecordDelivery(ctx, documentID, nil, report) })
	switch {
	case err != nil:
		log.Error("stopped before the report was acknowledged")
	case got.status == http.StatusCreated, got.status == http.StatusOK:
		log.Info("reported", "replayed", got.status == http.StatusOK)
	default:
		log.Error("the report is refused", "error", got.problem())
	}
}
