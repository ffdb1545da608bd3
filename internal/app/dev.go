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
)

// prepareDev makes what the README's first steps need, where it is missing, and says where it is.
func prepareDev(ctx context.Context, db *store.Store, authenticator *apikey.Authenticator, address net.Addr, screen io.Writer) error {
	if err := ensureDevKey(ctx, db, authenticator); err != nil {
		return fmt.Errorf("prepare %s: %w", devKeyFile, err)
	}
	if err := ensureDevDocument(ctx, db); err != nil {
		return fmt.Errorf("register the example document: %w", err)
	}
	_, err := fmt.Fprintf(screen, `
Numora Delivery listens on http://%[1]s
  explore the API    http://%[1]s/docs/
  API key            %[2]s, with all scopes
  example document   %[3]s
Stop it with Ctrl-C; start over with: rm -rf data

`, address, devKeyFile, devDocumentID)
	return err
}

// ensureDevKey makes a key unless the file holds one that this database knows.
func ensureDevKey(ctx context.Context, db *store.Store, authenticator *apikey.Authenticator) error {
	content, err := os.ReadFile(devKeyFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err = authenticator.Authenticate(ctx, []string{"Bearer " + strings.TrimSpace(string(content))})
	if !errors.Is(err, apikey.ErrUnauthorized) {
		return err
	}
	key, text, err := apikey.New(apikey.Test, "dev", apikey.Scopes(), delivery.NewInstant(time.Now()), time.Time{})
	if err != nil {
		return err
	}
	// Written beside and moved, so that the file is never half there nor, for a moment, readable by others.
	fresh := devKeyFile + ".new"
	if err := os.WriteFile(fresh, []byte(text+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(fresh, devKeyFile); err != nil {
		return err
	}
	return db.AddKey(ctx, key)
}

func ensureDevDocument(ctx context.Context, db *store.Store) error {
	_, err := db.Document(ctx, devDocumentID)
	if !errors.Is(err, delivery.ErrDocumentNotFound) {
		return err
	}
	_, _, err = db.PutDocument(ctx, devDocumentID, delivery.Registration{
		Schema: "invoice", Stage: delivery.Reviewed, Providers: []string{"dynamics365"},
	}, nil)
	return err
}
