package store

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// signing returns what signs checkpoints, and what verifies them.
func signing(t testing.TB) (Sign, note.Verifiers) {
	t.Helper()
	secret, public, err := audit.GenerateKey("numora.example/delivery")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := audit.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifiers, err := audit.NewVerifiers(public)
	if err != nil {
		t.Fatal(err)
	}
	return func(tree *audit.Tree, at time.Time) (delivery.Checkpoint, error) { return audit.Sign(signer, tree, at) }, verifiers
}

// BenchmarkVerify verifies an audit history of NUMORA_BENCH_ENTRIES entries, 100,000 where that is not set, and BenchmarkSeal seals
// them. Run it with GOMAXPROCS=1: it is told how much one processor does.
func BenchmarkVerify(b *testing.B) {
	entries, _ := strconv.Atoi(os.Getenv("NUMORA_BENCH_ENTRIES"))
	if entries == 0 {
		entries = 100_000
	}
	s, err := Open(storetest.SQLite(b), Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	fillHistory(b, s, entries)
	b.Logf("filled in %v", time.Since(began))
	began = time.Now()
	sign, verifiers := signing(b)
	for {
		sealed, _, err := s.Seal(b.Context(), sign)
		if err != nil {
			b.Fatal(err)
		}
		if sealed == 0 {
			break
		}
	}
	b.Logf("sealed %.0f/s", float64(entries)/time.Since(began).Seconds())
	for b.Loop() {
		err := s.ReadHistory(b.Context(), func(h *History) error {
			report, err := audit.Verification{Verifiers: verifiers, Late: time.Hour}.Verify(context.Background(), h)
			if report.Found > 0 || report.Leaves != int64(entries) {
				b.Fatal(report)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*entries)/b.Elapsed().Seconds(), "entries/s")
}

// fillHistory records attempts, one for each of as many documents.
func fillHistory(b *testing.B, s *Store, entries int) {
	const together = 250
	unknown := &delivery.Registration{Stage: delivery.Reviewed}
	for n := 0; n < entries; n += together {
		attempts := make([]delivery.Attempt, min(together, entries-n))
		for i := range attempts {
			attempts[i] = failedAttempt(n+i, fmt.Sprint("run-", n+i), fmt.Sprintf("doc-%016d", (n+i)*7919%entries), "dynamics365")
			id, err := delivery.NewID(time.Now())
			if err != nil {
				b.Fatal(err)
			}
			attempts[i].ID = id
		}
		if _, err := s.Record(b.Context(), attempts, unknown); err != nil {
			b.Fatal(err)
		}
	}
}
