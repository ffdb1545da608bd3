package apikey

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"
)

// MarkUsed implements Store; what was noted is in marked.
func (s *memoryStore) MarkUsed(_ context.Context, uses map[string]time.Time) error {
	s.asked++
	if s.err != nil {
		return s.err
	}
	s.marked = append(s.marked, maps.Clone(uses))
	return nil
}

// noted is what the store is told of uses so much later.
func (r *remembering) noted(later time.Duration) map[string]time.Time {
	r.t.Helper()
	r.clock, r.store.marked = r.clock.Add(later), nil
	if err := r.NoteUses(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	switch len(r.store.marked) {
	case 0:
		return nil
	case 1:
		return r.store.marked[0]
	}
	r.t.Fatalf("the store was told %d times at once", len(r.store.marked))
	return nil
}

func (r *remembering) wantsNoted(later time.Duration, want map[string]time.Time) {
	r.t.Helper()
	if got := r.noted(later); !maps.Equal(got, want) {
		r.t.Errorf("noted %v, want %v", got, want)
	}
}

func (r *remembering) mustUse(later time.Duration) time.Time {
	r.t.Helper()
	if err := r.after(later); err != nil {
		r.t.Fatal(err)
	}
	return r.clock
}

func TestNoteUses_IsAskedForAtMostOnceAMinuteAKey(t *testing.T) {
	r := newRemembering(t)
	r.wantsNoted(0, nil)

	r.mustUse(0)
	last := r.mustUse(time.Second)
	r.wantsNoted(time.Second, map[string]time.Time{r.key.ID: last}) // the first use at once
	last = r.mustUse(time.Second)
	r.wantsNoted(UseInterval-time.Second-1, nil) // a minute since it was noted is not over
	r.wantsNoted(1, map[string]time.Time{r.key.ID: last})
	r.wantsNoted(2*UseInterval, nil) // not used since
}

// Requests wait for nothing of this.
func TestNoteUses_RequestsDoNotAskTheStore(t *testing.T) {
	r := newRemembering(t)
	r.mustUse(0)
	r.mustUse(time.Second)
	r.wantsAsked(1) // for the key itself
}

func TestNoteUses_RefusedKey_IsNotInUse(t *testing.T) {
	r := newRemembering(t)
	r.revoke()
	if err := r.after(0); !errors.Is(err, ErrUnauthorized) {
		t.Fatal(err)
	}
	r.wantsNoted(time.Hour, nil)
}

func TestNoteUses_StoreAway_IsTriedAgain(t *testing.T) {
	r := newRemembering(t)
	last := r.mustUse(0)
	r.store.err = errors.New("connection lost")
	if err := r.NoteUses(t.Context()); err != r.store.err {
		t.Errorf("got %v, want the store's error", err)
	}
	r.store.err = nil
	r.wantsNoted(0, map[string]time.Time{r.key.ID: last})
}
