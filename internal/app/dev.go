package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store"
)

const (
	devFolder     = "data"
	devKeyFile    = devFolder + "/dev.key"
	devDocumentID = "4be38121-3791-4856-80d5-c57dbec2cf78"

	// The contract's example of an attempt, on a document of its own: nothing is reported yet of the first one.
	devDeliveredID = "doc_delivered"
	devAttemptID   = "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55"
)

// prepareDev makes what the README's first steps and the contract's examples need, where it is missing, and says
// where it is.
func prepareDev(ctx context.Context, db *store.Store, authenticator *apikey.Authenticator, address net.Addr, screen io.Writer) error {
	key, err := ensureDevKey(ctx, db, authenticator)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", devKeyFile, err)
	}
	for _, id := range []string{devDocumentID, devDeliveredID} {
		if err := ensureDevDocument(ctx, db, id); err != nil {
			return fmt.Errorf("register the example document %s: %w", id, err)
		}
	}
	if err := ensureDevAttempt(ctx, db, key); err != nil {
		return fmt.Errorf("record the example attempt: %w", err)
	}
	_, err = fmt.Fprintf(screen, `
Numora Delivery listens on http://%[1]s
  explore the API    http://%[1]s/docs/
  API key            %[2]s, with all scopes
  example document   %[3]s
  a delivered one    %[4]s, by the attempt %[5]s
Stop it with Ctrl-C; start over with: rm -rf data

`, address, devKeyFile, devDocumentID, devDeliveredID, devAttemptID)
	return err
}

// ensureDevKey returns the key in the file, if this database knows it, or makes one.
func ensureDevKey(ctx context.Context, db *store.Store, authenticator *apikey.Authenticator) (apikey.Key, error) {
	content, err := os.ReadFile(devKeyFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return apikey.Key{}, err
	}
	key, err := authenticator.Authenticate(ctx, []string{"Bearer " + strings.TrimSpace(string(content))})
	if !errors.Is(err, apikey.ErrUnauthorized) {
		return key, err
	}
	key, text, err := apikey.New(apikey.Test, "dev", apikey.Scopes(), delivery.NewInstant(time.Now()), time.Time{})
	if err != nil {
		return apikey.Key{}, err
	}
	// Written beside and moved, so that the file is never half there nor, for a moment, readable by others.
	fresh := devKeyFile + ".new"
	if err := os.WriteFile(fresh, []byte(text+"\n"), 0o600); err != nil {
		return apikey.Key{}, err
	}
	if err := os.Rename(fresh, devKeyFile); err != nil {
		return apikey.Key{}, err
	}
	return key, db.AddKey(ctx, key)
}

func ensureDevDocument(ctx context.Context, db *store.Store, id string) error {
	_, err := db.Document(ctx, id)
	if !errors.Is(err, delivery.ErrDocumentNotFound) {
		return err
	}
	_, _, err = db.PutDocument(ctx, id, delivery.Registration{
		Schema: "invoice", Stage: delivery.Reviewed, Providers: []string{"dynamics365"},
	}, nil)
	return err
}

// ensureDevAttempt records what a worker with the key would have reported. Recorded once, it is a replay ever after;
// the one who used its execution id for something else does without the example.
func ensureDevAttempt(ctx context.Context, db *store.Store, key apikey.Key) error {
	_, err := db.Record(ctx, []delivery.Attempt{{
		ID: devAttemptID,
		Report: delivery.Report{
			DocumentID: devDeliveredID, Provider: "dynamics365", Status: delivery.Succeeded, ExecutionID: "n8n-811-" + devDeliveredID,
			AttemptedAt: time.Date(2026, time.March, 24, 3, 0, 0, 0, time.UTC), ExternalRecordID: "crm-row-001",
		},
		RequestID: "serve-dev", RecordedBy: delivery.RecordedBy{KeyID: key.ID, Name: key.Name},
	}}, nil)
	return err
}
