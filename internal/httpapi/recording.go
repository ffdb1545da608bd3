package httpapi

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/numora/delivery/internal/delivery"
)

// recording is what is known of a report that reached the service, for the log and for who counts.
type recording struct {
	report  delivery.Report
	outcome string
	fields  []string // those that differ, in a conflict
}

// newRecording tells what became of a report: created, replayed, conflict, refused, or the outcome of a store
// that could not finish.
func newRecording(report delivery.Report, replayed bool, err error) *recording {
	r := &recording{report: report, outcome: "refused"}
	var conflict *delivery.ConflictError
	var unavailable *delivery.UnavailableError
	switch {
	case err == nil && replayed:
		r.outcome = "replayed"
	case err == nil:
		r.outcome = "created"
	case errors.As(err, &conflict):
		r.outcome, r.fields = "conflict", conflict.Fields
	case errors.As(err, &unavailable):
		r.outcome = string(unavailable.Outcome)
	}
	return r
}

// attributes are what the log says: which delivery, under which execution id, and what became of it. The
// report's own texts are not for the log.
func (r *recording) attributes() []slog.Attr {
	attributes := []slog.Attr{
		slog.String("document_id", r.report.DocumentID),
		slog.String("provider", r.report.Provider),
		slog.String("execution_id", r.report.ExecutionID),
		slog.String("outcome", r.outcome),
	}
	if len(r.fields) > 0 {
		attributes = append(attributes, slog.String("fields", strings.Join(r.fields, ",")))
	}
	return attributes
}
