package httpapi

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/numora/delivery/internal/delivery"
)

// Outcomes are what can become of a report that reached the service.
var Outcomes = []string{
	string(delivery.Created), string(delivery.Replayed), string(delivery.Conflicting), outcomeRefused,
	string(delivery.NotExecuted), string(delivery.OutcomeUnknown),
}

// outcomeRefused is that of a report for an unknown document, or with a value that makes no sense.
const outcomeRefused = "refused"

// recording is what is known of a report that reached the service, for the log and for who counts.
type recording struct {
	report  delivery.Report
	outcome string
	fields  []string // those that differ, in a conflict
}

// newRecording begins with what is known of a recording until it is over, and stays so if it ends in a panic.
func newRecording(report delivery.Report) *recording {
	return &recording{report: report, outcome: string(delivery.OutcomeUnknown)}
}

// settle notes what became of a report. With an error that nobody foresaw that is not known.
func (r *recording) settle(replayed bool, err error) {
	var conflict *delivery.ConflictError
	var value *delivery.InvalidValueError
	var unavailable *delivery.UnavailableError
	switch {
	case err == nil && replayed:
		r.outcome = string(delivery.Replayed)
	case err == nil:
		r.outcome = string(delivery.Created)
	case errors.As(err, &conflict):
		r.outcome, r.fields = string(delivery.Conflicting), conflict.Fields
	case errors.As(err, &unavailable):
		r.outcome = string(unavailable.Outcome)
	case errors.As(err, &value), errors.Is(err, delivery.ErrDocumentNotFound):
		r.outcome = outcomeRefused
	}
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
