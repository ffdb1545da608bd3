package audit

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Tree is a growing Merkle tree by RFC 6962, of which only what it grows from is kept. The zero value is empty.
type Tree struct {
	size     int64
	frontier [63]tlog.Hash // of each whole subtree, by its height, that is not part of a larger one

	// whole, when given, is told of each subtree when it is whole: its height, its number among those of this height.
	whole func(height int, number int64, hash tlog.Hash)
}

// Size is how many leaves the tree has.
func (t *Tree) Size() int64 { return t.size }

// Add appends a leaf, whose hash is that of tlog.RecordHash.
func (t *Tree) Add(leaf tlog.Hash) {
	hash := leaf
	for height := 0; ; height++ {
		if t.whole != nil {
			t.whole(height, t.size>>height, hash)
		}
		if t.size>>height&1 == 0 {
			t.frontier[height] = hash
			break
		}
		hash = tlog.NodeHash(t.frontier[height], hash)
	}
	t.size++
}

// Root is the hash of the tree. An empty one has none.
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		return tlog.Hash{}
	}
	height := bits.TrailingZeros64(uint64(t.size)) // #nosec G115 -- a size is not negative
	root := t.frontier[height]
	for height++; height < len(t.frontier); height++ {
		if t.size>>height&1 == 1 {
			root = tlog.NodeHash(t.frontier[height], root)
		}
	}
	return root
}

// Frontier returns what the tree grows from, for Grow.
func (t *Tree) Frontier() []byte {
	var frontier []byte
	for height := range t.frontier {
		if t.size>>height&1 == 1 {
			frontier = append(frontier, t.frontier[height][:]...)
		}
	}
	return frontier
}

// Grow returns the tree of a size that had this Frontier.
func Grow(size int64, frontier []byte) (*Tree, error) {
	t := &Tree{size: size}
	if size < 0 || len(frontier) != bits.OnesCount64(uint64(size))*tlog.HashSize {
		return nil, fmt.Errorf("a tree of %d leaves does not grow from %d bytes", size, len(frontier))
	}
	for height := range t.frontier {
		if size>>height&1 == 1 {
			t.frontier[height] = tlog.Hash(frontier[:tlog.HashSize])
			frontier = frontier[tlog.HashSize:]
		}
	}
	return t, nil
}
