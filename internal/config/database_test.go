package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/store"
)

const secret = "hunter2"

func TestDatabase_URL_IsTakenAsItStands(t *testing.T) {
	for _, databaseURL := range []string{
		"sqlite:numora.db", "sqlite:/var/lib/numora/odd name%20?#.db",
		"postgres://numora@db/numora", "postgresql://numora@db/numora?sslmode=verify-full",
		"postgres://numora:" + secret + "@db/numora", // a password in the environment is fine
	} {
		t.Run(databaseURL, func(t *testing.T) {
			t.Setenv("NUMORA_DATABASE_URL", databaseURL)
			if got, err := (config.Database{DatabaseURL: databaseURL}).Check(store.CheckURL); err != nil || got != databaseURL {
				t.Errorf("got %q, error %v", got, err)
			}
		})
	}
}

func TestDatabase_File_IsTheURLWithoutWhiteSpaceAround(t *testing.T) {
	t.Setenv("NUMORA_DATABASE_URL", "")
	want := "postgres://numora:" + secret + "@db/numora"
	for name, content := range map[string]string{
		"AsItStands": want, "WithLineEnd": want + "\n", "WithWindowsLineEnd": want + "\r\n", "WithSpaces": "  " + want + "\t\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := (config.Database{DatabaseURLFile: file(t, content)}).Check(store.CheckURL); err != nil || got != want {
				t.Errorf("got %q, error %v", got, err)
			}
		})
	}
}

func TestDatabase_Refusals(t *testing.T) {
	for name, test := range map[string]struct {
		url, file string
		want      string
	}{
		"Nothing_NamesTheVariable":    {"", "", "NUMORA_DATABASE_URL is not set"},
		"Both_NamesBoth":              {"sqlite:numora.db", file(t, "sqlite:numora.db"), "NUMORA_DATABASE_URL or NUMORA_DATABASE_URL_FILE, not both"},
		"NoSuchFile_NamesTheVariable": {"", filepath.Join(t.TempDir(), "nowhere"), "NUMORA_DATABASE_URL_FILE cannot be read"},
		"EmptyFile_NamesTheVariable":  {"", file(t, "\n"), "the file of NUMORA_DATABASE_URL_FILE: it must begin with"},
		"OtherScheme":                 {"mysql://numora:" + secret + "@db/numora", "", "NUMORA_DATABASE_URL: it must begin with"},
		"NoScheme":                    {"/var/lib/numora.db", "", "must begin with"},
		"KeywordsAndValues":           {"host=db user=numora password=" + secret, "", "must begin with"},
		"SQLiteWithoutPath":           {"sqlite:", "", "must name a file"},
		"PostgresWithoutHost":         {"postgres://", "", "postgres://USER@HOST"},
		"OtherSchemeInTheFile":        {"", file(t, "mysql://numora:"+secret+"@db/numora"), "the file of NUMORA_DATABASE_URL_FILE: it must begin with"},
		"SeveralLinesInTheFile":       {"", file(t, "password "+secret+"\npostgres://db/numora"), "the file of NUMORA_DATABASE_URL_FILE: it must begin with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NUMORA_DATABASE_URL", test.url)
			got, err := config.Database{DatabaseURL: test.url, DatabaseURLFile: test.file}.Check(store.CheckURL)
			if list := problems(t, err); len(list) != 1 || !strings.Contains(list[0], test.want) {
				t.Errorf("got %q, want one that says %q", list, test.want)
			}
			if strings.Contains(err.Error(), secret) || got != "" {
				t.Errorf("got %q and the message %q", got, err)
			}
		})
	}
}

// Who starts a server with a password on its command line shows it to every user of the machine.
func TestDatabase_PasswordOnTheCommandLine_IsRefusedAndNotRepeated(t *testing.T) {
	for name, databaseURL := range map[string]string{
		"InTheUserInfo":              "postgres://numora:" + secret + "@db/numora",
		"InTheQuery":                 "postgres://numora@db/numora?password=" + secret,
		"InTheQueryBeforeASemicolon": "postgres://numora@db/numora?password=" + secret + ";x", // all of it is the password
		"InTheQueryEscaped":          "postgres://numora@db/numora?sslmode=require&p%61ssword=" + secret,
		"OfTheKey":                   "postgres://numora@db/numora?sslkey=k&sslpassword=" + secret,
		"WithSeveralHosts":           "postgres://numora:" + secret + "@db1:5432,db2/numora",
		"InAnUnreadableURL":          "postgres://numora:" + secret + "%zz@db/numora",
		"OtherSpelling":              "postgresql://numora:" + secret + "@db/numora",
		"Empty":                      "postgres://numora:@db/numora",
	} {
		for environment, value := range map[string]string{
			"environment unset": "", "environment other": "postgres://numora@db/other",
		} {
			t.Run(name+"/"+environment, func(t *testing.T) {
				t.Setenv("NUMORA_DATABASE_URL", value)
				_, err := config.Database{DatabaseURL: databaseURL}.Check(anyURL)
				if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], "--database-url holds a password") {
					t.Errorf("got %q, want one about the password", got)
				}
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the message repeats the password: %v", err)
				}
			})
		}
	}
}

func TestDatabase_CommandLineWithoutPassword_IsAccepted(t *testing.T) {
	t.Setenv("NUMORA_DATABASE_URL", "")
	for _, databaseURL := range []string{
		"postgres://numora@db/numora", "postgres://db/numora?sslmode=disable",
		"postgres://numora@db1:5432,db2:5433/numora?target_session_attrs=read-write", "postgres://numora@db1:5432,db2/numora",
		"postgres://numora@[::1]:5432,[fe80::1]/numora", "postgres://numora@%2Fvar%2Frun%2Fpostgresql/numora",
		"postgres://numora@/numora?host=/var/run/postgresql", "postgres://numora@/numora?host=db1,db2&passfile=/etc/numora/pgpass",
		"sqlite:a:b@c.db", "sqlite:odd?password=x.db", "sqlite:/data/100%.db", // a file name, whatever it looks like
	} {
		if got, err := (config.Database{DatabaseURL: databaseURL}).Check(anyURL); err != nil || got != databaseURL {
			t.Errorf("got %q, error %v, want %q", got, err, databaseURL)
		}
	}
}
