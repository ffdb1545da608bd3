package history

import (
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// data is a report as it is compared. An instant that is none compares as what no attempt can have.
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

// differing names the fields in which two reports are different delivery data.
func (r *Report) differing(other *Report) []string { return r.data().Differing(other.data()) }

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
