package app

import (
	"context"
	"time"
)

// noteUsesEvery is how often it is looked for keys whose use is to be noted.
const noteUsesEvery = 5 * time.Second

// noteUses has it noted which keys are in use, until ctx ends, and then once more.
func (s *server) noteUses(ctx context.Context) {
	repeat(ctx, noteUsesEvery, s.logger, "it could not be noted which keys are in use, trying again", s.authenticator.NoteUses)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.authenticator.NoteUses(last) // whatever it lacks is less than a minute
}
