package config

import (
	"fmt"
	"strings"
	"time"
)

// Retry is when a delivery that was tried is due again.
type Retry struct {
	Delay    Duration // after the first try, doubled after each further one
	MaxDelay Duration
	MaxTries Count
}

// check finds what is wrong, named after the settings that delay, maxDelay and maxTries come from.
func (r Retry) check(delay, maxDelay, maxTries string) []string {
	problems := r.Delay.check(delay, 100*time.Millisecond, 24*time.Hour)
	problems = append(problems, r.MaxDelay.check(maxDelay, 100*time.Millisecond, 7*24*time.Hour)...)
	problems = append(problems, r.MaxTries.check(maxTries, 1, 1000)...)
	if len(problems) == 0 && r.MaxDelay.Duration < r.Delay.Duration {
		problems = append(problems, fmt.Sprintf("%s must be at least %s, not %v", maxDelay, delay, r.MaxDelay.Duration))
	}
	return problems
}

// Retries returns what holds for each provider and what for all others, or problems.
func (s Serve) Retries() (standard Retry, providers map[string]Retry, problems []string) {
	standard = Retry{Delay: s.RetryDelay, MaxDelay: s.RetryMaxDelay, MaxTries: s.MaxTries}
	problems = standard.check("NUMORA_RETRY_DELAY", "NUMORA_RETRY_MAX_DELAY", "NUMORA_MAX_TRIES")
	providers = make(map[string]Retry)
	for _, text := range s.ProviderRetries {
		provider, rule, _ := strings.Cut(text, "=")
		parts := strings.Split(rule, "/")
		_, again := providers[provider]
		switch {
		case len(parts) != 3 || !providerFormat.MatchString(provider):
			problems = append(problems, fmt.Sprintf("NUMORA_PROVIDER_RETRIES has %s, which must be PROVIDER=DELAY/MAX_DELAY/TRIES, such as sap=1m/2h/20", quote(text)))
			continue
		case again:
			problems = append(problems, fmt.Sprintf("NUMORA_PROVIDER_RETRIES names %s twice", provider))
			continue
		}
		var r Retry
		_ = r.Delay.UnmarshalText([]byte(parts[0])) // what cannot be read, check tells
		_ = r.MaxDelay.UnmarshalText([]byte(parts[1]))
		_ = r.MaxTries.UnmarshalText([]byte(parts[2]))
		name := "NUMORA_PROVIDER_RETRIES for " + provider + ": "
		problems = append(problems, r.check(name+"DELAY", name+"MAX_DELAY", name+"TRIES")...)
		providers[provider] = r
	}
	return standard, providers, problems
}
