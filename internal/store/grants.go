package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// On PostgreSQL two roles are better than one. The one owns the tables and migrates; servers connect as the other, the
// application's, which may do what a server does and no more: it can neither change what is recorded nor take it away, nor
// switch off the triggers that refuse that.

var (
	// ErrNotOwner says that nothing was migrated since the tables belong to another role, or are to.
	ErrNotOwner = errors.New("the tables belong to another role, which has to migrate them")
	// ErrApplicationOwns says that the application's role could rewrite what is recorded.
	ErrApplicationOwns = errors.New("NUMORA_APPLICATION_ROLE owns the tables, and could change what is recorded: give them to another role (ALTER TABLE ... OWNER TO)")
)

// grants are what the application's role may do: to the tables that follow.
var grants = []struct{ rights, tables string }{
	{"SELECT, INSERT, UPDATE", "documents, deliveries, claims, api_keys"},
	{"SELECT, INSERT", "delivery_attempts, audit_entries, audit_leaves, audit_checkpoints"},
	{"SELECT, DELETE", "audit_unsealed"},
	{"SELECT", "goose_db_version"},
}

// grantLock puts those in a row that grant at once: PostgreSQL lets only one of them change the rights to a table, and fails
// the others.
const grantLock = "SELECT pg_advisory_xact_lock(hashtext('numora-delivery grants'))"

// grant gives the application's role, if there is one, its rights, all or none. To give what is given already changes nothing.
func (e *postgresEngine) grant(ctx context.Context, pool *sql.DB) error {
	if e.applicationRole == "" {
		return nil
	}
	var schema string
	if err := pool.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	role := pgx.Identifier{e.applicationRole}.Sanitize()
	statements := []string{grantLock, "GRANT USAGE ON SCHEMA " + pgx.Identifier{schema}.Sanitize() + " TO " + role}
	for _, g := range grants {
		statements = append(statements, "GRANT "+g.rights+" ON "+g.tables+" TO "+role)
	}
	if _, err := pool.ExecContext(ctx, strings.Join(statements, "; ")); err != nil {
		return fmt.Errorf("grant the application's role its rights: %w", err)
	}
	return nil
}

// checkOwner returns ErrNotOwner to the application's role, where it is named, and where there are tables that belong to
// another role than the connected one; ErrApplicationOwns where they belong to the application's.
func (e *postgresEngine) checkOwner(ctx context.Context, pool *sql.DB) error {
	var application, another, owned bool
	row := pool.QueryRowContext(ctx, `SELECT current_user = $1,
		coalesce(bool_or(NOT pg_has_role(relowner, 'USAGE')), false), coalesce(bool_or(pg_get_userbyid(relowner) = $1), false)
		FROM pg_class WHERE oid IN (to_regclass('goose_db_version'), to_regclass('delivery_attempts'), to_regclass('audit_entries'),
			to_regclass('audit_leaves'), to_regclass('audit_checkpoints'), to_regclass('audit_unsealed'))`, e.applicationRole)
	if err := row.Scan(&application, &another, &owned); err != nil {
		return err
	}
	switch {
	case owned:
		return ErrApplicationOwns
	case application || another:
		return ErrNotOwner
	}
	return nil
}
