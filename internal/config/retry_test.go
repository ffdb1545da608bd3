package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/config"
)

func TestServe_Retries(t *testing.T) {
	s := serve(t, "sqlite:numora.db")
	s.ProviderRetries = []string{"sap=1m/2h/20", "odoo=100ms/1s/1"}
	standard, providers, problems := s.Retries()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	retry := func(delay, most time.Duration, tries int) config.Retry {
		return config.Retry{Delay: config.Duration{Duration: delay}, MaxDelay: config.Duration{Duration: most}, MaxTries: config.Count{N: tries}}
	}
	if want := retry(30*time.Second, time.Hour, 12); standard != want {
		t.Errorf("got %+v, want %+v", standard, want)
	}
	if len(providers) != 2 || providers["sap"] != retry(time.Minute, 2*time.Hour, 20) || providers["odoo"] != retry(100*time.Millisecond, time.Second, 1) {
		t.Errorf("got %+v", providers)
	}
}

func TestServe_Check_NamesTheRetryThatIsWrong(t *testing.T) {
	for rule, want := range map[string]string{
		"sap":             "must be PROVIDER=DELAY/MAX_DELAY/TRIES",
		"sap=1m/2h":       "must be PROVIDER=DELAY/MAX_DELAY/TRIES",
		"SAP=1m/2h/3":     "must be PROVIDER=DELAY/MAX_DELAY/TRIES",
		"=1m/2h/3":        "must be PROVIDER=DELAY/MAX_DELAY/TRIES",
		"sap=1/2h/3":      "for sap: DELAY must be a duration",
		"sap=99ms/2h/3":   "for sap: DELAY must be between 100ms and 24h0m0s",
		"sap=1m/169h/3":   "for sap: MAX_DELAY must be between 100ms and 168h0m0s",
		"sap=1m/59s/3":    "for sap: MAX_DELAY must be at least",
		"sap=1m/2h/0":     "for sap: TRIES must be between 1 and 1000",
		"sap=1m/2h/many":  "for sap: TRIES must be a whole number",
		"odoo=1m/2h/1001": "for odoo: TRIES must be between 1 and 1000",
	} {
		s := serve(t, "sqlite:numora.db")
		s.ProviderRetries = []string{"dynamics365=1m/2h/3", rule}
		_, err := s.Check(anyURL)
		if found := problems(t, err); len(found) != 1 || !strings.Contains(found[0], "NUMORA_PROVIDER_RETRIES") || !strings.Contains(found[0], want) {
			t.Errorf("%s: got %q, want %q", rule, found, want)
		}
	}
	s := serve(t, "sqlite:numora.db")
	s.ProviderRetries = []string{"sap=1m/2h/3", "sap=1m/2h/4"}
	if _, err := s.Check(anyURL); !strings.Contains(err.Error(), "names sap twice") {
		t.Errorf("got %v", err)
	}
	s = serve(t, "sqlite:numora.db")
	s.RetryDelay.Duration, s.RetryMaxDelay.Duration, s.MaxTries.N = 0, 8*24*time.Hour, 0
	_, err := s.Check(anyURL)
	for i, want := range []string{"NUMORA_RETRY_DELAY", "NUMORA_RETRY_MAX_DELAY", "NUMORA_MAX_TRIES"} {
		if found := problems(t, err); len(found) != 3 || !strings.Contains(found[i], want) {
			t.Errorf("got %q, want %s as the problem number %d", found, want, i)
		}
	}
}
