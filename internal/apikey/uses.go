package apikey

import (
	"context"
	"time"
)

// UseInterval is how long at least there is between two notes of the use of the same key.
const UseInterval = time.Minute

// use is what is to be noted of the uses of a key.
type use struct {
	last  time.Time
	noted time.Time // the use that was noted
	at    time.Time // and when that was
}

func (a *Authenticator) used(id string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.uses[id]
	u.last = now
	a.uses[id] = u
}

// NoteUses has the store note which keys were used, unless that of a key was noted less than UseInterval ago. It is to
// be called now and then, beside the requests. An error is the store's; what was not noted is the next time.
func (a *Authenticator) NoteUses(ctx context.Context) error {
	now := a.now()
	uses := a.usesToNote(now)
	if len(uses) == 0 {
		return nil
	}
	if err := a.store.MarkUsed(ctx, uses); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, last := range uses {
		u := a.uses[id]
		u.noted, u.at = last, now
		a.uses[id] = u
	}
	return nil
}

func (a *Authenticator) usesToNote(now time.Time) map[string]time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	uses := make(map[string]time.Time)
	for id, u := range a.uses {
		if u.last.After(u.noted) && now.Sub(u.at) >= UseInterval {
			uses[id] = u.last
		}
	}
	return uses
}
