package store

import (
	"fmt"
	"testing"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// BenchmarkRecord_Together records new reports on as many documents in one transaction. PostgreSQL too when there is one:
// "go run ./internal/testpg -- make bench-micro" brings it.
func BenchmarkRecord_Together(b *testing.B) {
	engines := map[string]func(testing.TB) string{"sqlite": storetest.SQLite}
	if storetest.HasPostgres() {
		engines["postgres"] = storetest.Postgres
	}
	for engine, database := range engines {
		for _, size := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d", engine, size), func(b *testing.B) { benchmarkRecord(b, database(b), size) })
		}
	}
}

func benchmarkRecord(b *testing.B, url string, size int) {
	s, err := Open(url, Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	for i := range size {
		registration := delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}
		if _, _, err := s.PutDocument(b.Context(), fmt.Sprint("doc-", i), registration, nil); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		attempts := make([]delivery.Attempt, size)
		for i := range attempts {
			n++
			attempts[i] = failedAttempt(n, fmt.Sprint("run-", n), fmt.Sprint("doc-", i), "dynamics365")
		}
		if _, err := s.Record(b.Context(), attempts, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/report")
}
