package app

import (
	"context"
	"errors"
	"fmt"
	"io"
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

	// An attempt under the id of the contract's example, on a document of its own: nothing is reported yet of the first.
	devDeliveredID = "doc_delivered"
	devAttemptID   = "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55"
)

// prepareDev makes what the README's first steps and the contract's examples need, where it is missing, and says
// where it is: url is the server's, and withDocs tells whether Swagger UI is served.
func prepareDev(ctx context.Context, db *store.Store, authenticator *apikey.Authenticator, url string, withDocs bool, screen io.Writer) error {
	key, err := ensureDevKey(ctx, db, authenticator)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", devKeyFile, err)
	}
	if err := ensureDevDocument(ctx, db); err != nil {
		return fmt.Errorf("register the example document: %w", err)
	}
	if err := ensureDevDelivered(ctx, db, key); err != nil {
		return fmt.Errorf("record the example attempt: %w", err)
	}
	docs := ""
	if withDocs {
		docs = fmt.Sprintf("\n  explore the API    %s/docs/", url)
	}
	_, err = fmt.Fprintf(screen, `
Numora Delivery listens on %s%s
  API key            %s, with all scopes
  example document   %s
  a delivered one    %s, by the attempt %s
Stop it with Ctrl-C; start over with: rm -rf data

`, url, docs, devKeyFile, devDocumentID, devDeliveredID, devAttemptID)
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
	return key, db.AddKey(ctx, key, operator())
}

// devRegistration is what the example documents are registered as.
var devRegistration = delivery.Registration{Schema: "invoice", Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}

func ensureDevDocument(ctx context.Context, db *store.Store) error {
	_, err := db.Document(ctx, devDocumentID)
	if !errors.Is(err, delivery.ErrDocumentNotFound) {
		return err
	}
	_, _, err = db.PutDocument(ctx, devDocumentID, devRegistration, nil)
	return err
}

// ensureDevDelivered registers a document and records what a worker with the key would have reported of it, both or
// none. A document that has its id already is somebody's own, and is left alone.
func ensureDevDelivered(ctx context.Context, db *store.Store, key apikey.Key) error {
	_, err := db.Document(ctx, devDeliveredID)
	if !errors.Is(err, delivery.ErrDocumentNotFound) {
		return err
	}
	_, err = db.Record(ctx, []delivery.Attempt{{
		ID: devAttemptID,
		Report: delivery.Report{
			DocumentID: devDeliveredID, Provider: "dynamics365", Status: delivery.Succeeded, ExecutionID: "n8n-811-" + devDeliveredID,
			AttemptedAt: time.Date(2026, time.March, 24, 3, 0, 0, 0, time.UTC), ExternalRecordID: "crm-row-001",
		},
		RequestID: "serve-dev", RecordedBy: delivery.Principal{KeyID: key.ID, Name: key.Name},
	}}, &devRegistration)
	return err
}
