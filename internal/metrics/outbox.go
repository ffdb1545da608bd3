package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/numora/delivery/internal/delivery"
)

var (
	due       = prometheus.NewDesc("numora_deliveries_due", "Deliveries that are due, by provider, asked now.", []string{"provider"}, nil)
	leased    = prometheus.NewDesc("numora_deliveries_leased", "Deliveries with an open lease, by provider, asked now.", []string{"provider"}, nil)
	exhausted = prometheus.NewDesc("numora_deliveries_exhausted", "Deliveries whose tries are used up, by provider, asked now.", []string{"provider"}, nil)
	oldestDue = prometheus.NewDesc("numora_oldest_due_seconds", "How long the delivery that is due longest has been, by provider, asked now.", []string{"provider"}, nil)
)

// outbox tells what stands in the outbox at each scrape, of the maxProviders providers with the most there, and of
// all others together.
type outbox struct{ backlogs func() []delivery.Backlog }

// Describe implements prometheus.Collector.
func (outbox) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{due, leased, exhausted, oldestDue} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (o outbox) Collect(figures chan<- prometheus.Metric) {
	for _, b := range largest(o.backlogs()) {
		for description, value := range map[*prometheus.Desc]float64{
			due: float64(b.Due), leased: float64(b.Leased), exhausted: float64(b.Exhausted), oldestDue: b.DueFor.Seconds(),
		} {
			figures <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, value, b.Provider)
		}
	}
}

func largest(backlogs []delivery.Backlog) []delivery.Backlog {
	if len(backlogs) <= maxProviders {
		return backlogs
	}
	size := func(b delivery.Backlog) int { return b.Due + b.Leased + b.Exhausted }
	slices.SortFunc(backlogs, func(a, b delivery.Backlog) int { return size(b) - size(a) })
	others := delivery.Backlog{Provider: otherProviders}
	for _, b := range backlogs[maxProviders:] {
		others.Due += b.Due
		others.Leased += b.Leased
		others.Exhausted += b.Exhausted
		others.DueFor = max(others.DueFor, b.DueFor)
	}
	return append(backlogs[:maxProviders], others)
}
