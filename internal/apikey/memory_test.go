package apikey

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// remembering is an authenticator with a clock that the test moves.
type remembering struct {
	*Authenticator
	t     *testing.T
	store *memoryStore
	key   Key
	text  string
	clock time.Time
}

func newRemembering(t *testing.T) *remembering {
	store, key, text := storeOf(t, asIs)
	r := &remembering{t: t, store: store, key: key, text: text, clock: now}
	r.Authenticator = NewAuthenticator(store, func() time.Time { return r.clock })
	return r
}

// after presents the key so much later. It waits for a look-up beside the request.
func (r *remembering) after(later time.Duration) error {
	r.t.Helper()
	r.clock = r.clock.Add(later)
	_, err := r.Authenticate(r.t.Context(), []string{"Bearer " + r.text})
	r.mu.Lock()
	asking := r.lookUps[r.key.ID]
	r.mu.Unlock()
	if asking != nil {
		<-asking.done
	}
	return err
}

func (r *remembering) revoke() {
	revoked := r.key
	revoked.RevokedAt = r.clock
	r.store.keys[r.key.ID] = revoked
}

func (r *remembering) wantsAsked(times int) {
	r.t.Helper()
	if r.store.asked != times {
		r.t.Errorf("the store was asked %d times, want %d", r.store.asked, times)
	}
}

func TestAuthenticate_KnownKey_CostsNoLookUp(t *testing.T) {
	r := newRemembering(t)
	for range 10 {
		if err := r.after(time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	r.wantsAsked(1)
}

// A key in use is looked up again before it is too old, so that no request waits for it.
func TestAuthenticate_KeyInUse_IsLookedUpAgainInTime(t *testing.T) {
	r := newRemembering(t)
	for range 4 {
		if err := r.after(MaxAge / 2); err != nil {
			t.Fatal(err)
		}
	}
	r.wantsAsked(4)
}

func TestAuthenticate_RevokedKey_IsRefusedWhenItIsTooOld(t *testing.T) {
	for name, unused := range map[string]time.Duration{"InUse": MaxAge / 2, "NotUsedMeanwhile": MaxAge} {
		t.Run(name, func(t *testing.T) {
			r := newRemembering(t)
			if err := r.after(0); err != nil {
				t.Fatal(err)
			}
			r.revoke()
			for waited := unused; waited < MaxAge; waited += unused {
				if err := r.after(unused); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.after(unused); !errors.Is(err, ErrUnauthorized) {
				t.Errorf("got %v, want ErrUnauthorized", err)
			}
		})
	}
}

// What is remembered still expires by the clock.
func TestAuthenticate_RememberedKey_Expires(t *testing.T) {
	r := newRemembering(t)
	r.key.ExpiresAt = r.clock.Add(time.Second)
	r.store.keys[r.key.ID] = r.key
	if err := r.after(0); err != nil {
		t.Fatal(err)
	}
	if err := r.after(time.Second); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
}

func TestAuthenticate_StoreAway_KnownKeyWorksUntilItIsTooOld(t *testing.T) {
	r := newRemembering(t)
	if err := r.after(0); err != nil {
		t.Fatal(err)
	}
	r.store.err = errors.New("connection lost")
	if err := r.after(MaxAge - 1); err != nil {
		t.Errorf("before it is too old: %v", err)
	}
	if err := r.after(1); err != r.store.err {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestAuthenticate_NewKey_WorksAtOnce(t *testing.T) {
	r := newRemembering(t)
	delete(r.store.keys, r.key.ID)
	if err := r.after(0); !errors.Is(err, ErrUnauthorized) {
		t.Errorf("got %v, want ErrUnauthorized", err)
	}
	r.store.keys[r.key.ID] = r.key
	if err := r.after(0); err != nil {
		t.Error(err)
	}
}

// However many ask for a key that is not known, the store is asked once; and who was first and has gone takes nobody
// with him.
func TestAuthenticate_ManyAtOnce_AskOnce(t *testing.T) {
	r := newRemembering(t)
	r.store.holds = make(chan struct{})
	gone, goAway := context.WithCancel(t.Context())
	var requests sync.WaitGroup
	for i := range 100 {
		ctx := t.Context()
		if i == 0 {
			ctx = gone
		}
		requests.Go(func() {
			if _, err := r.Authenticate(ctx, []string{"Bearer " + r.text}); err != nil && ctx != gone {
				t.Error(err)
			}
		})
	}
	goAway()
	close(r.store.holds)
	requests.Wait()
	r.wantsAsked(1)
}

// Who has little time left is not kept by a look-up that takes long, nor ends it for others.
func TestAuthenticate_SlowStore_EachWaitsForItsOwnDeadline(t *testing.T) {
	r := newRemembering(t)
	r.store.holds, r.store.askedOfOwns = make(chan struct{}), make(chan struct{}, 1)
	hurried, over := context.WithTimeout(t.Context(), time.Millisecond)
	defer over()
	if _, err := r.Authenticate(hurried, []string{"Bearer " + r.text}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the first, which is in a hurry: got %v", err)
	}
	<-r.store.askedOfOwns
	patient := make(chan error)
	go func() {
		_, err := r.Authenticate(t.Context(), []string{"Bearer " + r.text})
		patient <- err
	}()
	if _, err := r.Authenticate(hurried, []string{"Bearer " + r.text}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that joins it: got %v", err)
	}
	close(r.store.holds)
	if err := <-patient; err != nil {
		t.Errorf("one that has time: %v", err)
	}
	r.wantsAsked(1)
}

// However many ids somebody makes up, the store is asked for few at once, and for keys that are in use all the same.
func TestAuthenticate_MadeUpIDs_KeepNobodyElseFromTheStore(t *testing.T) {
	r := newRemembering(t)
	if err := r.after(0); err != nil {
		t.Fatal(err)
	}
	r.store.holds, r.store.askedOfOwns = make(chan struct{}), make(chan struct{})
	r.clock = r.clock.Add(MaxAge) // the key is too old to be used without asking
	var attack sync.WaitGroup
	for range 10 * maxStrangers {
		_, madeUp := newKey(t, time.Time{})
		attack.Go(func() {
			if _, err := r.Authenticate(t.Context(), []string{"Bearer " + madeUp}); !errors.Is(err, ErrUnauthorized) {
				t.Error(err)
			}
		})
	}
	attack.Go(func() {
		if _, err := r.Authenticate(t.Context(), []string{"Bearer " + r.text}); err != nil {
			t.Error(err)
		}
	})
	<-r.store.askedOfOwns // while the others wait
	close(r.store.holds)
	attack.Wait()
	if r.store.mostAtOnce > maxStrangers+1 {
		t.Errorf("the store was asked for %d at once", r.store.mostAtOnce)
	}
}
