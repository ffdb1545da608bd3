package delivery

import "time"

// RetryPolicy says when a delivery that was tried is due again by itself.
type RetryPolicy struct {
	Delay    time.Duration // after the first try; doubled after each further one
	MaxDelay time.Duration // at least Delay
	MaxTries int           // at least 1; a delivery that used them up is exhausted
}

// DefaultRetry is the policy where no other is set.
var DefaultRetry = RetryPolicy{Delay: 30 * time.Second, MaxDelay: time.Hour, MaxTries: 12}

// Backoff is how long a delivery rests after its last try, of so many.
func (p RetryPolicy) Backoff(tries int) time.Duration {
	delay := p.Delay
	for range tries - 1 {
		if delay >= p.MaxDelay/2 {
			return p.MaxDelay
		}
		delay *= 2
	}
	return min(delay, p.MaxDelay)
}

// RetryPolicies are the policies of a deployment. A changed one holds for what is recorded from then on.
type RetryPolicies struct {
	Default   RetryPolicy // where zero, DefaultRetry
	Providers map[string]RetryPolicy
}

// For returns the policy of a provider.
func (p RetryPolicies) For(provider string) RetryPolicy {
	if own, given := p.Providers[provider]; given {
		return own
	}
	if p.Default == (RetryPolicy{}) {
		return DefaultRetry
	}
	return p.Default
}
