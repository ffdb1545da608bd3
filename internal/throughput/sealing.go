package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
)

// unnoted takes what notes attempts for sealing out of a database: what a report costs where nothing is ever sealed.
var unnoted = map[string]string{
	"PostgreSQL": "DROP TRIGGER numora_unsealed ON delivery_attempts", "SQLite": "DROP TRIGGER delivery_attempts_unsealed",
}

// measureSealing measures new reports on a server that seals, as it does by default, in turn with one whose database does not even
// note what is to be sealed, for each engine.
func measureSealing(ctx context.Context, b *bench) (rows []row, err error) {
	keyFile := filepath.Join(b.program.Directory, "audit.key")
	secret, _, err := note.GenerateKey(rand.Reader, "numora.example/bench")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, []byte(secret), 0o600); err != nil {
		return nil, err
	}
	sealing := "NUMORA_AUDIT_KEY_FILE=" + keyFile
	measure := func(engine string, plain, sealed *target) error {
		load := running{kind: newReports, connections: 64}
		found, err := inTurn(ctx, b.rounds, b.of(engine+", nothing is sealed", plain, load), b.of(engine+", sealed", sealed, load))
		if err == nil {
			rows = append(rows, b.row("new reports, "+engine+", nothing is sealed", 64, found[0]),
				b.row("new reports, "+engine+", sealed", 64, found[1]).atLeast(found[1].ratioTo(found[0]), "nothing sealed", 0.97))
		}
		return err
	}
	err = b.onPostgres(ctx, 0, 1, func(plain *target) error {
		connection, err := pgx.Connect(ctx, plain.databaseURL)
		if err != nil {
			return err
		}
		_, err = connection.Exec(ctx, unnoted["PostgreSQL"])
		if err := errors.Join(err, connection.Close(ctx)); err != nil {
			return err
		}
		return b.onPostgres(ctx, 0, 1, func(sealed *target) error { return measure("PostgreSQL", plain, sealed) }, sealing)
	})
	if err != nil {
		return rows, err
	}
	var servers [2]*target
	for i, setting := range []string{"", sealing} {
		file := filepath.Join(b.program.Directory, []string{"plain.db", "sealed.db"}[i])
		if servers[i], err = b.onSQLite(ctx, file, setting); err != nil {
			return rows, err
		}
		defer func() { err = errors.Join(err, servers[i].stop()) }()
	}
	return rows, measure("SQLite", servers[0], servers[1])
}

// onSQLite starts a server on a file with the registered documents; without a setting nothing is noted there.
func (b *bench) onSQLite(ctx context.Context, file, setting string) (*target, error) {
	key, err := b.program.Prepare(ctx, "sqlite:"+file)
	if err != nil {
		return nil, err
	}
	if err := fillSQLite(ctx, file); err != nil {
		return nil, err
	}
	if setting != "" {
		return b.start(ctx, "sqlite:"+file, key, 1, setting)
	}
	var db *sql.DB
	if db, err = openSQLite(file); err == nil {
		_, err = db.ExecContext(ctx, unnoted["SQLite"])
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return nil, err
	}
	return b.start(ctx, "sqlite:"+file, key, 1)
}
