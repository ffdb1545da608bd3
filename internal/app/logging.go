package app

import (
	"io"
	"log/slog"

	"github.com/numora/delivery/internal/apikey"
)

func newLogger(format string, logs io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: withoutKeys}
	if format == "text" {
		return slog.New(slog.NewTextHandler(logs, options))
	}
	return slog.New(slog.NewJSONHandler(logs, options))
}

// withoutKeys takes the secrets of API keys out of whatever is logged.
func withoutKeys(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Value.Kind() == slog.KindString {
		attribute.Value = slog.StringValue(apikey.Redact(attribute.Value.String()))
	}
	return attribute
}
