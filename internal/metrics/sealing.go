package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	unsealed    = prometheus.NewDesc("numora_audit_unsealed_entries", "Entries of the audit history that are not sealed yet, asked now, 1000000 where there are more. Missing where nothing is sealed.", nil, nil)
	unsealedAge = prometheus.NewDesc("numora_audit_unsealed_age_seconds", "How long the oldest of them has not been, asked now. Missing where nothing is sealed.", nil, nil)
)

// sealing tells what waits to be sealed at each scrape.
type sealing struct {
	read func() (entries int, age time.Duration, known bool)
}

// Describe implements prometheus.Collector.
func (sealing) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- unsealed
	descriptions <- unsealedAge
}

// Collect implements prometheus.Collector.
func (s sealing) Collect(figures chan<- prometheus.Metric) {
	entries, age, known := s.read()
	if !known {
		return
	}
	figures <- prometheus.MustNewConstMetric(unsealed, prometheus.GaugeValue, float64(entries))
	figures <- prometheus.MustNewConstMetric(unsealedAge, prometheus.GaugeValue, age.Seconds())
}
