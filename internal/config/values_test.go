package config_test

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/store"
)

// environment makes these the only NUMORA_ variables.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "NUMORA_") {
			t.Setenv(name, value) // restores it afterwards
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

// commandLine is the parser of the program, for "serve" alone.
func commandLine(t *testing.T, options ...kong.Option) (*kong.Kong, *config.Serve) {
	t.Helper()
	var line struct{ config.Serve }
	parser, err := kong.New(&line, options...)
	if err != nil {
		t.Fatal(err)
	}
	return parser, &line.Serve
}

// parse returns the settings that come of a command line, in the environment that is.
func parse(t *testing.T, arguments ...string) config.Serve {
	t.Helper()
	parser, settings := commandLine(t)
	if _, err := parser.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return *settings
}

func TestServe_Defaults_AreThoseThatTheHouseNamesElsewhere(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"})
	got := parse(t)
	if want := serve(t, "sqlite:numora.db"); !reflect.DeepEqual(got, want) {
		t.Errorf("nothing but the database named comes to\n%+v, want\n%+v", got, want)
	}
	if got.AdminListen != config.DefaultAdminListen {
		t.Errorf("the default of NUMORA_ADMIN_LISTEN is %s, but %s is taken for it", got.AdminListen, config.DefaultAdminListen)
	}
	if got.DatabaseConnections.N != store.DefaultConnections {
		t.Errorf("the default of NUMORA_DATABASE_CONNECTIONS is %d, the store's own %d", got.DatabaseConnections.N, store.DefaultConnections)
	}
	if _, err := got.Check(store.CheckURL); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func TestServe_EachSetting_HasAVariableNamedAsItsFlag_AndIsExplained(t *testing.T) {
	environment(t, nil)
	var help bytes.Buffer
	parser, _ := commandLine(t, kong.Writers(&help, &help), kong.Exit(func(int) {}))
	flags := parser.Model.Flags
	if len(flags) < 17 {
		t.Fatalf("got %d flags", len(flags))
	}
	if _, err := parser.Parse([]string{"--help"}); err != nil {
		t.Fatal(err)
	}
	for _, flag := range flags {
		variable := "NUMORA_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		switch {
		case flag.Name == "help", flag.Name == "dev" && flag.Envs == nil: // both are said, never left behind in an environment
		case !slices.Equal(flag.Envs, []string{variable}):
			t.Errorf("--%s is set by %q, want %s alone", flag.Name, flag.Envs, variable)
		case !strings.Contains(help.String(), "--"+flag.Name) || !strings.Contains(help.String(), "$"+variable):
			t.Errorf("--help does not tell of --%s and %s", flag.Name, variable)
		}
		if flag.Help == "" {
			t.Errorf("--%s has no help", flag.Name)
		}
	}
}

func TestServe_Duration(t *testing.T) {
	const variable = "NUMORA_DRAIN_DELAY"
	for name, test := range map[string]struct {
		environment, flag string // empty: not given
		want              time.Duration
		problem           string
	}{
		"Default":             {"", "", 0, ""},
		"Environment":         {"1m", "", time.Minute, ""},
		"Flag":                {"", "1500ms", 1500 * time.Millisecond, ""},
		"FlagWins":            {"1m", "5s", 5 * time.Second, ""},
		"FlagWinsAsZero":      {"1m", "0s", 0, ""},
		"FlagMendsABadOne":    {"soon", "5s", 5 * time.Second, ""},
		"NoUnit":              {"5", "", 0, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not "5"`},
		"OtherUnit":           {"", "1d", 0, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not "1d"`},
		"Word":                {"soon", "", 0, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not "soon"`},
		"Blank":               {" ", "", 0, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not " "`},
		"BadFlagOverGoodOnes": {"1s", "soon", 0, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not "soon"`},
		"OutOfRange":          {"2m", "", 0, "NUMORA_DRAIN_DELAY must be between 0s and 1m0s, not 2m0s"},
		"Negative":            {"", "-1s", 0, "NUMORA_DRAIN_DELAY must be between 0s and 1m0s, not -1s"},
		"URL_IsNotRepeated":   {"postgres://numora:" + secret + "@db/numora", "", 0, "NUMORA_DRAIN_DELAY must be a duration such as 5s, not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := given(t, variable, test.environment, "--drain-delay", test.flag)
			wantsProblem(t, settings, test.problem)
			if test.problem == "" && settings.DrainDelay.Duration != test.want {
				t.Errorf("got %v, want %v", settings.DrainDelay, test.want)
			}
		})
	}
}

func TestServe_Count(t *testing.T) {
	const variable = "NUMORA_MAX_QUEUED"
	for name, test := range map[string]struct {
		environment, flag string
		want              int
		problem           string
	}{
		"Default":           {"", "", 1024, ""},
		"Environment":       {"7", "", 7, ""},
		"Flag":              {"", "8", 8, ""},
		"FlagWins":          {"7", "8", 8, ""},
		"Zero":              {"0", "", 0, ""},
		"FlagWinsAsZero":    {"7", "0", 0, ""},
		"FlagMendsABadOne":  {"many", "8", 8, ""},
		"Word":              {"many", "", 0, `NUMORA_MAX_QUEUED must be a whole number, not "many"`},
		"Fraction":          {"", "1.5", 0, `NUMORA_MAX_QUEUED must be a whole number, not "1.5"`},
		"Grouped":           {"1_024", "", 0, `NUMORA_MAX_QUEUED must be a whole number, not "1_024"`},
		"Blank":             {" ", "", 0, `NUMORA_MAX_QUEUED must be a whole number, not " "`},
		"BeyondEveryInt":    {"99999999999999999999", "", 0, `NUMORA_MAX_QUEUED must be a whole number, not "99999999999999999999"`},
		"OutOfRange":        {"1000001", "", 0, "NUMORA_MAX_QUEUED must be between 0 and 1000000, not 1000001"},
		"Negative":          {"", "-1", 0, "NUMORA_MAX_QUEUED must be between 0 and 1000000, not -1"},
		"URL_IsNotRepeated": {"postgres://numora:" + secret + "@db/numora", "", 0, "NUMORA_MAX_QUEUED must be a whole number, not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := given(t, variable, test.environment, "--max-queued", test.flag)
			wantsProblem(t, settings, test.problem)
			if test.problem == "" && settings.MaxQueued.N != test.want {
				t.Errorf("got %v, want %v", settings.MaxQueued.N, test.want)
			}
		})
	}
}

func TestServe_Switch(t *testing.T) {
	on, off := []string{"true", "1", "yes", "on", "True", "ON"}, []string{"false", "0", "no", "off", "False", "OFF", ""}
	for _, value := range slices.Concat(on, off) {
		want := slices.Contains(on, value)
		environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_ALLOW_LOSSY_DATABASE": value})
		if settings := parse(t); settings.AllowLossyDatabase.On != want {
			t.Errorf("NUMORA_ALLOW_LOSSY_DATABASE=%s: got %v", value, settings.AllowLossyDatabase.On)
		} else {
			wantsProblem(t, settings, "")
		}
		if settings := parse(t, "--allow-lossy-database"); !settings.AllowLossyDatabase.On {
			t.Errorf("NUMORA_ALLOW_LOSSY_DATABASE=%s and the flag: got off", value)
		}
		environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_ALLOW_LOSSY_DATABASE": "true"})
		if settings := parse(t, "--allow-lossy-database="+value); settings.AllowLossyDatabase.On != want {
			t.Errorf("--allow-lossy-database=%s: got %v", value, settings.AllowLossyDatabase.On)
		} else {
			wantsProblem(t, settings, "")
		}
	}
}

func TestServe_Switch_ThatIsNeither_IsAProblem(t *testing.T) {
	const problem = "NUMORA_ALLOW_LOSSY_DATABASE must be true or false, not "
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_ALLOW_LOSSY_DATABASE": "perhaps"})
	wantsProblem(t, parse(t), problem+`"perhaps"`)
	wantsProblem(t, parse(t, "--allow-lossy-database=0.5"), problem+`"0.5"`)
	wantsProblem(t, parse(t, "--allow-lossy-database=postgres://numora:"+secret+"@db/numora"), problem+"a URL")
	wantsProblem(t, parse(t, "--allow-lossy-database"), "") // the flag mends it

	parser, _ := commandLine(t)
	if _, err := parser.Parse([]string{"--allow-lossy-database", "false"}); err == nil {
		t.Error("a word behind the flag is passed over, and the switch is on")
	}
}

func TestServe_FlagGivenTwice_TheLastCounts(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"})
	settings := parse(t, "--drain-delay=soon", "--drain-delay=5s", "--max-queued=many", "--max-queued=5",
		"--allow-lossy-database=perhaps", "--allow-lossy-database=no")
	wantsProblem(t, settings, "")
	if settings.DrainDelay.Duration != 5*time.Second || settings.MaxQueued.N != 5 || settings.AllowLossyDatabase.On {
		t.Errorf("got %+v", settings)
	}
}

func TestServe_WhatCannotBeRead_IsListedWithEverythingElse(t *testing.T) {
	environment(t, map[string]string{
		"NUMORA_LISTEN": "everywhere", "NUMORA_DRAIN_DELAY": "soon", "NUMORA_REQUEST_TIMEOUT": "", "NUMORA_MAX_CONNECTIONS": "all",
		"NUMORA_MAX_IN_WORK": "0", "NUMORA_ALLOW_LOSSY_DATABASE": "perhaps", "NUMORA_TRUSTED_PROXIES": "10.0.0.0/8,everybody",
		"NUMORA_LISTEN_ADDRESS": "127.0.0.1:80",
	})
	_, err := parse(t, "--max-queued=-1", "--database-connections=some", "--providers=SAP,sap").Check(store.CheckURL, "known before")
	want := []string{
		"NUMORA_DATABASE_URL is not set", `NUMORA_LISTEN must be HOST:PORT, not "everywhere"`, `NUMORA_DRAIN_DELAY must be a duration such as 5s, not "soon"`,
		`NUMORA_REQUEST_TIMEOUT must be a duration such as 5s, not ""`, `NUMORA_MAX_CONNECTIONS must be a whole number, not "all"`,
		"NUMORA_MAX_IN_WORK must be between 1 and 100000, not 0", "NUMORA_MAX_QUEUED must be between 0 and 1000000, not -1",
		`NUMORA_DATABASE_CONNECTIONS must be a whole number, not "some"`, `NUMORA_TRUSTED_PROXIES names "everybody"`,
		`NUMORA_ALLOW_LOSSY_DATABASE must be true or false, not "perhaps"`, `NUMORA_PROVIDERS names "SAP"`,
		"NUMORA_LISTEN_ADDRESS is no setting", "known before",
	}
	if got := problems(t, err); !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant each of\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A URL that got into the wrong variable shows in no message: it may hold a password.
func TestServe_URLInTheWrongPlace_IsNotRepeated(t *testing.T) {
	const misplaced = "postgres://numora:" + secret + "@db/numora"
	for _, variable := range []string{
		"NUMORA_DATABASE_URL_FILE", "NUMORA_LISTEN", "NUMORA_ADMIN_LISTEN", "NUMORA_MIGRATE", "NUMORA_UNKNOWN_DOCUMENTS", "NUMORA_PROVIDERS",
		"NUMORA_DRAIN_DELAY", "NUMORA_REQUEST_TIMEOUT", "NUMORA_MAX_CONNECTIONS", "NUMORA_MAX_IN_WORK", "NUMORA_MAX_QUEUED",
		"NUMORA_DATABASE_CONNECTIONS", "NUMORA_TRUSTED_PROXIES", "NUMORA_DOCS", "NUMORA_LOG_FORMAT", "NUMORA_ALLOW_LOSSY_DATABASE", "NUMORA_DATABASE_PASSWORD",
	} {
		t.Run(variable, func(t *testing.T) {
			environment(t, map[string]string{variable: misplaced})
			_, err := parse(t).Check(store.CheckURL)
			if got := problems(t, err); !slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, variable+" ") }) {
				t.Errorf("got %q, want one about %s", got, variable)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the message repeats the password: %v", err)
			}
		})
	}
}

// given returns the settings that come of a value in the environment and one behind the flag, where there is one.
func given(t *testing.T, variable, inEnvironment, flag, behindFlag string) config.Serve {
	t.Helper()
	variables := map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"}
	if inEnvironment != "" {
		variables[variable] = inEnvironment
	}
	environment(t, variables)
	if behindFlag == "" {
		return parse(t)
	}
	return parse(t, flag+"="+behindFlag)
}

// wantsProblem fails the test unless this is all that is wrong with settings; empty means nothing.
func wantsProblem(t *testing.T, settings config.Serve, problem string) {
	t.Helper()
	_, err := settings.Check(store.CheckURL)
	if problem == "" {
		if err != nil {
			t.Errorf("got %v, want nothing wrong", err)
		}
		return
	}
	if got := problems(t, err); !slices.Equal(got, []string{problem}) {
		t.Errorf("got %q, want %q", got, problem)
	}
}
