package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// Migrations run while servers of the version before go on serving. So they only add, which migrations_test.go
// holds them to, and on PostgreSQL what they lock they lock briefly: NO TRANSACTION, one ALTER for each table with
// IF NOT EXISTS, and an index on a table with rows by CREATE INDEX CONCURRENTLY, after DROP INDEX CONCURRENTLY IF
// EXISTS, with lock_timeout = 0. internal/app/testdata/newer is an example.
//
//go:embed migrations
var migrations embed.FS

// schemaVersion is the schema level this binary needs: the number of its last migration. Within a major
// version migrations only add, so a newer schema serves too.
const schemaVersion = 12

// Migrate brings the schema up to what this binary needs, and grants Options.ApplicationRole its rights. Any number of
// processes may call it at once. It returns ErrNotOwner to a role that the tables do not belong to.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.engine.migrate(ctx, s.options.MigrationWaits); err != nil {
		return s.translate(fmt.Errorf("migrate the database: %w", err))
	}
	return nil
}

func migrateUp(ctx context.Context, dialect goose.Dialect, pool *sql.DB, options ...goose.ProviderOption) error {
	folder := map[goose.Dialect]string{goose.DialectPostgres: "migrations/postgres", goose.DialectSQLite3: "migrations/sqlite"}[dialect]
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, pool, files, append(options, goose.WithDisableGlobalRegistry(true))...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// migrationRow is goose's own table, as far as readiness looks at it.
type migrationRow struct {
	VersionID int64
	IsApplied bool
}

func (migrationRow) TableName() string { return "goose_db_version" }

// checkSchema returns nil when the schema is at least at schemaVersion.
func (s *Store) checkSchema(ctx context.Context) error {
	version, err := s.schemaFound(ctx)
	switch {
	case err != nil:
		return err
	case version < schemaVersion:
		return fmt.Errorf("the database schema is at version %d, this binary needs %d; run numora-delivery migrate", version, schemaVersion)
	}
	return nil
}

// Schema returns the version of the schema that was found and the one that is needed.
func (s *Store) Schema(ctx context.Context) (found, needed int64, err error) {
	found, err = s.schemaFound(ctx)
	return found, schemaVersion, err
}

func (s *Store) schemaFound(ctx context.Context) (version int64, err error) {
	db := s.prober.WithContext(ctx)
	err = db.Model(&migrationRow{}).Where("is_applied").Select("coalesce(max(version_id), 0)").Row().Scan(&version)
	if err != nil && s.sort(err) == none && !db.Migrator().HasTable(&migrationRow{}) {
		return 0, errors.New("the database has no schema yet; run numora-delivery migrate")
	}
	return version, s.translate(err)
}
