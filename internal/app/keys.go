package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
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
		if err := db.AddKey(ctx, key, operator()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, text)
		return err
	})
}

// maxOverlap is for how long at most a key works beside its successor.
const maxOverlap = 7 * 24 * time.Hour

// Rotation is how a key is rotated.
type Rotation struct {
	ID        string
	Overlap   time.Duration // for how long the key goes on working beside its successor
	ExpiresIn time.Duration // of the successor; 0: as long as the key was made for
}

// RotateKey makes the successor of an API key and writes its text, which nobody can read again, to out; to screen it says
// until when the old key works.
func RotateKey(ctx context.Context, database config.Database, rotation Rotation, out, screen io.Writer) error {
	var problems []string
	if rotation.Overlap < 0 || rotation.Overlap > maxOverlap {
		problems = append(problems, fmt.Sprintf("the overlap must be between 0s and %v", maxOverlap))
	}
	if rotation.ExpiresIn < 0 {
		problems = append(problems, "a key cannot expire in the past")
	}
	if len(problems) > 0 {
		return &config.Error{Problems: problems}
	}
	rotation.ID = keyID(rotation.ID)
	return withStore(database, forKeys, func(db *store.Store) error {
		old, err := db.Key(ctx, rotation.ID)
		if err != nil {
			return explainKey(err, rotation.ID)
		}
		now := delivery.NewInstant(time.Now())
		lifetime := rotation.ExpiresIn
		if lifetime == 0 && !old.ExpiresAt.IsZero() {
			lifetime = old.ExpiresAt.Sub(old.CreatedAt)
		}
		var expiresAt time.Time
		if lifetime > 0 {
			expiresAt = now.Add(lifetime)
		}
		successor, text, err := old.Successor(now, expiresAt)
		if err != nil {
			return err
		}
		until := now.Add(rotation.Overlap)
		if err := db.RotateKey(ctx, old.ID, successor, until, operator()); err != nil {
			return explainKey(err, rotation.ID)
		}
		if !old.ExpiresAt.IsZero() && old.ExpiresAt.Before(until) {
			until = old.ExpiresAt
		}
		_, _ = fmt.Fprintf(screen, "%s works until %s; its successor %s:\n", old.ID, until.Format(time.RFC3339), successor.ID)
		_, err = fmt.Fprintln(out, text)
		return err
	})
}

// operator is who runs this command, as this machine knows them: by the number, and the name that its list of users has
// for it. What the environment says is anybody's.
func operator() string {
	uid := strconv.Itoa(os.Getuid())
	name := "uid " + uid
	if known, err := user.LookupId(uid); err == nil {
		name = fmt.Sprintf("%s (uid %s)", known.Username, uid)
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return strings.ToValidUTF8(name, "?")
}

// keyID is the id that a command names a key by, also where somebody has pasted the whole key.
func keyID(text string) string {
	if id, whole := apikey.ParseID(text); whole {
		return id
	}
	return text
}

// explainKey says of an error about one key what to do.
func explainKey(err error, id string) error {
	id = apikey.Redact(id)
	switch {
	case errors.Is(err, apikey.ErrNotFound):
		return fmt.Errorf("no API key has the id %q; \"numora-delivery keys list\" shows them", id)
	case errors.Is(err, apikey.ErrNotUsable):
		return fmt.Errorf("the API key %s is revoked or expired; make a new one with \"numora-delivery keys create\"", id)
	case errors.Is(err, apikey.ErrRotated):
		return fmt.Errorf("the API key %s was rotated before; rotate its successor, which \"numora-delivery keys list\" shows", id)
	}
	return err
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
	_, _ = fmt.Fprintln(table, "ID\tKIND\tNAME\tSTATE\tSCOPES\tCREATED\tLAST USED\tEXPIRES\tREVOKED\tSUCCESSOR")
	for _, key := range keys {
		state := "usable"
		switch {
		case !key.RevokedAt.IsZero():
			state = "revoked"
		case !key.Usable(now):
			state = "expired"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Kind, key.Name, state,
			apikey.JoinScopes(key.Scopes, ","), instantOr("", key.CreatedAt), instantOr("never", key.LastUsedAt),
			instantOr("never", key.ExpiresAt), instantOr("-", key.RevokedAt), cmp.Or(key.SuccessorID, "-"))
	}
	return table.Flush() // says what went wrong above, too
}

func writeKeysJSON(out io.Writer, keys []apikey.Key) error {
	type entry struct {
		ID          string         `json:"id"`
		Kind        apikey.Kind    `json:"kind"`
		Name        string         `json:"name"`
		Scopes      []apikey.Scope `json:"scopes"`
		PrincipalID string         `json:"principal_id"`
		SuccessorID *string        `json:"successor_id"`
		CreatedAt   time.Time      `json:"created_at"`
		LastUsedAt  *time.Time     `json:"last_used_at"`
		ExpiresAt   *time.Time     `json:"expires_at"`
		RevokedAt   *time.Time     `json:"revoked_at"`
	}
	entries := make([]entry, len(keys))
	for i, key := range keys {
		entries[i] = entry{
			ID: key.ID, Kind: key.Kind, Name: key.Name, Scopes: key.Scopes, PrincipalID: key.PrincipalID, SuccessorID: orNull(key.SuccessorID),
			CreatedAt: key.CreatedAt, LastUsedAt: orNull(key.LastUsedAt), ExpiresAt: orNull(key.ExpiresAt), RevokedAt: orNull(key.RevokedAt),
		}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(entries)
}

func orNull[T comparable](value T) *T {
	if value == *new(T) {
		return nil
	}
	return &value
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
		return explainKey(db.RevokeKey(ctx, keyID(id), delivery.NewInstant(time.Now()), operator()), id)
	})
}
