package store

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
)

// Replicas of an older version serve while a migration runs, and on what it leaves: it only adds, and locks
// nothing that they need for longer than they can wait.
func TestMigrations_OnlyAdd(t *testing.T) {
	for folder, dialect := range map[string]goose.Dialect{"postgres": goose.DialectPostgres, "sqlite": goose.DialectSQLite3} {
		files, err := fs.Glob(migrations, "migrations/"+folder+"/*.sql")
		if err != nil || len(files) == 0 || !strings.HasPrefix(path.Base(files[0]), "00001_") {
			t.Fatalf("%s: %v, error %v; want the migrations", folder, files, err)
		}
		for _, file := range files[1:] { // before the first there is nothing to disturb
			text, err := fs.ReadFile(migrations, file)
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range migrationProblems(dialect, string(text)) {
				t.Errorf("%s: %s", file, problem)
			}
		}
	}
}

var (
	skipped      = regexp.MustCompile(`--[^\n]*|(?s:/\*.*?\*/)|'(?:[^']|'')*'`) // comments and strings
	createTable  = regexp.MustCompile(`^CREATE TABLE (IF NOT EXISTS )?(\S+) \(`)
	createIndex  = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (CONCURRENTLY )?(IF NOT EXISTS )?(\S+) ON ([^\s(]+)`)
	dropIndex    = regexp.MustCompile(`^DROP INDEX CONCURRENTLY IF EXISTS (\S+)$`)
	alterTable   = regexp.MustCompile(`^ALTER TABLE (?:ONLY )?(\S+) (.+)$`)
	addColumn    = regexp.MustCompile(`^ADD (?:COLUMN )?(IF NOT EXISTS )?(\S+)`)
	addOther     = regexp.MustCompile(`^ADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b`)
	restricted   = regexp.MustCompile(`\b(UNIQUE|PRIMARY|REFERENCES|CHECK|GENERATED|(BIG|SMALL)?SERIAL)\b|\bDEFAULT \S*\(`)
	appendOnly   = regexp.MustCompile(`^CREATE TRIGGER \S+ BEFORE (UPDATE|DELETE|UPDATE OR DELETE OR TRUNCATE) ON \S+ (FOR EACH STATEMENT EXECUTE FUNCTION \S+|BEGIN SELECT RAISE\(ABORT, ''\))$`)
	newFunction  = regexp.MustCompile(`^CREATE FUNCTION \S+ RETURNS TRIGGER LANGUAGE PLPGSQL (SECURITY DEFINER SET SEARCH_PATH FROM CURRENT )?AS ''$`)
	noting       = regexp.MustCompile(`^CREATE TRIGGER \S+ AFTER INSERT ON \S+ (REFERENCING NEW TABLE AS \S+ FOR EACH STATEMENT EXECUTE FUNCTION \S+|BEGIN INSERT OR IGNORE INTO \S+ .*)$`)
	always       = regexp.MustCompile(`^ENABLE ALWAYS TRIGGER \S+$`)
	changesData  = regexp.MustCompile(`^(INSERT|UPDATE|DELETE|WITH)\b`)
	harmless     = regexp.MustCompile(`^(ANALYZE|COMMENT ON|SELECT SET_CONFIG\('', QUOTE_IDENT\(CURRENT_SCHEMA\(\)\) \|\| '', TRUE\)$|REVOKE ALL ON FUNCTION \S+ FROM PUBLIC$)`)
	innerCommas  = regexp.MustCompile(`\([^()]*\)`)
	withoutBound = "SET LOCK_TIMEOUT = 0"
	withBound    = "SET LOCK_TIMEOUT = ''" // whatever the string was
)

// reasoned stands before a statement that a comment "-- reason: …" precedes. A reason allows what may be right
// for once but is mostly a mistake; nothing allows to take away.
const reasoned = "\x00"

// migration is what migrationProblems knows of the file that it reads.
type migration struct {
	postgres, transaction bool
	unbounded             bool            // a statement may wait for its locks for ever
	created, altered      map[string]bool // tables
	dropped               map[string]bool // indexes that are yet to be made anew
	problems              []string
}

// migrationProblems returns what in a migration that is not the first may disturb servers of an older version.
func migrationProblems(dialect goose.Dialect, text string) []string {
	m := migration{
		postgres: dialect == goose.DialectPostgres, transaction: !strings.Contains(text, "-- +goose NO TRANSACTION"),
		created: make(map[string]bool), altered: make(map[string]bool), dropped: make(map[string]bool),
	}
	if strings.Contains(text, "-- +goose Down") {
		m.problem("it has a way down, which takes away")
	}
	if !m.postgres && !m.transaction {
		m.problem("SQLite needs the transaction: its statements cannot be run again")
	}
	bare := skipped.ReplaceAllStringFunc(text, func(part string) string {
		switch {
		case strings.HasPrefix(part, "-- reason: "):
			return reasoned
		case strings.HasPrefix(part, "'"):
			return "''"
		}
		return " "
	})
	for statement := range strings.SplitSeq(bare, ";") {
		hasReason := strings.Contains(statement, reasoned)
		statement = strings.ReplaceAll(statement, reasoned, " ")
		statement = strings.ToUpper(strings.Join(strings.Fields(statement), " "))
		if statement != "" {
			m.read(statement, hasReason)
		}
	}
	if m.postgres && m.transaction && len(m.altered) > 1 {
		m.problem("one transaction locks several tables: it holds the first while it waits for the next")
	}
	for name := range m.dropped {
		m.problem("it drops the index %s", name)
	}
	if m.unbounded {
		m.problem("it leaves lock_timeout at 0 for the next migration")
	}
	return m.problems
}

func (m *migration) problem(format string, arguments ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, arguments...))
}

// read looks at one statement, in upper case, without comments, strings emptied, words separated by one space.
func (m *migration) read(statement string, hasReason bool) {
	head := statement[:min(len(statement), 60)]
	if found := createTable.FindStringSubmatch(statement); found != nil {
		m.created[found[2]] = true
		m.repeatable(found[1] != "", head)
	} else if found := createIndex.FindStringSubmatch(statement); found != nil {
		m.readIndex(found, head, hasReason)
	} else if found := dropIndex.FindStringSubmatch(statement); found != nil && m.postgres {
		m.dropped[found[1]] = true
	} else if found := alterTable.FindStringSubmatch(statement); found != nil {
		m.readAlter(found[1], found[2], head, hasReason)
	} else if m.postgres && (statement == withoutBound || statement == withBound) {
		m.unbounded = statement == withoutBound
	} else if appendOnly.MatchString(statement) || newFunction.MatchString(statement) || noting.MatchString(statement) {
		if !hasReason {
			m.problem("older servers may do what it refuses: %s", head)
		}
		if !m.transaction {
			m.problem("outside of a transaction it cannot be run again: %s", head)
		}
	} else if statement == "END" && !m.postgres { // of a trigger
	} else if changesData.MatchString(statement) {
		if !hasReason {
			m.problem("it changes data without a reason: %s", head)
		}
	} else if !harmless.MatchString(statement) {
		m.problem("it does not only add: %s", head)
	}
}

// repeatable holds statements outside of a transaction to be such that they may find their work done.
func (m *migration) repeatable(ifNotExists bool, head string) {
	if !m.transaction && !ifNotExists {
		m.problem("outside of a transaction it needs IF NOT EXISTS: %s", head)
	}
}

func (m *migration) readIndex(found []string, head string, hasReason bool) {
	unique, concurrently, ifNotExists, name, table := found[1] != "", found[2] != "", found[3] != "", found[4], found[5]
	if m.created[table] {
		m.repeatable(ifNotExists, head)
		return
	}
	if unique && !hasReason {
		m.problem("older servers may write what it refuses: %s", head)
	}
	switch {
	case !m.postgres:
	case !concurrently:
		m.problem("it keeps writers out until it is done, without CONCURRENTLY: %s", head)
	case m.transaction:
		m.problem("CONCURRENTLY needs -- +goose NO TRANSACTION: %s", head)
	case ifNotExists || !m.dropped[name]:
		m.problem("an attempt that was broken off leaves an unfinished index: DROP INDEX CONCURRENTLY IF EXISTS before: %s", head)
	case !m.unbounded:
		m.problem("it has to wait for every transaction, and nobody waits behind it: SET lock_timeout = 0 before: %s", head)
	}
	delete(m.dropped, name)
}

func (m *migration) readAlter(table, actions, head string, hasReason bool) {
	if !m.created[table] {
		m.altered[table] = true
	}
	if m.unbounded {
		m.problem("while it waits for its lock, without a lock_timeout, every request waits behind it: %s", head)
	}
	for {
		inner := innerCommas.FindString(actions)
		if inner == "" {
			break
		}
		actions = strings.Replace(actions, inner, "[]", 1)
	}
	for action := range strings.SplitSeq(actions, ",") {
		action = strings.TrimSpace(action)
		column := addColumn.FindStringSubmatch(action)
		switch {
		case always.MatchString(action):
		case column == nil:
			m.problem("it does not only add: %s", head)
		case addOther.MatchString(action):
			if !hasReason {
				m.problem("older servers may write what it refuses: %s", head)
			}
		case strings.Contains(action, "NOT NULL") && !strings.Contains(action, "DEFAULT"):
			m.problem("older servers do not fill it: NOT NULL needs a DEFAULT: %s", head)
		case restricted.MatchString(strings.ReplaceAll(action, "[]", "(")) && !hasReason:
			m.problem("it reads or writes the whole table under a lock, or refuses what older servers write: %s", head)
		default:
			m.repeatable(column[1] != "", head)
		}
	}
}

func TestMigrationProblems(t *testing.T) {
	const (
		free      = "-- +goose NO TRANSACTION\n-- +goose Up\n"
		dropAgain = "DROP INDEX CONCURRENTLY IF EXISTS i;\n"
		patient   = "SET lock_timeout = 0;\n"
		hurried   = "SET lock_timeout = '1s';\n"
		build     = "CREATE INDEX CONCURRENTLY i ON claims (id);\n"
	)
	for _, dialect := range []goose.Dialect{goose.DialectPostgres, goose.DialectSQLite3} {
		for statement, want := range map[string]string{
			"ALTER TABLE documents ADD COLUMN note text":                             "",
			"alter table documents add note text, add price numeric(10, 2)":          "",
			"ALTER TABLE documents ADD COLUMN n integer NOT NULL DEFAULT 0":          "",
			"ALTER TABLE documents ADD COLUMN dropped_at text DEFAULT 'DROP TABLE;'": "",
			"-- DROP TABLE documents; is not what\n/* we DROP */ ANALYZE documents":  "",
			"CREATE TABLE claims (id text); CREATE UNIQUE INDEX i ON claims (id)":    "",
			"-- reason: they were never read\nDELETE FROM documents WHERE false":     "",
			"-- reason: a copy\nINSERT INTO documents SELECT id FROM documents":      "",
			"DROP TABLE documents":                                                                             "does not only add",
			"DROP INDEX delivery_attempts_execution_id_key":                                                    "does not only add",
			"-- reason: gone\nDROP TABLE documents":                                                            "does not only add",
			"TRUNCATE documents":                                                                               "does not only add",
			"ALTER TABLE documents DROP COLUMN schema":                                                         "does not only add",
			"ALTER TABLE documents\n\tADD note text,\n\tDROP COLUMN schema":                                    "does not only add",
			"ALTER TABLE documents ADD note text,DROP COLUMN schema":                                           "does not only add",
			"ALTER TABLE documents RENAME TO papers":                                                           "does not only add",
			"ALTER TABLE documents RENAME COLUMN schema TO kind":                                               "does not only add",
			"ALTER TABLE documents ALTER COLUMN schema SET NOT NULL":                                           "does not only add",
			"ALTER TABLE documents ALTER COLUMN schema TYPE varchar(9)":                                        "does not only add",
			"ALTER INDEX a RENAME TO b":                                                                        "does not only add",
			"CREATE TRIGGER t AFTER INSERT ON documents BEGIN SELECT 1":                                        "does not only add",
			"CREATE TABLE copies AS SELECT * FROM documents":                                                   "does not only add",
			"ALTER TABLE documents ADD COLUMN note text NOT NULL":                                              "needs a DEFAULT",
			"ALTER TABLE documents ADD CONSTRAINT c CHECK (stage <> '')":                                       "older servers may write",
			"ALTER TABLE documents ADD COLUMN note text UNIQUE":                                                "whole table",
			"ALTER TABLE documents ADD COLUMN n text DEFAULT random()":                                         "whole table",
			"UPDATE documents SET schema = ''":                                                                 "without a reason",
			"DELETE FROM documents":                                                                            "without a reason",
			"ANALYZE documents;\n-- +goose Down\nANALYZE documents":                                            "way down",
			"CREATE TRIGGER t BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'no')":                      "older servers may do",
			"-- reason: none did\nCREATE TRIGGER t BEFORE DELETE ON documents BEGIN SELECT RAISE(ABORT, 'no')": "",
			"-- reason: none did\nCREATE TRIGGER t BEFORE INSERT ON documents BEGIN SELECT RAISE(ABORT, 'no')": "does not only add",
			"ALTER TABLE documents DISABLE TRIGGER t":                                                          "does not only add",
		} {
			checkProblems(t, dialect, "-- +goose Up\n"+statement+";\n", want)
		}
	}
	for text, want := range map[string]string{
		free + "ALTER TABLE a ADD COLUMN IF NOT EXISTS n text; ALTER TABLE b ADD COLUMN IF NOT EXISTS n text;": "",
		free + "CREATE TABLE IF NOT EXISTS claims (id text); CREATE INDEX IF NOT EXISTS i ON claims (id);":     "",
		free + patient + dropAgain + build + hurried:                                                           "",
		"-- +goose Up\nALTER TABLE a ADD n text; ALTER TABLE b ADD n text;":                                    "several tables",
		"-- +goose Up\nCREATE TABLE a (id text); ALTER TABLE a ADD n text; ALTER TABLE b ADD n text;":          "",
		"-- +goose Up\nCREATE INDEX i ON claims (id);":                                                         "without CONCURRENTLY",
		"-- +goose Up\n" + patient + dropAgain + build + hurried:                                               "NO TRANSACTION",
		free + patient + build + hurried:                                                                       "unfinished",
		free + patient + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON claims (id);" + hurried:                 "unfinished",
		free + dropAgain + build:           "nobody waits behind it",
		free + patient + dropAgain + build: "leaves lock_timeout",
		free + dropAgain:                   "drops the index I",
		free + patient + "ALTER TABLE a ADD COLUMN IF NOT EXISTS n text;" + hurried:                         "waits behind it",
		free + "ALTER TABLE a ADD COLUMN n text;":                                                           "IF NOT EXISTS",
		free + "CREATE TABLE claims (id text);":                                                             "IF NOT EXISTS",
		free + patient + dropAgain + "CREATE UNIQUE INDEX CONCURRENTLY i ON a (n);" + hurried:               "older servers may write",
		free + patient + dropAgain + "-- reason: x\nCREATE UNIQUE INDEX CONCURRENTLY i ON a (n);" + hurried: "",
	} {
		checkProblems(t, goose.DialectPostgres, text, want)
	}
	checkProblems(t, goose.DialectSQLite3, "-- +goose Up\nALTER TABLE a ADD n text; ALTER TABLE b ADD n text; CREATE INDEX i ON a (n);", "")
	checkProblems(t, goose.DialectSQLite3, free+"CREATE TABLE IF NOT EXISTS claims (id text);", "needs the transaction")

	// The next version's migrations that rolling upgrades are tested with are such as they should be.
	for file, dialect := range map[string]goose.Dialect{"postgres.sql": goose.DialectPostgres, "sqlite.sql": goose.DialectSQLite3} {
		text, err := os.ReadFile("../app/testdata/newer/" + file)
		if err != nil {
			t.Fatal(err)
		}
		checkProblems(t, dialect, string(text), "")
	}
}

// checkProblems checks that there is one problem, that says want, or none when want is empty.
func checkProblems(t *testing.T, dialect goose.Dialect, text, want string) {
	t.Helper()
	got := migrationProblems(dialect, text)
	if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
		t.Errorf("%s:\n%s\ngot %q, want %q", dialect, text, got, want)
	}
}
