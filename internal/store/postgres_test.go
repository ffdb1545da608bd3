package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// administer runs statements on the database in a session that is not the store's.
func administer(t *testing.T, databaseURL string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, databaseURL string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// set gives the database's new sessions another default.
func set(t *testing.T, databaseURL, setting, value string) {
	t.Helper()
	name := path.Base(parse(t, databaseURL).Path)
	storetest.AsOwner(t, databaseURL, fmt.Sprintf("ALTER DATABASE %s SET %s = %s", name, setting, value))
}

func TestPostgres_Sessions_CommitDurably(t *testing.T) {
	for setting, want := range map[string]string{
		"on": "on", "off": "on", "local": "on", "remote_write": "on",
		"remote_apply": "remote_apply", // is more than on, and somebody's choice
	} {
		t.Run(setting, func(t *testing.T) {
			databaseURL := applicationURL(t)
			set(t, databaseURL, "synchronous_commit", setting)
			s := opened(t, databaseURL, Options{Create: true})
			everyConnection(t, s.writer, func(name string, conn *sql.Conn) {
				var got string
				if err := conn.QueryRowContext(t.Context(), "SHOW synchronous_commit").Scan(&got); err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%s: synchronous_commit is %s, want %s", name, got, want)
				}
			})
		})
	}
}

// What else recording rests on: a statement sees what was committed before it, or of two twins one could fail;
// a plan made for an empty table does not scan it for ever; and nobody keeps a delivery from the others.
func TestPostgres_Sessions_HaveTheStoresSettingsWhateverTheDefaults(t *testing.T) {
	databaseURL := applicationURL(t)
	set(t, databaseURL, "default_transaction_isolation", "'serializable'")
	set(t, databaseURL, "enable_seqscan", "on")
	set(t, databaseURL, "jit", "on")
	set(t, databaseURL, "lock_timeout", "0")
	set(t, databaseURL, "idle_in_transaction_session_timeout", "0")
	s := opened(t, databaseURL, Options{Create: true})
	everyConnection(t, s.writer, func(name string, conn *sql.Conn) {
		for setting, want := range map[string]string{
			"transaction_isolation": "read committed", "enable_seqscan": "off", "jit": "off",
			"plan_cache_mode": "force_generic_plan", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "5s",
		} {
			var got string
			if err := conn.QueryRowContext(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("%s: %s is %s, want %s", name, setting, got, want)
			}
		}
	})
}

func TestPostgres_Sessions_CommitDurablyWhateverTheURLSays(t *testing.T) {
	databaseURL := parse(t, storetest.Postgres(t))
	query := databaseURL.Query()
	query.Set("synchronous_commit", "off")
	databaseURL.RawQuery = query.Encode()
	s := opened(t, databaseURL.String(), Options{Create: true})
	var commit string
	if err := s.writer.Raw("SHOW synchronous_commit").Row().Scan(&commit); err != nil {
		t.Fatal(err)
	}
	if commit != "on" {
		t.Errorf("synchronous_commit is %s, want on", commit)
	}
}

// pretendFsync makes the sessions of a database find fsync set to a value: really switching it takes a server
// of one's own. New sessions find this function before PostgreSQL's.
func pretendFsync(t *testing.T, databaseURL, value string) {
	t.Helper()
	set(t, databaseURL, "search_path", "public, pg_catalog")
	storetest.AsOwner(t, databaseURL, `CREATE OR REPLACE FUNCTION public.current_setting(name text) RETURNS text LANGUAGE sql
			RETURN CASE name WHEN 'fsync' THEN '`+value+`' ELSE pg_catalog.current_setting(name) END`)
}

func TestPostgres_FsyncOff_IsNotReadyAndRefusesWrites(t *testing.T) {
	databaseURL := applicationURL(t)
	pretendFsync(t, databaseURL, "off")
	s := opened(t, databaseURL, Options{Create: true})

	_, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, &delivery.Registration{Stage: delivery.Reviewed})
	checkNotExecuted(t, err)
	if _, err := s.Document(t.Context(), documentID); !errors.Is(err, delivery.ErrDocumentNotFound) {
		t.Errorf("got %v: something was written, or reading is refused too", err)
	}
	err = s.Ready(t.Context())
	checkNotExecuted(t, err)
	if !strings.Contains(err.Error(), "fsync") {
		t.Errorf("%v does not say what to set", err)
	}
}

func TestPostgres_FsyncOff_ServesWhenAllowed(t *testing.T) {
	databaseURL := applicationURL(t)
	pretendFsync(t, databaseURL, "off")
	s := opened(t, databaseURL, Options{AllowLossy: true})
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	register(t, s)
}

func TestPostgres_FsyncSwitched_IsNoticedByTheNextProbe(t *testing.T) {
	databaseURL := applicationURL(t)
	pretendFsync(t, databaseURL, "on")
	s := opened(t, databaseURL, Options{Create: true})
	register(t, s)

	pretendFsync(t, databaseURL, "off")
	checkNotExecuted(t, s.Ready(t.Context()))
	_, _, err := s.PutDocument(t.Context(), documentID, delivery.Registration{Stage: delivery.Processing}, nil)
	checkNotExecuted(t, err)

	pretendFsync(t, databaseURL, "on")
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("not ready again: %v", err)
	}
	register(t, s)
}

// checkNotExecuted checks that err says: the store is unavailable, and nothing was written.
func checkNotExecuted(t *testing.T, err error) {
	t.Helper()
	if unavailable := (*delivery.UnavailableError)(nil); !errors.As(err, &unavailable) || unavailable.Outcome != delivery.NotExecuted {
		t.Errorf("got %v, want the store unavailable and nothing executed", err)
	}
}

const secret = "hunter2"

func TestPostgres_Unreachable_IsUnavailableAndDoesNotTellThePassword(t *testing.T) {
	nobody := url.Values{"host": {filepath.Join(t.TempDir(), "nowhere")}}
	s := opened(t, "postgres://numora:"+secret+"@/numora?"+nobody.Encode(), Options{Create: true})
	for name, call := range map[string]func() error{
		"Record": func() error {
			_, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
			return err
		},
		"PutDocument": func() error {
			_, _, err := s.PutDocument(t.Context(), documentID, delivery.Registration{}, nil)
			return err
		},
		"Attempt": func() error { _, err := s.Attempt(t.Context(), attemptID(1)); return err },
		"Attempts": func() error {
			_, err := s.Attempts(t.Context(), delivery.AttemptQuery{DocumentID: documentID, Limit: 1})
			return err
		},
		"Document":  func() error { _, err := s.Document(t.Context(), documentID); return err },
		"Key":       func() error { _, err := s.Key(t.Context(), "0123456789abcdef"); return err },
		"Keys":      func() error { _, err := s.Keys(t.Context()); return err },
		"RevokeKey": func() error { return s.RevokeKey(t.Context(), "0123456789abcdef", recordedAt(0), "tests") },
		"Ready":     func() error { return s.Ready(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			err := call()
			checkNotExecuted(t, err)
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the message tells the password: %v", err)
			}
		})
	}
	if err := s.Migrate(t.Context()); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("migrating says %v", err)
	}
}

// Where no session could be opened, nothing can have happened, whatever the server's reason.
func TestPostgres_RefusedConnection_IsUnavailable(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	missing, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	missing.Path = "/no_such_database"
	nobody, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	nobody.User = url.User("no_such_role")
	for name, refused := range map[string]*url.URL{"NoDatabase": missing, "NoRole": nobody} {
		t.Run(name, func(t *testing.T) {
			s := opened(t, refused.String(), Options{})
			_, err := s.Record(t.Context(), nil, nil)
			checkNotExecuted(t, err)
			_, err = s.Document(t.Context(), documentID)
			checkNotExecuted(t, err)
			checkNotExecuted(t, s.Ready(t.Context()))
		})
	}
}

func TestOpen_BadURL_IsRefusedWithoutRepeatingIt(t *testing.T) {
	for name, databaseURL := range map[string]string{
		"BadPort":           "postgres://numora:" + secret + "@db:port/numora",
		"BadEscape":         "postgres://numora:" + secret + "%zz@db/numora",
		"BadOption":         "postgres://numora:" + secret + "@db/numora?sslmode=" + secret,
		"PasswordUnquoted":  "postgres://numora:" + secret + "/#@db/numora",
		"OtherScheme":       "mysql://numora:" + secret + "@db/numora",
		"KeywordsAndValues": "host=db password=" + secret,
		"Nothing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(databaseURL, Options{Create: true})
			if err == nil {
				t.Fatal("it was opened", s.Close())
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the message repeats the URL: %v", err)
			}
		})
	}
}

// A file is something to look after; its name is no secret.
func TestOpen_MissingCertificate_IsNamed(t *testing.T) {
	err := CheckURL("postgres://numora:" + secret + "@db/numora?sslmode=verify-full&sslrootcert=/nowhere/root.crt")
	if err == nil || !strings.Contains(err.Error(), "/nowhere/root.crt") || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v, want an error that names the file and nothing else", err)
	}
}

func TestJudgeServer(t *testing.T) {
	for _, c := range []struct {
		version  int
		encoding string
		want     string
	}{
		{13, "UTF8", ""}, {18, "UTF8", ""}, {12, "UTF8", "version 12"}, {9, "UTF8", "version 9"},
		{15, "SQL_ASCII", "SQL_ASCII"}, {15, "LATIN1", "LATIN1"},
	} {
		err := judgeServer(c.version, c.encoding)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("version %d with %s: %v", c.version, c.encoding, err)
		}
	}
}

// A database that cannot hold every text is not worked with, and nothing is made in it.
func TestPostgres_OtherEncoding_IsNotReady(t *testing.T) {
	s := opened(t, storetest.PostgresWith(t, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"), Options{})
	checkNotExecuted(t, s.Ready(t.Context()))
	checkNotExecuted(t, s.Migrate(t.Context()))
}
