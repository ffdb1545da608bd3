package audit

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/delivery"
)

// Proof shows that an entry is one of those that a checkpoint covers, to whoever has the public key alone.
type Proof struct {
	Version    int              `json:"version"` // 1
	Leaf       int64            `json:"leaf"`    // its number, from 0
	Entry      json.RawMessage  `json:"entry"`   // its canonical form, or what Canonical makes that of
	Path       tlog.RecordProof `json:"path"`    // the hashes beside its way to the root, from below
	Checkpoint string           `json:"checkpoint"`
}

// Prove makes the proof of a leaf in the tree of a checkpoint. hashes calls each with the hashes of all its leaves, by number.
func Prove(checkpoint delivery.Checkpoint, leaf int64, entry []byte, hashes func(each func(tlog.Hash) error) error) (Proof, error) {
	read := func(indexes []int64) ([]tlog.Hash, error) {
		found := make(map[int64]tlog.Hash, len(indexes))
		for _, index := range indexes {
			found[index] = tlog.Hash{}
		}
		tree := Tree{whole: func(height int, number int64, hash tlog.Hash) {
			index := tlog.StoredHashIndex(height, number)
			if _, wanted := found[index]; wanted {
				found[index] = hash
			}
		}}
		err := hashes(func(hash tlog.Hash) error {
			tree.Add(hash)
			return nil
		})
		if err == nil && (tree.Size() != checkpoint.Size || tree.Root() != checkpoint.Root) {
			err = errors.New("the leaves are not those that the checkpoint covers: run audit verify")
		}
		read := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			read[i] = found[index]
		}
		return read, err
	}
	path, err := tlog.ProveRecord(checkpoint.Size, leaf, tlog.HashReaderFunc(read))
	if err != nil {
		return Proof{}, err
	}
	if err := tlog.CheckRecord(path, checkpoint.Size, checkpoint.Root, leaf, tlog.RecordHash(entry)); err != nil {
		return Proof{}, errors.New("the entry is not the one that was sealed: run audit verify")
	}
	return Proof{Version: 1, Leaf: leaf, Entry: entry, Path: path, Checkpoint: checkpoint.Note}, nil
}

// Check returns the checkpoint that covers the proof's entry, or an error that says why it proves nothing.
func (p Proof) Check(verifiers note.Verifiers) (delivery.Checkpoint, error) {
	if p.Version != 1 {
		return delivery.Checkpoint{}, fmt.Errorf("it is a proof of version %d, and 1 is known", p.Version)
	}
	checkpoint, err := Open(p.Checkpoint, verifiers)
	if err != nil {
		return delivery.Checkpoint{}, fmt.Errorf("its checkpoint: %w", err)
	}
	entry, err := Canonical(p.Entry) // however somebody has written it meanwhile
	if err != nil {
		return delivery.Checkpoint{}, errors.New("it has no entry")
	}
	if err := tlog.CheckRecord(p.Path, checkpoint.Size, checkpoint.Root, p.Leaf, tlog.RecordHash(entry)); err != nil {
		return delivery.Checkpoint{}, errors.New("the entry is not the one that the checkpoint covers at this number")
	}
	return checkpoint, nil
}
