package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store"
)

// withStore opens the database that the settings name, for do.
func withStore(database config.Database, options store.Options, do func(db *store.Store) error) error {
	databaseURL, err := database.Check(store.CheckURL)
	if err != nil {
		return err
	}
	return withStoreAt(databaseURL, options, do)
}

func withStoreAt(databaseURL string, options store.Options, do func(db *store.Store) error) error {
	db, err := store.Open(databaseURL, options)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

// forKeys opens a database for work on its keys. That it may lose what is acknowledged matters to reports;
// keys may be made there.
var forKeys = store.Options{AllowLossy: true}

// Migrate brings the schema of a database up to what this binary needs. It says on screen what it waits for.
func Migrate(ctx context.Context, database config.Database, roles config.Roles, screen io.Writer) error {
	databaseURL, err := database.Check(store.CheckURL)
	if err != nil {
		return err
	}
	if problems := roles.Problems(databaseURL); len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	options := store.Options{Create: true, ApplicationRole: roles.ApplicationRole, MigrationWaits: func(reason error) {
		_, _ = fmt.Fprintln(screen, "not done yet:", reason)
	}}
	return withStoreAt(databaseURL, options, func(db *store.Store) error { return db.Migrate(ctx) })
}

// NewKey is what a key is made from.
type NewKey struct {
	Name      string
	Scopes    []string
	ExpiresIn time.Duration // 0: never
	Test      bool
}

// CreateKey makes an API key and writes its text, which nobody can read again, to out.
func CreateKey(ctx context.Context, database config.Database, wanted NewKey, out io.Writer) error {
	var problems []string
	if !validKeyName(wanted.Name) {
		problems = append(problems, "a key's name has 1 to 100 characters and no control characters")
	}
	scopes, err := apikey.ParseScopes(wanted.Scopes)
	if err != nil {
		problems = append(problems, err.Error())
	}
	if wanted.ExpiresIn < 0 {
		problems = append(problems, "a key cannot expire in the past")
	}
	if len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	kind, now := apikey.Live, delivery.NewInstant(time.Now())
	if wanted.Test {
		kind = apikey.Test
	}
	var expiresAt time.Time
	if wanted.ExpiresIn > 0 {
		expiresAt = now.Add(wanted.ExpiresIn)
	}
	key, text, err := apikey.New(kind, wanted.Name, scopes, now, expiresAt)
	if err != nil {
		return err
	}
	return withStore(database, forKeys, func(db *store.Store) error {
		if err := db.AddKey(ctx, key); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, text)
		return err
	})
}

func validKeyName(name string) bool {
	length := utf8.RuneCountInString(name)
	return utf8.ValidString(name) && length >= 1 && length <= 100 && !strings.ContainsFunc(name, unicode.IsControl)
}

// ListKeys writes all API keys to out, without their secrets, which are not stored.
func ListKeys(ctx context.Context, database config.Database, asJSON bool, out io.Writer) error {
	return withStore(database, forKeys, func(db *store.Store) error {
		keys, err := db.Keys(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return writeKeysJSON(out, keys)
		}
		return writeKeysTable(out, keys, time.Now())
	})
}

func writeKeysTable(out io.Writer, keys []apikey.Key, now time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tKIND\tNAME\tSTATE\tSCOPES\tCREATED\tEXPIRES\tREVOKED")
	for _, key := range keys {
		state := "usable"
		switch {
		case !key.RevokedAt.IsZero():
			state = "revoked"
		case !key.Usable(now):
			state = "expired"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Kind, key.Name, state,
			apikey.JoinScopes(key.Scopes, ","), instantOr("", key.CreatedAt), instantOr("never", key.ExpiresAt), instantOr("-", key.RevokedAt))
	}
	return table.Flush() // says what went wrong above, too
}

func writeKeysJSON(out io.Writer, keys []apikey.Key) error {
	type entry struct {
		ID        string         `json:"id"`
		Kind      apikey.Kind    `json:"kind"`
		Name      string         `json:"name"`
		Scopes    []apikey.Scope `json:"scopes"`
		CreatedAt time.Time      `json:"created_at"`
		ExpiresAt *time.Time     `json:"expires_at"`
		RevokedAt *time.Time     `json:"revoked_at"`
	}
	entries := make([]entry, len(keys))
	for i, key := range keys {
		entries[i] = entry{key.ID, key.Kind, key.Name, key.Scopes, key.CreatedAt, orNull(key.ExpiresAt), orNull(key.RevokedAt)}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(entries)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func instantOr(none string, t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.Format(time.RFC3339)
}

// RevokeKey revokes an API key by its id. One that is revoked already stays as it is.
func RevokeKey(ctx context.Context, database config.Database, id string) error {
	return withStore(database, forKeys, func(db *store.Store) error {
		err := db.RevokeKey(ctx, id, delivery.NewInstant(time.Now()))
		if errors.Is(err, apikey.ErrNotFound) {
			return fmt.Errorf("no API key has the id %q; \"numora-delivery keys list\" shows them", id)
		}
		return err
	})
}
