package audit_test

import (
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// minute is an instant of the day on which these tests happen.
func minute(n int) time.Time {
	return time.Date(2026, 3, 24, 12, n, 0, 0, time.UTC)
}

// fullAttempt has every field, though no real one has both an error and a record.
func fullAttempt() delivery.Attempt {
	return delivery.Attempt{
		ID: "0195c5d2-0000-7000-8000-000000000001",
		Report: delivery.Report{
			DocumentID: "invoice-1", Provider: "dynamics365", Status: delivery.Failed, ExecutionID: "run-1",
			AttemptedAt:      minute(1).Add(123456 * time.Microsecond),
			ExternalRecordID: "record-1", ExternalURL: "https://crm.example/record-1", ErrorCode: "E42", ErrorMessage: "it is full",
		},
		RequestID:  "request-1",
		RecordedBy: delivery.Principal{KeyID: "key-1", Name: "crm-worker"},
		RecordedAt: minute(2).Add(time.Microsecond),
	}
}

// fullEntry has every field, as no kind of entry has.
func fullEntry() audit.Entry {
	return audit.Entry{
		ID: "0195c5d2-0000-7000-8000-000000000002", Kind: "requeue", DocumentID: "invoice-1", Provider: "dynamics365", Reason: "lost there",
		Forced: true, KeyID: "key-2", KeyName: "operator", RequestID: "request-2", RecordedAt: minute(3).Add(500 * time.Millisecond),
		Actor: "alice@example.com", SuccessorID: "key-3", EndsAt: minute(50),
	}
}

// key is a key to sign with, and what verifies it.
type key struct {
	secret, public string
	signer         note.Signer
	verifiers      note.Verifiers
}

func newKey(t *testing.T, name string) key {
	t.Helper()
	secret, public, err := audit.GenerateKey(name)
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
	return key{secret, public, signer, verifiers}
}

// checkpoint is what the key signs of a tree.
func (k key) checkpoint(t *testing.T, tree *audit.Tree, at time.Time) delivery.Checkpoint {
	t.Helper()
	c, err := audit.Sign(k.signer, tree, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
