package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrUnauthorized says that no usable key was presented. It does not tell which of the ways that is, and
// neither must what is made of it.
var ErrUnauthorized = errors.New("no usable API key")

// MaxAge is for how long a key is used as it was looked up: for no longer than that, a key that was revoked is still
// good for requests.
const MaxAge = 5 * time.Second

// lookUpTimeout bounds a look-up, however long the requests that wait for it may take: what it finds is used for MaxAge
// from when it began.
const lookUpTimeout = 3 * time.Second

// maxStrangers is how many ids that nobody has used lately are looked up at once. Whoever makes up ids has the database
// asked for each, and must not keep it from everything else.
const maxStrangers = 4

// Authenticator checks presented keys against a store. It remembers those that the store has for MaxAge, and looks
// those that are in use up again before that, beside the requests, so that a known key waits for nothing. An id that
// the store does not have it asks for each time, so that a new key works at once. However many requests want to know
// the same key, there is one look-up, and none waits for it beyond its own deadline.
type Authenticator struct {
	store Store
	now   func() time.Time

	mu      sync.Mutex
	known   map[string]lookedUp
	lookUps map[string]*lookUp // that are going on
	uses    map[string]use

	strangers chan struct{} // one for each that is being looked up
}

// lookedUp is a key as the store had it at some time.
type lookedUp struct {
	key Key
	at  time.Time
}

// lookUp is a question to the store.
type lookUp struct {
	done chan struct{} // closed once the following are set
	key  Key
	err  error
}

// NewAuthenticator returns an authenticator over store by the clock now.
func NewAuthenticator(store Store, now func() time.Time) *Authenticator {
	return &Authenticator{
		store: store, now: now,
		known: make(map[string]lookedUp), lookUps: make(map[string]*lookUp), uses: make(map[string]use),
		strangers: make(chan struct{}, maxStrangers),
	}
}

// find returns a key of the store as it was no longer than MaxAge ago, or the store's error, or ctx's.
func (a *Authenticator) find(ctx context.Context, id string) (Key, error) {
	known, asking := a.remember(ctx, id)
	if known != nil {
		return *known, nil
	}
	select {
	case <-asking.done:
		return asking.key, asking.err
	case <-ctx.Done():
		return Key{}, ctx.Err()
	}
}

// remember returns a key from memory or, where that is too old, the look-up that there is or was begun for it.
func (a *Authenticator) remember(ctx context.Context, id string) (*Key, *lookUp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.known[id]
	age := a.now().Sub(known.at)
	if ok && age < MaxAge/2 {
		return &known.key, nil
	}
	asking := a.lookUps[id]
	if asking == nil {
		asking = &lookUp{done: make(chan struct{})}
		a.lookUps[id] = asking
		go a.ask(ctx, id, asking, !ok)
	}
	if ok && age < MaxAge {
		return &known.key, nil
	}
	return nil, asking
}

// ask asks the store for a key, whether or not the request that began it is still there.
func (a *Authenticator) ask(ctx context.Context, id string, asking *lookUp, stranger bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
	defer cancel()
	key, began, err := a.lookUp(ctx, id, stranger)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		a.known[id] = lookedUp{key, began}
	case errors.Is(err, ErrNotFound):
		delete(a.known, id)
	}
	delete(a.lookUps, id)
	asking.key, asking.err = key, err
	close(asking.done)
}

// lookUp returns a key of the store, and an instant before the store was asked: what changed since, the answer may not tell.
// Strangers wait for each other.
func (a *Authenticator) lookUp(ctx context.Context, id string, stranger bool) (key Key, began time.Time, err error) {
	if stranger {
		select {
		case a.strangers <- struct{}{}:
			defer func() { <-a.strangers }()
		case <-ctx.Done():
			return Key{}, time.Time{}, ctx.Err()
		}
	}
	began = a.now()
	key, err = a.store.Key(ctx, id)
	return key, began, err
}

// Authenticate returns the key that a request's Authorization headers present, or ErrUnauthorized when
// there is not exactly one, it is no Bearer key (the scheme in any case), or the key is malformed,
// unknown, expired or revoked. Any other error is the store's, or says that the time was over.
func (a *Authenticator) Authenticate(ctx context.Context, authorization []string) (Key, error) {
	if len(authorization) != 1 {
		return Key{}, ErrUnauthorized
	}
	scheme, text, _ := strings.Cut(authorization[0], " ")
	id, ok := ParseID(strings.Trim(text, " "))
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		return Key{}, ErrUnauthorized
	}
	key, err := a.find(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Key{}, err
	}
	// An unknown id is compared too, with a hash that nothing has: the comparison tells nothing. That it was looked up takes
	// its time, and tells which ids there are; ids are no secret.
	hash := sha256.Sum256([]byte(strings.Trim(text, " ")))
	same := subtle.ConstantTimeCompare(hash[:], key.Hash[:]) == 1
	now := a.now()
	if err != nil || !same || !key.Usable(now) {
		return Key{}, ErrUnauthorized
	}
	a.used(id, now)
	return key, nil
}

// Allows tells whether the key has the scope.
func (k Key) Allows(scope Scope) bool { return slices.Contains(k.Scopes, scope) }
