package app

import (
	"context"
	"log/slog"
	"time"
)

// noteUsesEvery is how often it is looked for keys whose use is to be noted.
const noteUsesEvery = 5 * time.Second

// noteUses has it noted which keys are in use, until ctx ends; each reason why it cannot be is logged once.
func (s *server) noteUses(ctx context.Context) {
	said := ""
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			_ = s.authenticator.NoteUses(last) // whatever it lacks is less than a minute
			cancel()
			return
		case <-time.After(noteUsesEvery):
		}
		err := s.authenticator.NoteUses(ctx)
		if err == nil || ctx.Err() != nil {
			said = ""
			continue
		}
		if reason := err.Error(); reason != said {
			s.logger.Warn("it could not be noted which keys are in use, trying again", slog.String("error", reason))
			said = reason
		}
	}
}
