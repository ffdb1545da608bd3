package delivery

import (
	"errors"
	"fmt"
	"strings"
)

// What callers can tell apart with errors.Is.
var (
	ErrDocumentNotFound = errors.New("document not found")
	ErrAttemptNotFound  = errors.New("delivery attempt not found")
	ErrDeliveryNotFound = errors.New("the document has no delivery to this provider")

	// ErrNoCheckpoint says that nothing of the audit history was sealed yet.
	ErrNoCheckpoint = errors.New("nothing was sealed yet")

	// ErrClaimNotFound says that no claim handed out this execution id, or to somebody else.
	ErrClaimNotFound = errors.New("claim not found")
	// ErrClaimOver says that a claim's lease has ended in another way than was asked for.
	ErrClaimOver = errors.New("the claim's lease is over")

	// ErrLeased says that a delivery is not requeued because a worker holds it just now.
	ErrLeased = errors.New("a lease is open")
	// ErrSettled says that a delivery is not requeued, unless by force, because it was delivered or skipped.
	ErrSettled = errors.New("it was delivered or skipped")
)

// ConflictError says that an execution id is already recorded with other delivery data.
type ConflictError struct {
	ExecutionID string
	Fields      []string // those that differ, never empty
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("execution id %s is recorded with a different %s", e.ExecutionID, strings.Join(e.Fields, ", "))
}

// InvalidValueError says that a value has the right shape but makes no sense.
type InvalidValueError struct {
	Field string
	Issue string // completes the sentence "<field> …"
}

func (e *InvalidValueError) Error() string { return e.Field + " " + e.Issue }

// Outcome says what became of a request that the store could not finish.
type Outcome string

// The outcomes of an unavailable store.
const (
	NotExecuted    Outcome = "not_executed"    // certainly nothing was written
	OutcomeUnknown Outcome = "outcome_unknown" // it may have been written; resend to learn
)

// UnavailableError says that the store cannot work now; the same request may be sent again.
type UnavailableError struct {
	Outcome Outcome
	Cause   error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("store unavailable (%s): %v", e.Outcome, e.Cause)
}

func (e *UnavailableError) Unwrap() error { return e.Cause }

// Unavailable returns err as an *UnavailableError: as it is when it is one, else as one that says that nothing
// was executed.
func Unavailable(err error) error {
	if known := (*UnavailableError)(nil); errors.As(err, &known) {
		return err
	}
	return &UnavailableError{Outcome: NotExecuted, Cause: err}
}
