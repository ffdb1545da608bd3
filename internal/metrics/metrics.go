// Package metrics counts what the server does and serves the figures to Prometheus. Every name that the server
// exposes of its own stands in this file, in gauges.go or in outbox.go; the README's table tells what they mean.
package metrics

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is what is counted. It is an httpapi.Observer.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	records   *prometheus.CounterVec
	shed      *prometheus.CounterVec
	outcomes  []string
	providers providers
}

// Build says which program this is.
type Build struct{ Version, Revision, GoVersion string }

// New returns metrics that count from zero. What can become of a report, and why a request can be shed, is known
// beforehand: each can be seen at zero, so that the first one shows as an increase.
func New(build Build, outcomes, shedReasons []string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numora_http_requests_total", Help: "Requests answered, by operation of the contract (none: no route matched) and HTTP status.",
		}, []string{"operation", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "numora_http_request_duration_seconds", Help: "How long requests took, the arrival of their bodies included, by operation.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numora_recordings_total", Help: "Delivery reports that reached the service, by provider and outcome.",
		}, []string{"provider", "outcome"}),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numora_requests_shed_total", Help: "Requests refused because there was too much to do, by reason.",
		}, []string{"reason"}),
		outcomes:  outcomes,
		providers: providers{known: make(map[string]bool)},
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "numora_build_info", Help: "Always 1; the labels say which program this is.",
	}, []string{"version", "revision", "goversion"})
	info.WithLabelValues(build.Version, build.Revision, build.GoVersion).Set(1)
	for _, outcome := range outcomes {
		m.records.WithLabelValues(otherProviders, outcome)
	}
	for _, reason := range shedReasons {
		m.shed.WithLabelValues(reason)
	}
	m.registry.MustRegister(m.requests, m.durations, m.records, m.shed, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Answered implements httpapi.Observer.
func (m *Metrics) Answered(operation string, status int, took time.Duration) {
	if operation == "" {
		operation = "none"
	}
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	m.durations.WithLabelValues(operation).Observe(took.Seconds())
}

// Recorded implements httpapi.Observer.
func (m *Metrics) Recorded(provider, outcome string) {
	label, fresh := m.providers.label(provider)
	if fresh {
		for _, possible := range m.outcomes {
			m.records.WithLabelValues(label, possible)
		}
	}
	m.records.WithLabelValues(label, outcome).Inc()
}

// Shed implements httpapi.Observer.
func (m *Metrics) Shed(reason string) { m.shed.WithLabelValues(reason).Inc() }

// maxProviders is how many providers are told apart. Reports name them freely, and a client that makes them up
// must not fill the memory of this server and of Prometheus.
const maxProviders = 100

// otherProviders is the label of those that came later.
const otherProviders = "other"

// providers are the first maxProviders that were reported to.
type providers struct {
	mutex sync.RWMutex
	known map[string]bool
}

// label returns what to call a provider, and whether it is called so for the first time.
func (p *providers) label(name string) (label string, fresh bool) {
	p.mutex.RLock()
	known, full := p.known[name], len(p.known) >= maxProviders
	p.mutex.RUnlock()
	switch {
	case known:
		return name, false
	case full:
		return otherProviders, false
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch {
	case p.known[name]:
		return name, false
	case len(p.known) >= maxProviders:
		return otherProviders, false
	}
	p.known[name] = true
	return name, true
}
