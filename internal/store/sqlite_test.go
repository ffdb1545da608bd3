package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// everyConnection calls check with each connection of a pool, all of them open at once.
func everyConnection(t *testing.T, db *gorm.DB, check func(name string, conn *sql.Conn)) {
	t.Helper()
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	for i := range pool.Stats().MaxOpenConnections {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}()
		check(fmt.Sprint("connection ", i), conn)
	}
}

// What durability and concurrency rest on is read back, on every connection: a pragma that is misspelt in
// the file's name is ignored in silence.
func TestSQLite_Pragmas(t *testing.T) {
	s := migrated(t, storetest.SQLite(t))
	for name, test := range map[string]struct {
		db          *gorm.DB
		connections int
		queryOnly   string
		tempStore   string
		cacheSize   string
		checkpoint  string
	}{
		"Writer":  {s.writer, 1, "0", "2", "-16384", "4000"},
		"Readers": {s.reader, sqliteReaders, "1", "0", "-2000", "1000"},
	} {
		t.Run(name, func(t *testing.T) {
			connections := 0
			everyConnection(t, test.db, func(name string, conn *sql.Conn) {
				connections++
				for pragma, want := range map[string]string{
					"journal_mode":       "wal",
					"synchronous":        "2", // FULL
					"foreign_keys":       "1",
					"recursive_triggers": "1",
					"busy_timeout":       "3000",
					"query_only":         test.queryOnly,
					"temp_store":         test.tempStore, // 2: in memory
					"cache_size":         test.cacheSize,
					"wal_autocheckpoint": test.checkpoint,
				} {
					var got string
					if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
						t.Fatal(err)
					}
					if got != want {
						t.Errorf("%s: %s is %s, want %s", name, pragma, got, want)
					}
				}
			})
			if connections != test.connections {
				t.Errorf("%d connections, want %d", connections, test.connections)
			}
		})
	}
}

func TestSQLite_Engine_HasTheWALFixes(t *testing.T) {
	s := opened(t, storetest.SQLite(t), Options{Create: true})
	var text string
	if err := s.reader.Raw("SELECT sqlite_version()").Row().Scan(&text); err != nil {
		t.Fatal(err)
	}
	var version [3]int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &version[0], &version[1], &version[2]); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if least := []int{3, 51, 3}; slices.Compare(version[:], least) < 0 {
		t.Errorf("the engine is %s, want %v at least", text, least)
	}
}

func TestSQLite_Readers_CannotWrite(t *testing.T) {
	s := migrated(t, storetest.SQLite(t))
	register(t, s)
	for _, statement := range []string{
		"DELETE FROM documents", "UPDATE documents SET stage = 'failed'", "CREATE TABLE another (id TEXT)",
	} {
		err := s.reader.WithContext(t.Context()).Exec(statement).Error
		if failure := (*modernc.Error)(nil); !errors.As(err, &failure) || failure.Code() != sqlite3.SQLITE_READONLY {
			t.Errorf("%s: got %v, want it refused as read-only", statement, err)
		}
	}
	if _, err := s.Document(t.Context(), documentID); err != nil {
		t.Errorf("what was registered: %v", err)
	}
}

// The first thing that a transaction for writing does is to take the write lock: one that began by reading
// could not go on once another process has written.
func TestSQLite_Transaction_HoldsTheWriteLockFromItsBegin(t *testing.T) {
	url := storetest.SQLite(t)
	s := migrated(t, url)
	tx := s.writer.WithContext(t.Context()).Begin()
	if tx.Error != nil {
		t.Fatal(tx.Error)
	}
	defer tx.Rollback()

	other, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:")) // without a busy timeout
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}()
	_, err = other.ExecContext(t.Context(), "UPDATE documents SET stage = stage")
	if failure := (*modernc.Error)(nil); !errors.As(err, &failure) || failure.Code() != sqlite3.SQLITE_BUSY {
		t.Errorf("got %v, want the other to find the database busy", err)
	}
}

func TestSQLite_Files_AreTheOwnersAlone(t *testing.T) {
	folder := t.TempDir()
	s := migrated(t, "sqlite:"+filepath.Join(folder, "numora.db"))
	register(t, s)
	names := filesIn(t, folder)
	for _, want := range []string{"numora.db", "numora.db-wal"} {
		if !slices.Contains(names, want) {
			t.Errorf("%v lacks %s", names, want)
		}
	}
	for _, name := range names {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			t.Errorf("%s has mode %o, which is not the owner's alone", name, mode)
		}
	}
	info, err := os.Stat(filepath.Join(folder, "numora.db"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("the database has mode %v, want 0600", info.Mode())
	}
}

func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A file name stands in a URL on its way to the driver, where these characters mean something.
func TestSQLite_OddFileNames_NameExactlyThatFile(t *testing.T) {
	for what, name := range map[string]string{
		"Space": "my numora.db", "Percent": "100%.db", "Escape": "a%20b.db", "QuestionMark": "what?.db",
		"Parameters": "a.db?mode=memory&_pragma=synchronous(OFF)", "Hash": "numora#1.db", "Plus": "a+b.db",
		"Ampersand": "a&b=c;d.db", "Colon": "C:numora.db", "Quotes": `it's "quoted".db`, "Backslash": `a\b.db`,
		"Letters": "Überlieferung.db", "Memory": "memory.db", "Tilde": "~numora.db",
	} {
		t.Run(what, func(t *testing.T) {
			folder := t.TempDir()
			s, err := Open("sqlite:"+filepath.Join(folder, name), Options{Create: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			register(t, s)
			if _, err := s.Document(t.Context(), documentID); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			names := slices.DeleteFunc(filesIn(t, folder), func(n string) bool { return n == name+".lock" })
			if !slices.Equal(names, []string{name}) {
				t.Errorf("the folder has %q, want %q alone", names, name)
			}
			if _, err := migrated(t, "sqlite:"+filepath.Join(folder, name)).Document(t.Context(), documentID); err != nil {
				t.Errorf("opened again: %v", err)
			}
		})
	}
}

func TestSQLite_RelativePath_StartsInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("data", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"numora.db", "./data/numora.db", "./other.db", "a:b.db"} {
		s := migrated(t, "sqlite:"+path)
		register(t, s)
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

func TestSQLite_WithoutAFile_IsRefused(t *testing.T) {
	for _, url := range []string{"sqlite:", "sqlite::memory:"} {
		s, err := Open(url, Options{Create: true})
		if err == nil {
			t.Fatal(url, "was opened", s.Close())
		}
		if !strings.Contains(err.Error(), "sqlite:PATH") {
			t.Errorf("%s: %v does not say what to give", url, err)
		}
	}
}

func TestSQLite_UnusableFile_IsAnErrorThatNamesIt(t *testing.T) {
	folder := t.TempDir()
	if _, err := Open("sqlite:"+folder, Options{Create: true}); err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("a folder: %v", err)
	}
	occupied := filepath.Join(folder, "occupied")
	if err := os.WriteFile(occupied, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("sqlite:"+filepath.Join(occupied, "numora.db"), Options{Create: true}); err == nil {
		t.Error("a file below a file was opened")
	} else if path := (*fs.PathError)(nil); !errors.As(err, &path) {
		t.Errorf("got %v, want an error about the path", err)
	}
}

// A mistyped path, or a volume that is not mounted, must not look like an empty database.
func TestSQLite_MissingFile_IsMadeOnlyWhenAskedFor(t *testing.T) {
	folder := t.TempDir()
	for path, options := range map[string]Options{"numora.db": {}, "missing/numora.db": {Create: true}} {
		if _, err := Open("sqlite:"+filepath.Join(folder, path), options); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want that it does not exist", path, err)
		}
	}
	if left := filesIn(t, folder); len(left) > 0 {
		t.Errorf("the folder has %q", left)
	}
}

// A URL with an empty host is the usual way to write an absolute path; one with a host means nothing here.
func TestSQLite_AbsolutePath_MayFollowThreeSlashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numora.db")
	register(t, migrated(t, "sqlite://"+path))
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if _, err := Open("sqlite://data/numora.db", Options{Create: true}); err == nil || !strings.Contains(err.Error(), "must name a file") {
		t.Errorf("two slashes: got %v, want that the URL is wrong", err)
	}
}

// SQLite goes on writing into a file that is not there any more, where nobody would find what was acknowledged.
func TestSQLite_FileRemovedOrReplaced_NothingIsAcknowledged(t *testing.T) {
	for name, meddle := range map[string]func(path string) error{
		"Removed": os.Remove,
		"Replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.SQLite(t)
			s := migrated(t, url)
			register(t, s)
			path := strings.TrimPrefix(url, "sqlite:")
			if err := meddle(path); err != nil {
				t.Fatal(err)
			}
			_, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
			checkNotExecuted(t, err)
			checkNotExecuted(t, s.Ready(t.Context()))
		})
	}
}
