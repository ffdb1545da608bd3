package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// wantVerified verifies a history, whose attempts that were put in behind the server's back moved no delivery on.
func wantVerified(t *testing.T, s *Store, verifiers note.Verifiers, late time.Duration) {
	t.Helper()
	err := s.ReadHistory(t.Context(), func(h *History) error {
		report, err := audit.Verification{Verifiers: verifiers, Late: late}.Verify(t.Context(), withoutDeliveries{h})
		if report.Found > 0 {
			t.Errorf("found %q", report.Findings)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

type withoutDeliveries struct{ *History }

func (withoutDeliveries) Deliveries(context.Context, func(audit.Delivery) error) error { return nil }

// export writes a whole export.
func export(t *testing.T, s *Store) string {
	t.Helper()
	var text bytes.Buffer
	err := s.ReadHistory(t.Context(), func(h *History) error {
		return h.Export(t.Context(), audit.Range{}, audit.NewExporter(&text))
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// load verifies what an export says.
func (h *sealedHistory) load(t *testing.T, text string) (report audit.Report) {
	t.Helper()
	loaded, err := LoadExport(t.Context(), t.TempDir(), strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = loaded.ReadHistory(t.Context(), func(history *History) (err error) {
		report, err = h.verify.Verify(t.Context(), history)
		return err
	})
	if err := errors.Join(err, loaded.Close()); err != nil {
		t.Fatal(err)
	}
	return report
}

func TestExport_VerifiesAsItsDatabaseDoes(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		text := export(t, h.Store)
		want := h.tampered(t, statements())
		if got := h.load(t, text); !reflect.DeepEqual(got, want) || got.Found > 0 {
			t.Errorf("got %+v, want %+v", got, want)
		}
		// Every line that somebody takes out, but for checkpoints that others cover, is missed, and so is a changed letter.
		lines := strings.SplitAfter(text, "\n")
		for i := 1; i < len(lines)-2; i++ {
			if strings.HasPrefix(lines[i], `{"claim"`) { // of which not all matter to a state
				continue
			}
			without := strings.Join(lines[:i], "") + strings.Join(lines[i+1:len(lines)-2], "") + lines[len(lines)-2]
			if _, err := LoadExport(t.Context(), t.TempDir(), strings.NewReader(without), nil); !errors.Is(err, audit.ErrExport) {
				t.Errorf("without line %d it loads: %v", i, err)
			}
			if report := h.load(t, renumbered(without)); report.Found == 0 {
				t.Errorf("without %s nothing is found", lines[i])
			}
		}
		changed := strings.Replace(text, `"status":"failed"`, `"status":"skipped"`, 1)
		if report := h.load(t, changed); report.Found == 0 || !strings.Contains(report.Findings[0], "was changed") {
			t.Errorf("a changed export: %q", report.Findings)
		}
	})
}

// renumbered gives an export that lacks a line the last line that it should have.
func renumbered(text string) string {
	head := text[:strings.LastIndex(text, `{"end":`)]
	return fmt.Sprintf("%s{\"end\":%d}\n", head, strings.Count(head, "\n"))
}

func TestProve_EverySealedAttempt(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		for _, executionID := range []string{"a-1", "a-2", "b-1", "c-1", "c-2", "d-1"} {
			err := h.ReadHistory(t.Context(), func(history *History) error {
				proof, err := history.Prove(executionID)
				if err != nil {
					return err
				}
				if !strings.Contains(string(proof.Entry), `"execution_id":"`+executionID+`"`) {
					t.Errorf("proof of %s is of %s", executionID, proof.Entry)
				}
				_, err = proof.Check(h.verify.Verifiers)
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", executionID, err)
			}
		}
		for executionID, want := range map[string]error{"b-2": delivery.ErrNoCheckpoint, "nobody": delivery.ErrAttemptNotFound} {
			err := h.ReadHistory(t.Context(), func(history *History) error {
				_, err := history.Prove(executionID)
				return err
			})
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", executionID, err, want)
			}
		}
	})
}

// More deliveries than are folded at a time, and documents with several that lie across.
func TestVerify_ManyDeliveries_EachIsFolded(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := &sealedHistory{Store: migrated(t, url)}
		h.sign, h.verify.Verifiers = signing(t)
		const documents, providers = 2*deliveriesAtOnce/3 + 7, 3
		for n := 0; n < documents*providers; {
			var attempts []delivery.Attempt
			for ; len(attempts) < 300 && n < documents*providers; n++ {
				attempts = append(attempts, failedAttempt(n, fmt.Sprint("run-", n), fmt.Sprint("doc-", n/providers), fmt.Sprint("provider-", n%providers)))
			}
			if _, err := h.Record(t.Context(), attempts, &delivery.Registration{Stage: delivery.Reviewed}); err != nil {
				t.Fatal(err)
			}
		}
		h.seal(t)
		if report := h.tampered(t, statements()); report.Found > 0 || report.Deliveries != documents*providers {
			t.Errorf("of %d deliveries: %+v", documents*providers, report)
		}
		for _, document := range []int{0, 100, deliveriesAtOnce / 3, documents - 1} {
			statement := fmt.Sprintf("UPDATE deliveries SET tries = 9 WHERE document_id = 'doc-%d'", document)
			if report := h.tampered(t, statements(statement)); report.Found != providers {
				t.Errorf("%s: %d found, want %d", statement, report.Found, providers)
			}
			statement = fmt.Sprintf("DELETE FROM deliveries WHERE document_id = 'doc-%d'", document)
			if report := h.tampered(t, statements(statement)); report.Found != providers || report.Deliveries != documents*providers {
				t.Errorf("%s: %+v, want %d found", statement, report, providers)
			}
		}
	})
}
