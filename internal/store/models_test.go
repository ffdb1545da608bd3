package store

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// models are all tables of the database but goose's own.
var models = []any{documentRow{}, deliveryRow{}, attemptRow{}, claimRow{}, auditRow{}, keyRow{}, leafRow{}, checkpointRow{}, unsealedRow{}}

// nullable are the columns that may be NULL although their Go type does not say so by itself: an instant is
// written as NULL when it is zero, which most never are.
var nullable = []string{
	"deliveries.latest_effective_at", "deliveries.last_recorded_at", "deliveries.since", "deliveries.due_at",
	"deliveries.lease_expires_at", "deliveries.derived_at", "claims.released_at", "api_keys.expires_at", "api_keys.revoked_at", "api_keys.last_used_at", "audit_entries.ends_at",
}

// column is what the two declarations of a column have to agree on.
type column struct {
	Type     string // as in columnTypes
	Nullable bool
	Key      bool // part of the primary key
}

// columnTypes are the kinds of columns by Go type, and by type name of either engine.
var columnTypes = map[string][]string{
	"text":    {"string", "store.optional", "text", "uuid", "TEXT"}, // a uuid is text to Go and to SQLite
	"boolean": {"bool", "boolean"},
	"integer": {"int", "int64", "integer", "bigint", "smallint", "INTEGER"},
	"instant": {"store.instant", "timestamp with time zone"},
	"bytes":   {"[]uint8", "bytea", "BLOB"},
}

func columnType(t *testing.T, name string) string {
	t.Helper()
	for kind, names := range columnTypes {
		if slices.Contains(names, name) {
			return kind
		}
	}
	t.Fatalf("a column of the type %s, which this test does not know", name)
	return ""
}

// ofSQLite is a type as SQLite can tell it: it keeps instants as text and truth as numbers.
func ofSQLite(kind string) string {
	switch kind {
	case "instant":
		return "text"
	case "boolean":
		return "integer"
	}
	return kind
}

// declared are the columns and unique indexes of the models, by table.
func declared(t *testing.T, s *Store) (columns map[string]map[string]column, indexes []string) {
	t.Helper()
	columns = map[string]map[string]column{}
	for _, model := range models {
		parsed, err := schema.Parse(model, &sync.Map{}, s.writer.NamingStrategy)
		if err != nil {
			t.Fatal(err)
		}
		columns[parsed.Table] = map[string]column{}
		for _, field := range parsed.Fields {
			kind := columnType(t, field.FieldType.String())
			if s.writer.Name() == "sqlite" {
				kind = ofSQLite(kind)
			}
			columns[parsed.Table][field.DBName] = column{
				Type: kind,
				Nullable: field.FieldType == reflect.TypeFor[optional]() ||
					slices.Contains(nullable, parsed.Table+"."+field.DBName),
				Key: field.PrimaryKey,
			}
		}
		for _, index := range parsed.ParseIndexes() {
			var names []string
			for _, field := range index.Fields {
				names = append(names, field.DBName)
			}
			if index.Class == "UNIQUE" {
				indexes = append(indexes, describeIndex(index.Name, parsed.Table, strings.Join(names, ",")))
			}
		}
	}
	slices.Sort(indexes)
	return columns, indexes
}

func describeIndex(name, table, columns string) string {
	return fmt.Sprintf("%s on %s (%s)", name, table, columns)
}

// Where the engines keep what the migrations made.
var catalogs = map[string]struct{ columns, indexes string }{
	"sqlite": {
		columns: `SELECT t.name AS "table", c.name AS name, c.type AS type, NOT c."notnull" AS nullable, c.pk > 0 AS "key"
			FROM sqlite_schema t JOIN pragma_table_info(t.name) c
			WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'`,
		indexes: `SELECT i.name AS name, t.name AS "table", (SELECT group_concat(name) FROM pragma_index_info(i.name)) AS columns
			FROM sqlite_schema t JOIN pragma_index_list(t.name) i
			WHERE t.type = 'table' AND i."unique" AND i.origin <> 'pk'`,
	},
	"postgres": {
		columns: `SELECT c.table_name AS "table", c.column_name AS name, c.data_type AS type, c.is_nullable = 'YES' AS nullable,
				EXISTS (SELECT 1 FROM information_schema.table_constraints p
					JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
					WHERE p.constraint_type = 'PRIMARY KEY' AND p.table_schema = c.table_schema
					AND k.table_name = c.table_name AND k.column_name = c.column_name) AS "key"
			FROM information_schema.columns c WHERE c.table_schema = current_schema()`,
		indexes: `SELECT n.relname AS name, i.indrelid::regclass::text AS "table",
				(SELECT string_agg(a.attname, ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = n.oid) AS columns
			FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid
			WHERE i.indisunique AND NOT i.indisprimary AND n.relnamespace = current_schema()::regnamespace`,
	},
}

func TestModels_AgreeWithTheMigratedSchema(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		s := migrated(t, url)
		wantColumns, wantIndexes := declared(t, s)
		catalog := catalogs[s.writer.Name()]

		var found []struct {
			Table, Name, Type string
			Nullable, Key     bool
		}
		if err := s.reader.Raw(catalog.columns).Scan(&found).Error; err != nil {
			t.Fatal(err)
		}
		columns := map[string]map[string]column{}
		for _, c := range found {
			if c.Table == (migrationRow{}).TableName() {
				continue
			}
			if columns[c.Table] == nil {
				columns[c.Table] = map[string]column{}
			}
			columns[c.Table][c.Name] = column{columnType(t, c.Type), c.Nullable, c.Key}
		}
		for _, table := range union(columns, wantColumns) {
			for _, name := range union(columns[table], wantColumns[table]) {
				got, migrated := columns[table][name]
				want, modelled := wantColumns[table][name]
				if got != want || migrated != modelled {
					t.Errorf("%s.%s: migrated %t as %+v, modelled %t as %+v", table, name, migrated, got, modelled, want)
				}
			}
		}

		var unique []struct{ Name, Table, Columns string }
		if err := s.reader.Raw(catalog.indexes).Scan(&unique).Error; err != nil {
			t.Fatal(err)
		}
		var indexes []string
		for _, u := range unique {
			if u.Table != (migrationRow{}).TableName() {
				indexes = append(indexes, describeIndex(u.Name, u.Table, u.Columns))
			}
		}
		slices.Sort(indexes)
		if !slices.Equal(indexes, wantIndexes) {
			t.Errorf("unique indexes: migrated %v, modelled %v", indexes, wantIndexes)
		}
		// The promise itself, by the name that the design gives it.
		if promise := "delivery_attempts_execution_id_key on delivery_attempts (execution_id)"; !slices.Contains(indexes, promise) {
			t.Errorf("%v lacks %s", indexes, promise)
		}
	})
}

// A report moves a delivery on by the columns of its standing alone: those that say so must be those that it sets.
func TestModels_StandingColumns_AreThoseThatAStandingSets(t *testing.T) {
	at := instant{recordedAt(1)}
	set := deliveryRow{}
	set.setStanding(delivery.Standing{
		Touched: true, Tries: 1, Settled: true, Since: at.Time, LastRecordedAt: at.Time, Resting: delivery.Exhausted, DueAt: at.Time,
		Latest: &delivery.Latest{AttemptID: attemptID(1), Status: delivery.Failed, EffectiveAt: at.Time},
		Lease:  &delivery.Lease{ExecutionID: "clm_1", ExpiresAt: at.Time},
	}, at)
	values := reflect.ValueOf(set)
	for _, field := range deliveryColumns {
		isSet, isStanding := !values.FieldByName(field.Name).IsZero(), slices.Contains(standingColumns, field)
		if isSet != isStanding {
			t.Errorf("%s: set is %t, a column of the standing %t", field.DBName, isSet, isStanding)
		}
	}
}

// The statements that are shaped by hand give every column what it takes: an array of its type or, for a uuid, of texts.
func TestModels_HandShapedStatements_AgreeWithTheMigratedSchema(t *testing.T) {
	s := migrated(t, storetest.Postgres(t))
	for _, table := range []struct {
		name string
		columns
	}{{"deliveries", movedColumns}, {"delivery_attempts", attemptColumns}} {
		var migrated []struct{ Name, Type string }
		err := s.reader.Raw(`SELECT column_name AS name, data_type AS type FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name = ?`, table.name).Scan(&migrated).Error
		if err != nil {
			t.Fatal(err)
		}
		types := make(map[string]string)
		for _, column := range migrated {
			types[column.Name] = column.Type
		}
		var given []struct{ Name, Type string }
		err = s.writer.Connection(func(db *gorm.DB) error {
			db = db.Session(&gorm.Session{NewDB: true})
			if err := db.Exec("PREPARE shaped AS " + numbered("SELECT * FROM "+table.unnested("given"))).Error; err != nil {
				return err
			}
			for i, field := range table.columns {
				var parameter string
				if err := db.Raw("SELECT parameter_types[?]::text FROM pg_prepared_statements WHERE name = 'shaped'", i+1).Row().Scan(&parameter); err != nil {
					return err
				}
				given = append(given, struct{ Name, Type string }{field.DBName, parameter})
			}
			return db.Exec("DEALLOCATE shaped").Error
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range given {
			want := types[one.Name] + "[]"
			if types[one.Name] == "uuid" {
				want = "text[]"
			}
			if one.Type != want {
				t.Errorf("%s.%s is a %s and is given a %s", table.name, one.Name, types[one.Name], one.Type)
			}
		}
		// Those of an attempt are all there are: what is recorded has no other.
		if table.name == "delivery_attempts" && len(given) != len(migrated) {
			t.Errorf("an attempt has %d columns, and %d are given", len(migrated), len(given))
		}
	}
}

// union is the keys of both maps, sorted.
func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// A glibc upgrade reorders text indexes of any other collation.
func TestSchema_PostgresIndexesTextInByteOrderOnly(t *testing.T) {
	s := migrated(t, storetest.Postgres(t))
	var texts []struct {
		Name      string
		ByteOrder bool
	}
	err := s.reader.Raw(`SELECT c.relname || ' (' || n || ')' AS name, i.indcollation[n] = '"C"'::regcollation AS byte_order
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid, generate_series(0, i.indnkeyatts - 1) n
		WHERE c.relnamespace = current_schema()::regnamespace AND i.indcollation[n] <> 0`).Scan(&texts).Error
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) == 0 {
		t.Error("no index on a text was found")
	}
	for _, text := range texts {
		if !text.ByteOrder {
			t.Errorf("the index on %s is not in byte order", text.Name)
		}
	}
}
