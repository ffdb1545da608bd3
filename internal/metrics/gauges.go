package metrics

import (
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/numora/delivery/internal/delivery"
)

// Gauges are asked at each scrape.
type Gauges struct {
	InWork, Queued                func() int // requests
	Connections, ConnectionsLimit func() int // of clients
	Ready                         func() bool
	Pools                         map[string]*sql.DB // by the name they get
	Backlogs                      func() []delivery.Backlog
	Unsealed                      func() (entries int, age time.Duration, known bool)
	Claims, Expiries, Requeues    func() uint64 // since the start
}

// Watch adds gauges to what is served. To be called once.
func (m *Metrics) Watch(gauges Gauges) {
	for _, g := range []struct {
		name, help string
		read       func() int
	}{
		{"numora_requests_in_work", "Requests in work.", gauges.InWork},
		{"numora_requests_queued", "Requests that wait to be taken into work.", gauges.Queued},
		{"numora_connections", "Open connections of clients.", gauges.Connections},
		{"numora_connections_limit", "How many connections clients may have open.", gauges.ConnectionsLimit},
		{"numora_ready", "Whether the server can take work, 1 or 0, asked now.", func() int {
			if gauges.Ready() {
				return 1
			}
			return 0
		}},
	} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help},
			func() float64 { return float64(g.read()) }))
	}
	for _, c := range []struct {
		name, help string
		read       func() uint64
	}{
		{"numora_claims_total", "Deliveries that claims handed out.", gauges.Claims},
		{"numora_lease_expiries_total", "Leases that ran out, counted when their delivery was claimed, settled or requeued next.", gauges.Expiries},
		{"numora_requeues_total", "Deliveries that were requeued.", gauges.Requeues},
	} {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help},
			func() float64 { return float64(c.read()) }))
	}
	m.registry.MustRegister(outbox{gauges.Backlogs}, sealing{gauges.Unsealed})
	for name, pool := range gauges.Pools {
		m.registry.MustRegister(collectors.NewDBStatsCollector(pool, name))
	}
}
