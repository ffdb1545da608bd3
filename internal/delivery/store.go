package delivery

import (
	"context"
	"time"
)

// Store keeps documents, deliveries and attempts. Every clause below is a case of the conformance suite,
// which both engines pass.
//
// Any method may return an *UnavailableError. A context's deadline ends whatever is going on. Its cancellation
// ends reads but never a write that has begun, so that a client's hanging up does not decide a commit.
type Store interface {
	// Record records attempts, all in one transaction, and returns a result for each, in order. RecordedAt
	// is the store's to set.
	//
	//  - An execution id that is not recorded yet: the attempt is stored, its delivery's standing moved on,
	//    the delivery added when the document did not have that provider. Result: Created.
	//  - One that is recorded with the same delivery data: Replayed, with the original attempt.
	//  - One that is recorded with other delivery data: Conflicting, with Differing.
	//  - A document that is not registered: UnknownDocument, before any of these; when unknown is given,
	//    the document is registered with it instead.
	//
	// Only Created writes anything. Whoever calls at the same time, exactly one call per execution id
	// gets Created. When Record returns without error, what it created survives a crash.
	Record(ctx context.Context, attempts []Attempt, unknown *Registration) ([]Recorded, error)

	// Attempt returns one attempt, or ErrAttemptNotFound.
	Attempt(ctx context.Context, id string) (Attempt, error)

	// Attempts returns a document's attempts, newest recorded first, or ErrDocumentNotFound.
	Attempts(ctx context.Context, query AttemptQuery) (AttemptPage, error)

	// Document returns a document with its deliveries, or ErrDocumentNotFound.
	Document(ctx context.Context, id string) (Document, error)

	// PutDocument registers a document or replaces its registration; created tells which. Providers nil
	// means defaults for a new document and no change for a known one; a provider left out of a given
	// list is retired, one that is named again returns as it was. An equal registration writes nothing.
	PutDocument(ctx context.Context, id string, registration Registration, defaults []string) (document Document, created bool, err error)

	// Ready returns nil when the store can take acknowledged writes, else an error that says why not.
	Ready(ctx context.Context) error
}

// Recorded is what became of one attempt given to Store.Record.
type Recorded struct {
	Result    Result
	Attempt   Attempt  // the stored one, when Created or Replayed
	Differing []string // the differing fields, when Conflicting
}

// Result tells how recording one attempt ended.
type Result string

// The results of recording.
const (
	Created         Result = "created"
	Replayed        Result = "replayed"
	Conflicting     Result = "conflict"
	UnknownDocument Result = "unknown_document"
)

// AttemptQuery selects attempts of one document. Empty members do not filter.
type AttemptQuery struct {
	DocumentID  string
	Provider    string
	Status      Status
	ExecutionID string
	Since       time.Time // recorded at or after
	Until       time.Time // recorded before
	Limit       int       // at least 1
	After       *Position // continue behind this attempt; nil starts with the newest
}

// Position names an attempt's place in the order newest recorded first.
type Position struct {
	RecordedAt time.Time
	AttemptID  string
}

// AttemptPage is one page of attempts; Next is nil on the last.
type AttemptPage struct {
	Attempts []Attempt
	Next     *Position
}
