package app

import (
	"context"
	"log/slog"
	"time"
)

// repeat does something every so often, until ctx ends. A reason why it fails is logged once, for as long as it stays the same.
func repeat(ctx context.Context, every time.Duration, logger *slog.Logger, complaint string, do func(context.Context) error) {
	for said := ""; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
		reason := ""
		if err := do(ctx); err != nil && ctx.Err() == nil {
			reason = err.Error()
		}
		if reason != "" && reason != said {
			logger.Warn(complaint, slog.String("error", reason))
		}
		said = reason
	}
}
