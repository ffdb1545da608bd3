package metrics

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/numora/delivery/internal/delivery"
)

// unused stands in for a database that nobody connects to.
type unused struct{}

func (unused) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("unused") }
func (unused) Driver() driver.Driver                        { return nil }

// scrape returns what is served, by series: the name with its labels, then the value.
func scrape(t *testing.T, m *Metrics) map[string]string {
	t.Helper()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("got %d: %s", answer.Code, answer.Body)
	}
	if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("served as %s", got)
	}
	series := map[string]string{}
	for line := range strings.Lines(answer.Body.String()) {
		if cut := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			series[line[:cut]] = strings.TrimSpace(line[cut:])
		}
	}
	return series
}

// wants fails the test where a series does not have its value; no value means that it must not be there.
func wants(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, want %q", name, got[name], value)
		}
	}
}

// quiet are the gauges of a server that has nothing to do.
func quiet(t *testing.T) Gauges {
	t.Helper()
	zero, none := func() int { return 0 }, func() uint64 { return 0 }
	pool := sql.OpenDB(unused{})
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return Gauges{
		InWork: zero, Queued: zero, Connections: zero, ConnectionsLimit: zero, Ready: func() bool { return true },
		Pools:    map[string]*sql.DB{"sqlite-write": pool, "sqlite-read": pool},
		Backlogs: func() []delivery.Backlog { return nil }, Claims: none, Expiries: none, Requeues: none,
		Unsealed: func() (int, time.Duration, bool) { return 0, 0, false },
	}
}

func TestMetrics_BeforeAnything_TellTheBuildAndTheReasonsToShed(t *testing.T) {
	m := New(Build{"v1.2.3", "abc123", "go1.26"}, nil, []string{"queue_full", "queue_timeout"})
	got := scrape(t, m)
	wants(t, got, map[string]string{
		`numora_build_info{goversion="go1.26",revision="abc123",version="v1.2.3"}`: "1",
		`numora_requests_shed_total{reason="queue_full"}`:                          "0",
		`numora_requests_shed_total{reason="queue_timeout"}`:                       "0",
	})
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_open_fds", "promhttp_metric_handler_errors_total{cause=\"gathering\"}"} {
		if got[name] == "" {
			t.Errorf("%s is not served", name)
		}
	}
}

func TestMetrics_Answered_CountsByOperationAndStatus(t *testing.T) {
	m := New(Build{}, nil, nil)
	m.Answered("recordDelivery", 201, 3*time.Millisecond)
	m.Answered("recordDelivery", 201, 5*time.Millisecond) // a bound belongs to its bucket
	m.Answered("recordDelivery", 503, 20*time.Second)
	m.Answered("", 404, 0)
	wants(t, scrape(t, m), map[string]string{
		`numora_http_requests_total{operation="recordDelivery",status="201"}`: "2",
		`numora_http_requests_total{operation="recordDelivery",status="503"}`: "1",
		`numora_http_requests_total{operation="none",status="404"}`:           "1",
		`numora_http_requests_total{operation="",status="404"}`:               "",

		`numora_http_request_duration_seconds_bucket{operation="recordDelivery",le="0.0025"}`: "0",
		`numora_http_request_duration_seconds_bucket{operation="recordDelivery",le="0.005"}`:  "2",
		`numora_http_request_duration_seconds_bucket{operation="recordDelivery",le="10"}`:     "2",
		`numora_http_request_duration_seconds_bucket{operation="recordDelivery",le="+Inf"}`:   "3",
		`numora_http_request_duration_seconds_count{operation="recordDelivery"}`:              "3",
		`numora_http_request_duration_seconds_sum{operation="recordDelivery"}`:                "20.008",
		`numora_http_request_duration_seconds_count{operation="none"}`:                        "1",
	})
}

func TestMetrics_Recorded_CountsByProviderAndOutcome(t *testing.T) {
	m := New(Build{}, nil, nil)
	for _, outcome := range []string{"created", "created", "replayed", "conflict", "outcome_unknown"} {
		m.Recorded("dynamics365", outcome)
	}
	m.Recorded("sap", "conflict")
	wants(t, scrape(t, m), map[string]string{
		`numora_recordings_total{outcome="created",provider="dynamics365"}`:         "2",
		`numora_recordings_total{outcome="replayed",provider="dynamics365"}`:        "1",
		`numora_recordings_total{outcome="conflict",provider="dynamics365"}`:        "1",
		`numora_recordings_total{outcome="outcome_unknown",provider="dynamics365"}`: "1",
		`numora_recordings_total{outcome="conflict",provider="sap"}`:                "1",
	})
}

func TestMetrics_Shed_CountsByReason(t *testing.T) {
	m := New(Build{}, nil, []string{"queue_full", "queue_timeout"})
	m.Shed("queue_full")
	m.Shed("queue_full")
	wants(t, scrape(t, m), map[string]string{
		`numora_requests_shed_total{reason="queue_full"}`:    "2",
		`numora_requests_shed_total{reason="queue_timeout"}`: "0",
	})
}

// recordings returns how many series there are for providers, and the sum of their values by provider.
func recordings(t *testing.T, m *Metrics) map[string]int {
	t.Helper()
	sums := map[string]int{}
	for name, value := range scrape(t, m) {
		if _, labels, ok := strings.Cut(name, "numora_recordings_total{"); ok {
			_, provider, _ := strings.Cut(labels, `provider="`)
			provider, _, _ = strings.Cut(provider, `"`)
			var count int
			if _, err := fmt.Sscan(value, &count); err != nil {
				t.Fatal(err)
			}
			sums[provider] += count
		}
	}
	return sums
}

func TestMetrics_Providers_AreToldApartUpToAHundred(t *testing.T) {
	m := New(Build{}, nil, nil)
	for i := range 99 {
		m.Recorded(fmt.Sprintf("p%d", i), "created")
	}
	m.Recorded("p0", "replayed")
	m.Recorded("the-hundredth", "created")
	for i := range 1000 {
		m.Recorded(fmt.Sprintf("late-%d", i), "created")
	}
	m.Recorded("p98", "conflict") // known: told apart still
	got := recordings(t, m)
	if len(got) != 101 {
		t.Errorf("got %d providers, want the first hundred and one for the others", len(got))
	}
	for provider, want := range map[string]int{"p0": 2, "p1": 1, "p98": 2, "the-hundredth": 1, "other": 1000} {
		if got[provider] != want {
			t.Errorf("%s was recorded %d times, want %d", provider, got[provider], want)
		}
	}
}

func TestMetrics_Providers_AtOnce_AreNoMoreThanAHundredAndNoneIsLost(t *testing.T) {
	const workers, providers = 8, 200
	m := New(Build{}, nil, nil)
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := range providers {
				m.Recorded(fmt.Sprintf("p%d", (i+worker*providers/workers)%providers), "created")
			}
		})
	}
	running.Wait()
	got, sum := recordings(t, m), 0
	for provider, count := range got {
		sum += count
		if provider != "other" && count > workers {
			t.Errorf("%s was recorded %d times, want at most %d", provider, count, workers)
		}
	}
	if len(got) != 101 || sum != workers*providers {
		t.Errorf("got %d providers with %d recordings in all, want 101 with %d", len(got), sum, workers*providers)
	}
	if again := recordings(t, m); len(again) != 101 {
		t.Errorf("a second look finds %d providers", len(again))
	}
}

// The last place is taken by one of those that ask for it at the same time.
func TestProviders_LastPlace_IsTakenOnce(t *testing.T) {
	const workers, rounds = 8, 5000
	for range rounds {
		p := providers{known: map[string]bool{}}
		for i := range maxProviders - 1 {
			p.label(fmt.Sprintf("p%d", i))
		}
		start, labels := make(chan struct{}), make(chan string, workers)
		for worker := range workers {
			go func() {
				<-start
				label, _ := p.label(fmt.Sprintf("late-%d", worker))
				labels <- label
			}()
		}
		close(start)
		own := 0
		for range workers {
			if <-labels != otherProviders {
				own++
			}
		}
		if own != 1 {
			t.Fatalf("%d of %d that came at once have a label of their own, want 1", own, workers)
		}
	}
}

func TestMetrics_Gauges_AreAskedAtEachScrape(t *testing.T) {
	m, n, isReady := New(Build{}, nil, nil), 0, false
	count := func() int { n++; return n }
	gauges := quiet(t)
	gauges.InWork, gauges.Ready = count, func() bool { return isReady }
	gauges.Queued = func() int { return 7 }
	gauges.Connections, gauges.ConnectionsLimit = func() int { return 12 }, func() int { return 4096 }
	m.Watch(gauges)
	if n != 0 {
		t.Errorf("asked %d times before any scrape", n)
	}
	wants(t, scrape(t, m), map[string]string{
		"numora_requests_in_work": "1", "numora_requests_queued": "7", "numora_ready": "0",
		"numora_connections": "12", "numora_connections_limit": "4096",
	})
	isReady = true
	wants(t, scrape(t, m), map[string]string{"numora_requests_in_work": "2", "numora_ready": "1"})
}

func TestMetrics_Pools_AreServedByTheirNames(t *testing.T) {
	m, gauges := New(Build{}, nil, nil), quiet(t)
	gauges.Pools["sqlite-write"].SetMaxOpenConns(3)
	m.Watch(gauges)
	got := scrape(t, m)
	for _, pool := range []string{"sqlite-write", "sqlite-read"} {
		wants(t, got, map[string]string{
			fmt.Sprintf(`go_sql_max_open_connections{db_name=%q}`, pool):        "3",
			fmt.Sprintf(`go_sql_open_connections{db_name=%q}`, pool):            "0",
			fmt.Sprintf(`go_sql_in_use_connections{db_name=%q}`, pool):          "0",
			fmt.Sprintf(`go_sql_idle_connections{db_name=%q}`, pool):            "0",
			fmt.Sprintf(`go_sql_wait_count_total{db_name=%q}`, pool):            "0",
			fmt.Sprintf(`go_sql_wait_duration_seconds_total{db_name=%q}`, pool): "0",
		})
	}
}

// A second handler, such as one on another listener, serves the same figures.
func TestMetrics_Handler_MayBeAskedForTwice(t *testing.T) {
	m := New(Build{}, nil, []string{"queue_full"})
	scrape(t, m)
	m.Shed("queue_full")
	wants(t, scrape(t, m), map[string]string{`numora_requests_shed_total{reason="queue_full"}`: "1"})
}

func TestMetrics_Names_AreAsPrometheusWantsThem(t *testing.T) {
	m := New(Build{}, nil, []string{"queue_full"})
	gauges := quiet(t)
	gauges.Backlogs = func() []delivery.Backlog { return []delivery.Backlog{{Provider: "sap", Due: 1}} }
	m.Watch(gauges)
	m.Answered("recordDelivery", 201, time.Millisecond)
	m.Recorded("sap", "created")
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := families[:0]
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "numora_") {
			own = append(own, family)
			if !strings.HasSuffix(family.GetHelp(), ".") {
				t.Errorf("the help of %s is no sentence: %q", family.GetName(), family.GetHelp())
			}
		}
	}
	if len(own) != 17 {
		t.Errorf("got %d families of our own, want 17", len(own))
	}
	complaints, err := promlint.NewWithMetricFamilies(own).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range complaints {
		t.Errorf("%s: %s", c.Metric, c.Text)
	}
}

// The first of its kind must show as an increase from zero, or no alert would see it.
func TestMetrics_FirstReportOfAProvider_ShowsEveryOutcome(t *testing.T) {
	m := New(Build{}, []string{"created", "outcome_unknown"}, nil)
	m.Recorded("sap", "created")
	wants(t, scrape(t, m), map[string]string{
		`numora_recordings_total{outcome="created",provider="sap"}`:         "1",
		`numora_recordings_total{outcome="outcome_unknown",provider="sap"}`: "0",
	})
}
