package apikey

import (
	"context"
	"errors"
	"time"
)

// What a store may refuse.
var (
	ErrNotFound  = errors.New("no such API key")
	ErrNotUsable = errors.New("the API key is revoked or expired")
	ErrRotated   = errors.New("the API key was rotated before")
)

// Store keeps keys. What is done to one it keeps as an audit entry too, both or none, with who did it: by, as the command
// line knows them.
type Store interface {
	// Key returns the key of that id, or ErrNotFound.
	Key(ctx context.Context, id string) (Key, error)
	// Keys returns all keys, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// AddKey stores a new key.
	AddKey(ctx context.Context, key Key, by string) error
	// RotateKey stores the successor of a key, which from then on expires at until, if not before. ErrNotFound when
	// there is no such key, ErrNotUsable when it cannot be used any more when the successor is made, ErrRotated when it
	// has a successor already.
	RotateKey(ctx context.Context, id string, successor Key, until time.Time, by string) error
	// RevokeKey revokes a key at an instant; a key that is revoked already stays as it is. ErrNotFound
	// when there is none.
	RevokeKey(ctx context.Context, id string, at time.Time, by string) error
	// MarkUsed notes when keys, by id, were last used. What is noted of a key changes when the use is UseInterval later or more,
	// whichever server saw it.
	MarkUsed(ctx context.Context, uses map[string]time.Time) error
}
