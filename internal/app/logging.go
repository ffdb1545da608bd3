package app

import (
	"context"
	"io"
	"log/slog"
	"strings"

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
	switch attribute.Value.Kind() {
	case slog.KindString:
		attribute.Value = slog.StringValue(apikey.Redact(attribute.Value.String()))
	case slog.KindAny:
		if err, ok := attribute.Value.Any().(error); ok {
			attribute.Value = slog.StringValue(apikey.Redact(err.Error()))
		}
	}
	return attribute
}

// complaints are what net/http has to say of connections. That a client cannot agree with the server on TLS is no concern of
// an operator's: whatever asks whether the port is open, such as a load balancer, is one.
type complaints struct{ logger *slog.Logger }

func (c complaints) Write(text []byte) (int, error) {
	line, level := strings.TrimSuffix(string(text), "\n"), slog.LevelWarn
	if strings.HasPrefix(line, "http: TLS handshake error") {
		level = slog.LevelDebug
	}
	c.logger.Log(context.Background(), level, line)
	return len(text), nil
}
