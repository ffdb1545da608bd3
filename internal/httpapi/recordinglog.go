package httpapi

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/numora/delivery/internal/delivery"
)

// describeRecording is what the log says of a recording: which delivery, under which execution id, and what
// became of it. The report's own texts are not for the log.
func describeRecording(report delivery.Report, replayed bool, err error) []slog.Attr {
	attributes := []slog.Attr{
		slog.String("document_id", report.DocumentID),
		slog.String("provider", report.Provider),
		slog.String("execution_id", report.ExecutionID),
	}
	var conflict *delivery.ConflictError
	var unavailable *delivery.UnavailableError
	switch {
	case err == nil && replayed:
		return append(attributes, slog.String("outcome", "replayed"))
	case err == nil:
		return append(attributes, slog.String("outcome", "created"))
	case errors.As(err, &conflict):
		return append(attributes, slog.String("outcome", "conflict"), slog.String("fields", strings.Join(conflict.Fields, ",")))
	case errors.As(err, &unavailable):
		return append(attributes, slog.String("outcome", string(unavailable.Outcome)))
	default:
		return append(attributes, slog.String("outcome", "refused"))
	}
}
