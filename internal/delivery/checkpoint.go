package delivery

import "time"

// Checkpoint is what was signed of the audit history: of a Merkle tree whose entries are all attempts and all audit
// entries, and which only grows.
type Checkpoint struct {
	// Origin is the name of the key that signed it.
	Origin string
	// Size is how many entries the tree has, at least 1. They are the first of every later tree.
	Size int64
	// Root is the tree's hash, by RFC 6962.
	Root [32]byte
	// SealedAt is when it was signed, by the store's clock.
	SealedAt time.Time
	// Note is the signed note that says all this, the whole text.
	Note string
}
