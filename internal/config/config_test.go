package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/config"
)

// serve is what the command line comes to when only the database is named, in the environment.
func serve(t *testing.T, databaseURL string) config.Serve {
	t.Helper()
	environment(t, map[string]string{"NUMORA_DATABASE_URL": databaseURL})
	return config.Serve{
		Database: config.Database{DatabaseURL: databaseURL},
		Listen:   "127.0.0.1:8080", AdminListen: config.DefaultAdminListen,
		Migrate: "auto", UnknownDocuments: "refuse", Docs: "on", LogFormat: "json",
		RequestTimeout: config.Duration{Duration: 3 * time.Second},
		MaxConnections: config.Count{N: 4096}, MaxInWork: config.Count{N: 256}, MaxQueued: config.Count{N: 1024},
		RateLimit: config.Count{N: 600_000}, AddressRateLimit: config.Count{N: 6000},
		DatabaseConnections: config.Count{N: 16},
		RetryDelay:          config.Duration{Duration: 30 * time.Second}, RetryMaxDelay: config.Duration{Duration: time.Hour}, MaxTries: config.Count{N: 12},
		Audit: config.Audit{SealEvery: config.Duration{Duration: time.Minute}, SealEntries: config.Count{N: 10_000}},
	}
}

// anyURL finds nothing wrong with a database URL.
func anyURL(string) error { return nil }

// problems are those that Check lists; there must be some.
func problems(t *testing.T, err error) []string {
	t.Helper()
	wrong := (*config.Error)(nil)
	if !errors.As(err, &wrong) || len(wrong.Problems) == 0 {
		t.Fatalf("got %v, want a list of problems", err)
	}
	return wrong.Problems
}

// file returns the name of a new file with the content.
func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "database-url")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestServe_Check_GoodSettings(t *testing.T) {
	for name, change := range map[string]func(*config.Serve){
		"Defaults":               func(*config.Serve) {},
		"AnyFreePort":            func(s *config.Serve) { s.Listen = "127.0.0.1:0" },
		"EveryInterface":         func(s *config.Serve) { s.Listen = ":8080" },
		"IPv6":                   func(s *config.Serve) { s.Listen = "[::1]:8080" },
		"MigrateOff":             func(s *config.Serve) { s.Migrate = "off" },
		"RegisterUnknown":        func(s *config.Serve) { s.UnknownDocuments = "register" },
		"Providers":              func(s *config.Serve) { s.Providers = []string{"dynamics365", "0", "a.b_c-d"} },
		"ProviderOf64Characters": func(s *config.Serve) { s.Providers = []string{strings.Repeat("a", 64)} },
		"Dev":                    func(s *config.Serve) { s.Dev = true },
		"LogForPeople":           func(s *config.Serve) { s.LogFormat = "text" },
		"DocsOff":                func(s *config.Serve) { s.Docs = "off" },
		"OperatorsOff":           func(s *config.Serve) { s.AdminListen = config.Off },
		"AnyFreePorts":           func(s *config.Serve) { s.Listen, s.AdminListen = "127.0.0.1:0", "127.0.0.1:0" },
		"NoQueue":                func(s *config.Serve) { s.MaxQueued.N = 0 },
		"OneAtATime":             func(s *config.Serve) { s.MaxInWork.N = 1 },
		"ShortRequests":          func(s *config.Serve) { s.RequestTimeout.Duration = 100 * time.Millisecond },
		"LongRequests":           func(s *config.Serve) { s.RequestTimeout.Duration = 7 * time.Second },
		"Proxies":                func(s *config.Serve) { s.TrustedProxies = []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"} },
		"RetriesOfProviders":     func(s *config.Serve) { s.ProviderRetries = []string{"sap=1m/2h/20", "a.b_c-d=100ms/168h/1"} },
		"RetriesAtOnce":          func(s *config.Serve) { s.RetryDelay = s.RetryMaxDelay },
		"DrainForAMinute":        func(s *config.Serve) { s.DrainDelay.Duration = time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "sqlite:numora.db")
			change(&s)
			if databaseURL, err := s.Check(anyURL); err != nil || databaseURL != "sqlite:numora.db" {
				t.Errorf("got %q, error %v", databaseURL, err)
			}
		})
	}
}

func TestServe_Check_NamesTheSettingThatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Serve)
		want   string
	}{
		"NoPort":                  {func(s *config.Serve) { s.Listen = "127.0.0.1" }, "NUMORA_LISTEN"},
		"PortTooLarge":            {func(s *config.Serve) { s.Listen = "127.0.0.1:99999" }, "NUMORA_LISTEN"},
		"PortThatIsNoNumber":      {func(s *config.Serve) { s.Listen = "127.0.0.1:http" }, "NUMORA_LISTEN"},
		"PortBeyondTheLast":       {func(s *config.Serve) { s.Listen = "127.0.0.1:65536" }, "NUMORA_LISTEN"},
		"NoListen":                {func(s *config.Serve) { s.Listen = "" }, "NUMORA_LISTEN"},
		"OtherMigrate":            {func(s *config.Serve) { s.Migrate = "yes" }, "NUMORA_MIGRATE"},
		"NoMigrate":               {func(s *config.Serve) { s.Migrate = "" }, "NUMORA_MIGRATE"},
		"OtherUnknownDocuments":   {func(s *config.Serve) { s.UnknownDocuments = "allow" }, "NUMORA_UNKNOWN_DOCUMENTS"},
		"NoUnknownDocuments":      {func(s *config.Serve) { s.UnknownDocuments = "" }, "NUMORA_UNKNOWN_DOCUMENTS"},
		"OtherDocs":               {func(s *config.Serve) { s.Docs = "true" }, "NUMORA_DOCS"},
		"NoDocs":                  {func(s *config.Serve) { s.Docs = "" }, "NUMORA_DOCS"},
		"OtherLogFormat":          {func(s *config.Serve) { s.LogFormat = "xml" }, "NUMORA_LOG_FORMAT"},
		"NegativeDrainDelay":      {func(s *config.Serve) { s.DrainDelay.Duration = -time.Second }, "NUMORA_DRAIN_DELAY"},
		"LongDrainDelay":          {func(s *config.Serve) { s.DrainDelay.Duration = time.Minute + time.Second }, "NUMORA_DRAIN_DELAY"},
		"NoAdminPort":             {func(s *config.Serve) { s.AdminListen = "on" }, "NUMORA_ADMIN_LISTEN"},
		"SameAddressTwice":        {func(s *config.Serve) { s.AdminListen = s.Listen }, "NUMORA_LISTEN and NUMORA_ADMIN_LISTEN"},
		"DevWithoutMigration":     {func(s *config.Serve) { s.Dev, s.Migrate = true, "off" }, "NUMORA_MIGRATE=off does not go with --dev"},
		"NoRequestTimeout":        {func(s *config.Serve) { s.RequestTimeout.Duration = 0 }, "NUMORA_REQUEST_TIMEOUT"},
		"LongRequestTimeout":      {func(s *config.Serve) { s.RequestTimeout.Duration = 8 * time.Second }, "NUMORA_REQUEST_TIMEOUT"},
		"NoConnections":           {func(s *config.Serve) { s.MaxConnections.N = 0 }, "NUMORA_MAX_CONNECTIONS"},
		"NothingInWork":           {func(s *config.Serve) { s.MaxInWork.N = 0 }, "NUMORA_MAX_IN_WORK"},
		"NegativeQueue":           {func(s *config.Serve) { s.MaxQueued.N = -1 }, "NUMORA_MAX_QUEUED"},
		"NoRate":                  {func(s *config.Serve) { s.RateLimit.N = 0 }, "NUMORA_RATE_LIMIT"},
		"TooHighRate":             {func(s *config.Serve) { s.RateLimit.N = 1_000_000_001 }, "NUMORA_RATE_LIMIT"},
		"NoAddressRate":           {func(s *config.Serve) { s.AddressRateLimit.N = 0 }, "NUMORA_ADDRESS_RATE_LIMIT"},
		"NoDatabaseConnections":   {func(s *config.Serve) { s.DatabaseConnections.N = 0 }, "NUMORA_DATABASE_CONNECTIONS"},
		"ProxyThatIsNoNetwork":    {func(s *config.Serve) { s.TrustedProxies = []string{"10.0.0.0/8", "proxy"} }, `NUMORA_TRUSTED_PROXIES names "proxy"`},
		"EmptyProvider":           {func(s *config.Serve) { s.Providers = []string{"sap", ""} }, "NUMORA_PROVIDERS"},
		"ProviderInUpperCase":     {func(s *config.Serve) { s.Providers = []string{"SAP"} }, "NUMORA_PROVIDERS"},
		"ProviderWithSpace":       {func(s *config.Serve) { s.Providers = []string{" sap"} }, "NUMORA_PROVIDERS"},
		"ProviderBeginsWithDot":   {func(s *config.Serve) { s.Providers = []string{".sap"} }, "NUMORA_PROVIDERS"},
		"ProviderEndsWithNewline": {func(s *config.Serve) { s.Providers = []string{"sap\n"} }, "NUMORA_PROVIDERS"},
		"ProviderOf65Characters":  {func(s *config.Serve) { s.Providers = []string{strings.Repeat("a", 65)} }, "NUMORA_PROVIDERS"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "sqlite:numora.db")
			test.change(&s)
			databaseURL, err := s.Check(anyURL)
			if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("got %q, want one about %s", got, test.want)
			}
			if databaseURL != "" {
				t.Errorf("got %s in spite of a problem", databaseURL)
			}
		})
	}
}

func TestServe_Check_ListsEveryProblemAtOnce(t *testing.T) {
	environment(t, nil)
	s := config.Serve{Providers: []string{"SAP", "dynamics365", "-"}, DrainDelay: config.Duration{Duration: -1}}
	_, err := s.Check(anyURL, "known before")
	got := problems(t, err)
	want := []string{
		"NUMORA_DATABASE_URL", "NUMORA_LISTEN", "NUMORA_ADMIN_LISTEN", "NUMORA_MIGRATE", "NUMORA_UNKNOWN_DOCUMENTS",
		"NUMORA_DRAIN_DELAY", "NUMORA_REQUEST_TIMEOUT", "NUMORA_MAX_CONNECTIONS", "NUMORA_MAX_IN_WORK",
		"NUMORA_RATE_LIMIT", "NUMORA_ADDRESS_RATE_LIMIT", "NUMORA_DATABASE_CONNECTIONS", "NUMORA_AUDIT_SEAL_EVERY", "NUMORA_AUDIT_SEAL_ENTRIES", "NUMORA_RETRY_DELAY", "NUMORA_RETRY_MAX_DELAY", "NUMORA_MAX_TRIES", "NUMORA_DOCS", "NUMORA_LOG_FORMAT",
		`NUMORA_PROVIDERS names "SAP"`, `NUMORA_PROVIDERS names "-"`, "known before",
	}
	if !slices.EqualFunc(got, want, strings.Contains) {
		t.Errorf("got %q, want one about each of %q", got, want)
	}
	if text := strings.Split(err.Error(), "\n"); !slices.Equal(text, got) {
		t.Errorf("the message is %q, want a line for each problem", text)
	}
}

func TestServe_Check_DevBringsItsOwnDatabaseUnlessOneIsNamed(t *testing.T) {
	named := file(t, "sqlite:from-file.db")
	for name, test := range map[string]struct {
		url, file, want string
	}{
		"None_IsDevs":        {"", "", config.DevDatabase},
		"URL_IsWhatItNames":  {"sqlite:mine.db", "", "sqlite:mine.db"},
		"File_IsWhatItNames": {"", named, "sqlite:from-file.db"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.url)
			s.DatabaseURLFile, s.Dev = test.file, true
			if got, err := s.Check(anyURL); err != nil || got != test.want {
				t.Errorf("got %q, error %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestServe_Proxies(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"})
	for given, want := range map[string]string{
		"10.0.0.0/8":            "10.0.0.0/8",
		"10.1.2.3/8":            "10.0.0.0/8", // bits of a host do no harm
		"192.0.2.7":             "192.0.2.7/32",
		"0.0.0.0/0":             "0.0.0.0/0",
		"2001:db8::/32":         "2001:db8::/32",
		"2001:db8:1::7/32":      "2001:db8::/32",
		"2001:db8::7":           "2001:db8::7/128",
		"::ffff:192.0.2.7":      "192.0.2.7/32", // IPv4, written as IPv6
		"::ffff:10.1.2.3/104":   "10.0.0.0/8",
		"10.0.0.0/8,2001:db8::": "10.0.0.0/8 2001:db8::/128",
	} {
		t.Run(given, func(t *testing.T) {
			settings := parse(t, "--trusted-proxies="+given)
			wantsProblem(t, settings, "")
			networks, _ := settings.Proxies()
			if got := strings.Trim(fmt.Sprint(networks), "[]"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestServe_Proxies_NamesWhatIsNoNetwork(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"})
	for _, given := range []string{
		"proxy", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/08", "/8", "192.0.2.7:80", "[2001:db8::7]", "2001:db8::/129", "192.0.2.7-9", " 192.0.2.7",
		"fe80::7%eth0", "fe80::%eth0/64", // a zone means something on one machine only
	} {
		t.Run(given, func(t *testing.T) {
			problem := fmt.Sprintf("NUMORA_TRUSTED_PROXIES names %q, which must be a network such as 10.0.0.0/8 or an address", given)
			wantsProblem(t, parse(t, "--trusted-proxies=10.0.0.0/8,"+given), problem)
		})
	}
	t.Run("EmptyVariable_IsNone", func(t *testing.T) {
		t.Setenv("NUMORA_TRUSTED_PROXIES", "")
		settings := parse(t)
		wantsProblem(t, settings, "")
		if networks, _ := settings.Proxies(); len(networks) > 0 {
			t.Errorf("got %v", networks)
		}
	})
}
