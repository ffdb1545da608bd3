package metrics

import (
	"testing"
	"time"
)

func TestMetrics_Sealing_IsAskedAtEachScrape(t *testing.T) {
	m, gauges := New(Build{}, nil, nil), quiet(t)
	entries, age, known := 3, 90*time.Second, true
	gauges.Unsealed = func() (int, time.Duration, bool) { return entries, age, known }
	m.Watch(gauges)
	wants(t, scrape(t, m), map[string]string{"numora_audit_unsealed_entries": "3", "numora_audit_unsealed_age_seconds": "90"})
	entries, age = 0, 0
	wants(t, scrape(t, m), map[string]string{"numora_audit_unsealed_entries": "0", "numora_audit_unsealed_age_seconds": "0"})
	known = false // nothing is sealed here, or the database is away: 0 would be a lie
	wants(t, scrape(t, m), map[string]string{"numora_audit_unsealed_entries": "", "numora_audit_unsealed_age_seconds": ""})
}
