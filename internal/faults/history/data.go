package history

import (
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// data is a report as a delivery is moved on by it. An instant that is none is one that no attempt can have.
func (r *Report) data() delivery.Report {
	at, err := time.Parse(time.RFC3339, r.AttemptedAt)
	if err != nil {
		at = time.Time{}
	}
	return delivery.Report{
		DocumentID: r.DocumentID, Provider: r.Provider, Status: delivery.Status(r.Status), ExecutionID: r.ExecutionID,
		AttemptedAt: delivery.NewInstant(at), ExternalRecordID: r.ExternalRecordID, ExternalURL: r.ExternalURL,
		ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
	}
}

// differing names the fields in which two reports under one execution id are different delivery data: by the contract, and not by
// what the server takes for it.
func (r *Report) differing(other *Report) (names []string) {
	for _, field := range []struct{ name, a, b string }{
		{"document_id", r.DocumentID, other.DocumentID},
		{"provider", r.Provider, other.Provider},
		{"status", r.Status, other.Status},
		{"attempted_at", microseconds(r.AttemptedAt), microseconds(other.AttemptedAt)},
		{"external_record_id", r.ExternalRecordID, other.ExternalRecordID},
		{"external_url", r.ExternalURL, other.ExternalURL},
		{"error_code", r.ErrorCode, other.ErrorCode},
		{"error_message", r.ErrorMessage, other.ErrorMessage},
	} {
		if field.a != field.b {
			names = append(names, field.name)
		}
	}
	return names
}

// microseconds writes an instant in UTC, cut to the microsecond; what is none, as it is.
func microseconds(instant string) string {
	at, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return instant
	}
	return at.UTC().Format("2006-01-02T15:04:05.000000")
}

func (r *Report) sameAs(other *Report) bool { return len(r.differing(other)) == 0 }

// differing names what is different of two answers that are to be the same attempt.
func (a *Attempt) differing(other *Attempt) []string {
	different := a.Report.differing(&other.Report)
	if a.ExecutionID != other.ExecutionID {
		different = append(different, "execution_id")
	}
	if a.ID != other.ID {
		different = append(different, "id")
	}
	if !a.RecordedAt.Equal(other.RecordedAt) {
		different = append(different, "recorded_at")
	}
	if a.RequestID != "" && other.RequestID != "" && a.RequestID != other.RequestID {
		different = append(different, "request_id")
	}
	return different
}
