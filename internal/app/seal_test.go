package app_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	_ "modernc.org/sqlite" // to look into SQLite files from outside

	"github.com/numora/delivery/internal/store/storetest"
)

// auditKey is a key of "audit keygen".
type auditKey struct{ file, public string }

func newAuditKey(t *testing.T, name string) auditKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "audit.key")
	stdout, stderr, code := run(t, t.TempDir(), nil, "audit", "keygen", "--name", name, "--out", file)
	if code != 0 {
		t.Fatalf("audit keygen: %s", stderr)
	}
	return auditKey{file, strings.TrimSpace(stdout)}
}

// secret is what nobody else may know of the key.
func (k auditKey) secret(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(strings.SplitN(kept(t, k.file), "+", 5)[4])
}

// sealing is a server that seals, and where it keeps what it has signed.
type sealing struct {
	*server
	file         string // of its checkpoints
	stdout, logs *told
}

// startSealing starts a server that seals whatever is a tenth of a second old. It appends to the file.
func startSealing(t *testing.T, databaseURL, key string, signer auditKey, file string, environment ...string) *sealing {
	t.Helper()
	s := &sealing{file: file, stdout: &told{}, logs: &told{}}
	s.server = startAt(t, key, s.stdout, s.logs, append([]string{
		"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_LISTEN=" + freeAddress(t), "NUMORA_ADMIN_LISTEN=" + freeAddress(t),
		"NUMORA_AUDIT_KEY_FILE=" + signer.file, "NUMORA_AUDIT_SEAL_EVERY=100ms", "NUMORA_AUDIT_CHECKPOINT_FILE=" + file, "NUMORA_AUDIT_CHECKPOINT_STDOUT=true",
	}, environment...))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", s.logs)
		}
	})
	return s
}

// checkpoint is what the endpoint answers.
type checkpoint struct {
	Origin string
	Size   int64
	Root   string
	Note   string
}

// latest returns the latest checkpoint, zero where there is none.
func (s *server) latest() checkpoint {
	s.t.Helper()
	got, err := s.exchange(http.MethodGet, "/v1/audit/checkpoint", "")
	check(s.t, err)
	if got.status == http.StatusNotFound {
		return checkpoint{}
	}
	return decode[checkpoint](s.t, got)
}

// awaitSealed waits until so many entries are sealed, and returns the checkpoint over them.
func (s *server) awaitSealed(entries int64) (last checkpoint) {
	s.t.Helper()
	until(s.t, fmt.Sprintf("%d entries are sealed", entries), func() bool {
		last = s.latest()
		return last.Size >= entries
	})
	if last.Size != entries {
		s.t.Fatalf("%d entries are sealed, want %d", last.Size, entries)
	}
	return last
}

// kept is what a file has, nothing where there is none.
func kept(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if !errors.Is(err, os.ErrNotExist) {
		check(t, err)
	}
	return string(content)
}

// record registers a document and records failed reports on it under these ids.
func (s *server) record(executions ...string) {
	s.t.Helper()
	_, err := s.exchange(http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)
	check(s.t, err)
	for _, execution := range executions {
		s.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report(execution))
	}
}

func (s *server) kill() {
	s.t.Helper()
	check(s.t, s.command.Process.Kill())
	s.wait()
}

func TestSeal_WithAKey_EverythingIsSealedAndKept(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := startSealing(t, databaseURL, key, newAuditKey(t, "numora.example/test"), filepath.Join(t.TempDir(), "checkpoints"))
		s.record("one", "two", "three")
		s.wants(http.StatusOK, http.MethodPost, "/v1/documents/"+documentID+"/actions/retry-push", `{"provider":"dynamics365"}`)
		last := s.awaitSealed(5) // and the key that was made
		if last.Origin != "numora.example/test" || !strings.HasPrefix(last.Note, "numora.example/test\n5\n"+last.Root+"\n") {
			t.Errorf("the checkpoint is %+v", last)
		}
		until(t, "the checkpoint is kept in the file, and told on standard output", func() bool {
			return strings.HasSuffix(kept(t, s.file), last.Note+"\n") && strings.HasSuffix(s.stdout.String(), last.Note+"\n")
		})
		if kept(t, s.file) != s.stdout.String() {
			t.Errorf("kept %q\ntold %q", kept(t, s.file), s.stdout.String())
		}
		_, figures := ask(t, s.admin+"/metrics")
		for _, line := range []string{"numora_audit_unsealed_entries 0", "numora_audit_unsealed_age_seconds 0"} {
			if !strings.Contains(figures, "\n"+line+"\n") {
				t.Errorf("the figures lack %s", line)
			}
		}
		if strings.Contains(s.logs.String(), `"level":"WARN"`) {
			t.Error("it complained")
		}
	})
}

// By default an entry waits for a minute, or for many others.
func TestSeal_WaitsForItsTimeOrForManyEntries(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := startSealing(t, databaseURL, key, newAuditKey(t, "numora.example/test"), filepath.Join(t.TempDir(), "checkpoints"),
			"NUMORA_AUDIT_SEAL_EVERY=1h", "NUMORA_AUDIT_SEAL_ENTRIES=4")
		s.record("one", "two")
		_, figures := ask(t, s.admin+"/metrics")
		if !strings.Contains(figures, "\nnumora_audit_unsealed_entries 3\n") || strings.Contains(figures, "\nnumora_audit_unsealed_age_seconds 0\n") {
			t.Errorf("what waits does not show: %s", figures)
		}
		if s.latest().Size != 0 {
			t.Error("it was sealed at once")
		}
		s.record("three")
		s.awaitSealed(4)
	})
}

func TestSeal_WithoutAKey_SaysSoOnceAndSealsNothing(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		var stdout, logs told
		s := startAt(t, key, &stdout, &logs, []string{
			"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_LISTEN=" + freeAddress(t), "NUMORA_ADMIN_LISTEN=" + freeAddress(t), "NUMORA_AUDIT_SEAL_EVERY=100ms",
		})
		s.record("one")
		_, figures := ask(t, s.admin+"/metrics")
		if strings.Contains(figures, "numora_audit_unsealed") {
			t.Error("it tells what waits, which nobody will seal")
		}
		s.wants(http.StatusNotFound, http.MethodGet, "/v1/audit/checkpoint", "")
		check(t, s.command.Process.Signal(syscall.SIGTERM))
		s.wait()
		said := logs.String()
		if strings.Count(said, "NUMORA_AUDIT_KEY_FILE is not set") != 1 || strings.Count(said, `"level":"WARN"`) != 1 || stdout.String() != "" {
			t.Errorf("it said %s and told %q", said, stdout.String())
		}
		history := history{databaseURL: databaseURL, signer: newAuditKey(t, "numora.example/test")}
		if stdout, stderr, code := history.verify(t); code != 0 || !strings.HasPrefix(stdout, "0 sealed entries, 0 checkpoints (0 given), 1 deliveries; 2 entries not sealed\n") {
			t.Errorf("exit code %d: %s%s", code, stdout, stderr)
		}
	})
}

// Neither what is in the file nor how it is called is told: it may be the key itself, in the wrong place.
func TestServe_AuditSettingsThatCannotBe_Exit2(t *testing.T) {
	key := newAuditKey(t, "numora.example/test")
	secret := strings.TrimSpace(kept(t, key.file))
	folder := t.TempDir()
	file := func(name, content string) string {
		name = filepath.Join(folder, name)
		check(t, os.WriteFile(name, []byte(content), 0o600))
		return name
	}
	const named = "NUMORA_AUDIT_KEY_FILE cannot be used: "
	for name, c := range map[string]struct {
		environment []string
		wants       string
	}{
		"a missing file":                {[]string{"NUMORA_AUDIT_KEY_FILE=" + filepath.Join(folder, "c4n4ry-missing")}, named + "no such file or directory"},
		"a folder":                      {[]string{"NUMORA_AUDIT_KEY_FILE=" + folder}, named + "is a directory"},
		"an empty file":                 {[]string{"NUMORA_AUDIT_KEY_FILE=" + file("c4n4ry-empty", "")}, named + `it is not a key of "audit keygen"`},
		"other text":                    {[]string{"NUMORA_AUDIT_KEY_FILE=" + file("c4n4ry-other", "c4n4ry\n")}, named + `it is not a key of "audit keygen"`},
		"what is public of a key":       {[]string{"NUMORA_AUDIT_KEY_FILE=" + file("c4n4ry-public", key.public)}, named + `it is not a key of "audit keygen"`},
		"two keys":                      {[]string{"NUMORA_AUDIT_KEY_FILE=" + file("c4n4ry-two", secret+"\n"+secret+"\n")}, named + `it is not a key of "audit keygen"`},
		"half a key":                    {[]string{"NUMORA_AUDIT_KEY_FILE=" + file("c4n4ry-half", secret[:len(secret)-8])}, named + `it is not a key of "audit keygen"`},
		"the key itself":                {[]string{"NUMORA_AUDIT_KEY_FILE=" + secret}, named + "no such file or directory"},
		"a checkpoint file without key": {[]string{"NUMORA_AUDIT_CHECKPOINT_FILE=c4n4ry"}, "set NUMORA_AUDIT_KEY_FILE, too"},
		"standard output without key":   {[]string{"NUMORA_AUDIT_CHECKPOINT_STDOUT=true"}, "set NUMORA_AUDIT_KEY_FILE, too"},
		"many": {
			[]string{"NUMORA_AUDIT_KEY_FILE=" + filepath.Join(folder, "c4n4ry"), "NUMORA_AUDIT_SEAL_EVERY=1ms", "NUMORA_MIGRATE=maybe"},
			"NUMORA_AUDIT_SEAL_EVERY must be between 100ms and 1h0m0s, not 1ms\n" + named,
		},
	} {
		here := t.TempDir()
		stdout, stderr, code := run(t, here, append(c.environment, "NUMORA_DATABASE_URL=sqlite:numora.db"), "serve", "--listen", "127.0.0.1:0")
		if code != 2 || !strings.Contains(stderr, c.wants) {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		if said := stdout + stderr; strings.Contains(said, canary) || strings.Contains(said, folder) || strings.Contains(said, secret[len(secret)-20:]) {
			t.Errorf("%s: it tells what it was given: %s", name, said)
		}
		if left, err := os.ReadDir(here); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v behind (%v)", name, left, err)
		}
	}
}

// A server that is killed between signing and keeping, or while it writes, leaves that to the next one.
func TestSeal_KilledServer_ItsLastCheckpointIsKeptByTheNext(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		signer, file := newAuditKey(t, "numora.example/test"), filepath.Join(t.TempDir(), "checkpoints")
		s := startSealing(t, databaseURL, key, signer, file)
		s.record("one")
		note := s.awaitSealed(2).Note
		until(t, "it is kept", func() bool { return strings.HasSuffix(kept(t, file), note+"\n") })
		s.kill()
		earlier := strings.TrimSuffix(kept(t, file), note+"\n")

		signature := strings.Index(note, "\n\n") + 2
		for what, left := range map[string]string{
			"nothing": "", "half of the text": note[:len("numora.example/test\n2\n")], "half of the origin": note[:6], "all but the signature": note[:signature],
			"half of the signature": note[:signature+12], "a note without its empty line": note, "a whole one": note + "\n",
		} {
			check(t, os.WriteFile(file, []byte(earlier+left), 0o600))
			s = startSealing(t, databaseURL, key, signer, file)
			want := earlier + note + "\n"
			if strings.HasPrefix(left, note) {
				want = earlier + left + note + "\n"
			}
			until(t, "the last checkpoint is kept again", func() bool { return strings.HasSuffix(s.stdout.String(), note+"\n") })
			if got := kept(t, file); got != want {
				t.Errorf("after %s it kept %q, want %q", what, got, want)
			}
			s.kill()
		}
		history := history{databaseURL, signer, []string{file}}
		history.isProven(t)
	})
}

// What is no checkpoint of its own the server leaves alone.
func TestSeal_FileOfSomethingElse_LosesNothing(t *testing.T) {
	databaseURL, file := storetest.SQLite(t), filepath.Join(t.TempDir(), "notes")
	key, signer := newKey(t, databaseURL), newAuditKey(t, "numora.example/test")
	const notes = "notes of\nsomething else"
	check(t, os.WriteFile(file, []byte(notes), 0o600))
	for range 2 {
		s := startSealing(t, databaseURL, key, signer, file)
		note := s.awaitSealed(1).Note
		until(t, "it is kept", func() bool { return s.stdout.String() == note+"\n" })
		s.kill()
		if got := kept(t, file); !strings.HasPrefix(got, notes) || !strings.HasSuffix(got, note+"\n") {
			t.Errorf("the file has %q", got)
		}
	}
}

// A file that cannot be written to is told, and stops nothing; once it can be, the last checkpoint is in it.
func TestSeal_CheckpointsThatCannotBeKept_AreToldAndTriedAgain(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		file := filepath.Join(t.TempDir(), "checkpoints")
		check(t, os.Mkdir(file, 0o700))
		s := startSealing(t, databaseURL, key, newAuditKey(t, "numora.example/test"), file)
		s.awaitSealed(1)
		s.record("one")
		s.awaitSealed(2)
		s.record("two")
		last := s.awaitSealed(3)
		until(t, "it is told", func() bool { return strings.Contains(s.logs.String(), "NUMORA_AUDIT_CHECKPOINT_FILE: ") })
		until(t, "the last one is told on standard output", func() bool { return strings.HasSuffix(s.stdout.String(), last.Note+"\n") })
		if told := strings.Count(s.stdout.String(), "— "); told != 3 {
			t.Errorf("%d checkpoints are told on standard output, want each once", told)
		}
		check(t, os.Remove(file))
		until(t, "the last one is kept", func() bool { return kept(t, file) != "" })
		if got := kept(t, file); got != last.Note+"\n" {
			t.Errorf("kept %q, want %q", got, last.Note)
		}
		if told := strings.Count(s.logs.String(), `"level":"WARN"`); told != 1 {
			t.Errorf("told %d times: %s", told, s.logs.String())
		}
	})
}

// Whichever server comes first seals: together they give each entry one number, and leave none out.
func TestSeal_ManyServersOnOneDatabase_GiveEachEntryOneNumber(t *testing.T) {
	const servers, reports = 3, 40
	ownerURL, application := roles(t)
	key := newKeyFor(t, application.URL, "worker", allScopes)
	h := history{databaseURL: application.URL, signer: newAuditKey(t, "numora.example/test")}
	var all []*sealing
	for i := range servers {
		file := filepath.Join(t.TempDir(), fmt.Sprint("checkpoints-", i))
		all = append(all, startSealing(t, application.URL, key, h.signer, file, "NUMORA_AUDIT_SEAL_ENTRIES=2"))
		h.files = append(h.files, file)
	}
	all[0].record()
	var work sync.WaitGroup
	for i, s := range all {
		work.Go(func() {
			for n := range reports {
				got, err := s.exchange(http.MethodPost, "/v1/documents/"+documentID+"/delivery", report(fmt.Sprint(i, "-", n)))
				if err != nil || got.status != http.StatusCreated {
					t.Errorf("server %d, report %d: %d, error %v: %s", i, n, got.status, err, got.body)
				}
			}
		})
	}
	work.Wait()
	all[0].awaitSealed(1 + servers*reports)
	for _, s := range all {
		check(t, s.command.Process.Signal(syscall.SIGTERM))
		s.wait()
	}
	session := connect(t, ownerURL)
	var leaves, entries, first, last int64
	check(t, session.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT entry_id), min(number), max(number) FROM audit_leaves").Scan(&leaves, &entries, &first, &last))
	if want := int64(1 + servers*reports); leaves != want || entries != want || first != 0 || last != want-1 {
		t.Errorf("%d leaves of %d entries, from %d to %d, want %d", leaves, entries, first, last, want)
	}
	h.isProven(t)
}

// What is sealed the servers' own role can neither change nor take away.
func TestSeal_AsTheApplicationsRole_CannotBeUndone(t *testing.T) {
	_, application := roles(t)
	s := startSealing(t, application.URL, newKeyFor(t, application.URL, "worker", allScopes), newAuditKey(t, "numora.example/test"), filepath.Join(t.TempDir(), "checkpoints"))
	s.record("one")
	s.awaitSealed(2)
	session := connect(t, application.URL)
	for _, statement := range []string{
		"UPDATE audit_leaves SET hash = hash", "DELETE FROM audit_leaves", "TRUNCATE audit_leaves", "ALTER TABLE audit_leaves DISABLE TRIGGER numora_append_only",
		"UPDATE audit_checkpoints SET note = note", "DELETE FROM audit_checkpoints", "TRUNCATE audit_checkpoints", "DROP TABLE audit_checkpoints",
		"UPDATE audit_unsealed SET recorded_at = recorded_at",
	} {
		_, err := session.Exec(t.Context(), statement)
		if refused := (*pgconn.PgError)(nil); !errors.As(err, &refused) || refused.Code != "42501" {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

// tamper changes a database as somebody does who administers it: with the triggers on these tables out of the way.
func tamper(t *testing.T, databaseURL, statement string, tables ...string) {
	t.Helper()
	if path, sqlite := strings.CutPrefix(databaseURL, "sqlite:"); sqlite {
		database, err := sql.Open("sqlite", path)
		check(t, err)
		for _, table := range tables {
			var triggers []string
			rows, err := database.Query("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table)
			check(t, err)
			for rows.Next() {
				var name string
				check(t, rows.Scan(&name))
				triggers = append(triggers, name)
			}
			check(t, errors.Join(rows.Err(), rows.Close()))
			for _, name := range triggers {
				_, err := database.Exec("DROP TRIGGER " + name)
				check(t, err)
			}
		}
		_, err = database.Exec(statement)
		check(t, errors.Join(err, database.Close()))
		return
	}
	for _, table := range tables {
		storetest.AsOwner(t, databaseURL, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
	}
	storetest.AsOwner(t, databaseURL, statement)
}
