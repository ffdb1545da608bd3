package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrUnauthorized says that no usable key was presented. It does not tell which of the ways that is, and
// neither must what is made of it.
var ErrUnauthorized = errors.New("no usable API key")

// ErrNotFound says that a store has no key of that id.
var ErrNotFound = errors.New("no such API key")

// Store keeps keys.
type Store interface {
	// Key returns the key of that id, or ErrNotFound.
	Key(ctx context.Context, id string) (Key, error)
	// Keys returns all keys, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// AddKey stores a new key.
	AddKey(ctx context.Context, key Key) error
	// RevokeKey revokes a key at an instant; a key that is revoked already stays as it is. ErrNotFound
	// when there is none.
	RevokeKey(ctx context.Context, id string, at time.Time) error
}

// Authenticator checks presented keys against a store. It asks the store each time; what is to be
// remembered between requests has its place here.
type Authenticator struct {
	store Store
	now   func() time.Time
}

// NewAuthenticator returns an authenticator over store by the clock now.
func NewAuthenticator(store Store, now func() time.Time) *Authenticator {
	return &Authenticator{store: store, now: now}
}

// Authenticate returns the key that a request's Authorization headers present, or ErrUnauthorized when
// there is not exactly one, it is no Bearer key (the scheme in any case), or the key is malformed,
// unknown, expired or revoked. Any other error is the store's.
func (a *Authenticator) Authenticate(ctx context.Context, authorization []string) (Key, error) {
	if len(authorization) != 1 {
		return Key{}, ErrUnauthorized
	}
	scheme, text, _ := strings.Cut(authorization[0], " ")
	id, ok := ParseID(strings.Trim(text, " "))
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		return Key{}, ErrUnauthorized
	}
	key, err := a.store.Key(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Key{}, err
	}
	// An unknown id is compared too, with a hash that nothing has, so that it takes as long as a known one.
	hash := sha256.Sum256([]byte(strings.Trim(text, " ")))
	same := subtle.ConstantTimeCompare(hash[:], key.Hash[:]) == 1
	if err != nil || !same || !key.Usable(a.now()) {
		return Key{}, ErrUnauthorized
	}
	return key, nil
}

// Allows tells whether the key has the scope.
func (k Key) Allows(scope Scope) bool { return slices.Contains(k.Scopes, scope) }
