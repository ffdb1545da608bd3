package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

func TestMetrics_Outbox_IsAskedAtEachScrape(t *testing.T) {
	m, gauges := New(Build{}, nil, nil), quiet(t)
	backlogs := []delivery.Backlog{
		{Provider: "sap", Due: 3, Leased: 2, Exhausted: 1, DueFor: 90 * time.Second}, {Provider: "odoo", Leased: 4},
	}
	gauges.Backlogs = func() []delivery.Backlog { return backlogs }
	gauges.Claims, gauges.Expiries, gauges.Requeues = func() uint64 { return 7 }, func() uint64 { return 8 }, func() uint64 { return 9 }
	m.Watch(gauges)
	wants(t, scrape(t, m), map[string]string{
		`numora_deliveries_due{provider="sap"}`: "3", `numora_deliveries_leased{provider="sap"}`: "2",
		`numora_deliveries_exhausted{provider="sap"}`: "1", `numora_oldest_due_seconds{provider="sap"}`: "90",
		`numora_deliveries_due{provider="odoo"}`: "0", `numora_deliveries_leased{provider="odoo"}`: "4",
		"numora_claims_total": "7", "numora_lease_expiries_total": "8", "numora_requeues_total": "9",
	})
	backlogs = nil // the database is away, or all is delivered
	if got := scrape(t, m); got[`numora_deliveries_due{provider="sap"}`] != "" {
		t.Error("what is not known any more is served")
	}
}

// Reports name providers freely: the largest are told apart, the others counted together.
func TestMetrics_Outbox_TellsTheLargestApart(t *testing.T) {
	m, gauges := New(Build{}, nil, nil), quiet(t)
	gauges.Backlogs = func() []delivery.Backlog {
		var backlogs []delivery.Backlog
		for i := range 102 {
			backlogs = append(backlogs, delivery.Backlog{Provider: fmt.Sprintf("p%d", i), Due: 1 + i, Leased: 1, DueFor: time.Duration(200-i) * time.Second})
		}
		return backlogs
	}
	m.Watch(gauges)
	got := scrape(t, m)
	wants(t, got, map[string]string{
		`numora_deliveries_due{provider="p101"}`: "102", `numora_deliveries_due{provider="p2"}`: "3",
		`numora_deliveries_due{provider="other"}`: "3", `numora_deliveries_leased{provider="other"}`: "2", `numora_oldest_due_seconds{provider="other"}`: "200",
	})
	if got[`numora_deliveries_due{provider="p1"}`] != "" {
		t.Error("more than a hundred providers are told apart")
	}
}
