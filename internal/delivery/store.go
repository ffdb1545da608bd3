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

	// Attempts returns attempts, newest recorded first; ErrDocumentNotFound as AttemptQuery says.
	Attempts(ctx context.Context, query AttemptQuery) (AttemptPage, error)

	// Document returns a document with its deliveries, or ErrDocumentNotFound.
	Document(ctx context.Context, id string) (Document, error)

	// PutDocument registers a document or replaces its registration; created tells which. Providers nil
	// means defaults for a new document and no change for a known one; a provider left out of a given
	// list is retired, one that is named again returns as it was. An equal registration writes nothing.
	PutDocument(ctx context.Context, id string, registration Registration, defaults []string) (document Document, created bool, err error)

	// Deliveries returns deliveries, last updated first.
	Deliveries(ctx context.Context, query DeliveryQuery) (DeliveryPage, error)

	// Outbox returns what is due now, oldest due first. It claims nothing. A delivery is due when it is offered
	// and its Standing.DueAt has come.
	Outbox(ctx context.Context, query OutboxQuery) (OutboxPage, error)

	// Claim leases what is due now, oldest due first, to one worker: up to request.Limit deliveries, perhaps
	// none. No delivery is handed out while a lease on it is open, however many claim at the same time; nor do
	// they wait for each other longer than it takes to tell what others have just taken.
	Claim(ctx context.Context, request ClaimRequest) ([]Claimed, error)

	// ExtendClaim sets the end of a claim's open lease to now + lease. Errors: ErrClaimNotFound when no claim has
	// handed out the id, or one of another principal; ErrClaimOver when its lease is not open any more. A principal is
	// whoever a key stands for: that key, and those that it was rotated to.
	ExtendClaim(ctx context.Context, executionID string, by Principal, lease time.Duration) (Claim, error)

	// ReleaseClaim gives a claim's open lease back: it does not count as a try, and the delivery is due as it was
	// before. A claim that is released already is returned as it is. Errors as of ExtendClaim.
	ReleaseClaim(ctx context.Context, executionID string, by Principal) (Claim, error)

	// Requeue starts a delivery anew, due at once when it is offered, and keeps who ordered it, when and why. One
	// that is due already, or that nothing happened to since it was added or requeued, is returned as it is.
	// Errors: ErrDocumentNotFound; ErrDeliveryNotFound, also for a retired one; ErrLeased; ErrSettled unless forced.
	Requeue(ctx context.Context, requeue Requeue) (Delivery, error)

	// Checkpoint returns the latest checkpoint, or ErrNoCheckpoint.
	Checkpoint(ctx context.Context) (Checkpoint, error)

	// Backlogs returns how much stands in the outbox, for each provider that has anything there.
	Backlogs(ctx context.Context) ([]Backlog, error)

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

// AttemptQuery selects attempts. Empty members do not filter.
type AttemptQuery struct {
	DocumentID       string
	Provider         string
	Status           Status
	ExecutionID      string
	ExternalRecordID string
	ErrorCode        string
	RequestID        string
	Since            time.Time // recorded at or after
	Until            time.Time // recorded before
	Limit            int       // at least 1
	After            *Position // continue behind this attempt; nil starts with the newest

	// OfDocument makes it an error when DocumentID is not registered; else there are just no attempts.
	OfDocument bool
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
