package delivery

import "time"

// Status is what a worker says of one try.
type Status string

// The outcomes a report can have.
const (
	Succeeded Status = "succeeded" // the destination took the document
	Failed    Status = "failed"    // the destination refused it or could not be reached
	Skipped   Status = "skipped"   // completed on purpose without creating records
)

// Report is a delivery report: the delivery data that a replay is compared by. The contract guarantees
// the shape of each field before a Report is made; an optional field that is absent is empty.
type Report struct {
	DocumentID       string
	Provider         string
	Status           Status
	ExecutionID      string
	AttemptedAt      time.Time // UTC, microseconds; see NewInstant
	ExternalRecordID string    // required when Status is Succeeded
	ExternalURL      string
	ErrorCode        string
	ErrorMessage     string
}

// MaxClockAhead is how far a worker's clock may run ahead of ours before its instants make no sense.
const MaxClockAhead = 24 * time.Hour

// earliestAttempt is the first instant a report may name: nothing was delivered by Numora before it.
var earliestAttempt = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// InstantLayout is how an instant of NewInstant is written where it has to be written in one way alone.
const InstantLayout = "2006-01-02T15:04:05.000000Z"

// NewInstant brings t into the form in which instants are compared, stored and printed: UTC, cut (not
// rounded) to the microsecond, which is what both databases keep.
func NewInstant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Check reports what the contract cannot say of a report: an *InvalidValueError when AttemptedAt lies
// before 2000-01-01 or more than MaxClockAhead after now.
func (r Report) Check(now time.Time) error {
	if r.AttemptedAt.Before(earliestAttempt) || r.AttemptedAt.After(now.Add(MaxClockAhead)) {
		return &InvalidValueError{Field: "attempted_at", Issue: "must lie between 2000-01-01 and 24 hours from now"}
	}
	return nil
}

// Differing names the fields, in the contract's order, in which two reports under one execution id are
// different delivery data. None means that one is a replay of the other.
func (r Report) Differing(other Report) []string {
	var fields []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"document_id", r.DocumentID == other.DocumentID},
		{"provider", r.Provider == other.Provider},
		{"status", r.Status == other.Status},
		{"attempted_at", r.AttemptedAt.Equal(other.AttemptedAt)},
		{"external_record_id", r.ExternalRecordID == other.ExternalRecordID},
		{"external_url", r.ExternalURL == other.ExternalURL},
		{"error_code", r.ErrorCode == other.ErrorCode},
		{"error_message", r.ErrorMessage == other.ErrorMessage},
	} {
		if !f.same {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// Principal is whose key it was, as it was named then.
type Principal struct {
	KeyID string
	Name  string
}

// Attempt is a delivery attempt: a report as it was recorded. Attempts never change.
type Attempt struct {
	ID string // UUID, lower case
	Report
	RequestID  string
	RecordedBy Principal
	RecordedAt time.Time // by the store's clock; strictly increasing within one delivery
}

// EffectiveAt is the instant by which attempts of one delivery are ordered: when the worker says it
// tried, but never later than when we heard of it.
func (a Attempt) EffectiveAt() time.Time {
	if a.RecordedAt.Before(a.AttemptedAt) {
		return a.RecordedAt
	}
	return a.AttemptedAt
}
