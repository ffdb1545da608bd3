package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// provable is a history of so many leaves under one checkpoint.
func provable(t *testing.T, k key, size int) (*history, delivery.Checkpoint) {
	t.Helper()
	h := &history{}
	for n := range size {
		h.leaves = append(h.leaves, entryOf(n))
	}
	return h, h.seal(t, k, int64(size))[0]
}

func (h *history) hashes(each func(tlog.Hash) error) error {
	return forEach(h.leaves, func(l audit.Leaf) error { return each(tlog.Hash(l.Hash)) }, h.broken["hashes"])
}

func (h *history) prove(c delivery.Checkpoint, leaf int) (audit.Proof, error) {
	return audit.Prove(c, int64(leaf), h.leaves[leaf].Entry, h.hashes)
}

func TestProve_EveryLeafOfEveryTree(t *testing.T) {
	k := newKey(t, origin)
	for size := 1; size <= 70; size++ {
		h, c := provable(t, k, size)
		for n := range size {
			proof, err := h.prove(c, n)
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", n, size, err)
			}
			if proof.Version != 1 || proof.Leaf != int64(n) || !bytes.Equal(proof.Entry, h.leaves[n].Entry) || proof.Checkpoint != c.Note {
				t.Errorf("leaf %d of %d: %+v", n, size, proof)
			}
			if size > 20 && n%7 != 0 && n != size-1 {
				// As Check does, but for the signature, which takes its time.
				if err := tlog.CheckRecord(proof.Path, c.Size, c.Root, proof.Leaf, tlog.RecordHash(proof.Entry)); err != nil {
					t.Errorf("leaf %d of %d: %v", n, size, err)
				}
				continue
			}
			if checked, err := proof.Check(k.verifiers); err != nil || checked != c {
				t.Errorf("leaf %d of %d proves %+v (%v)", n, size, checked, err)
			}
		}
	}
}

func TestProof_IsReadWhateverItsWhiteSpace(t *testing.T) {
	k := newKey(t, origin)
	h, _ := provable(t, k, 9)
	hostileAttempt := fullAttempt()
	hostileAttempt.ErrorMessage = strings.Join(hostile()[1:], "")
	h.leaves[4].Entry = audit.AppendAttempt(nil, hostileAttempt)
	c := h.seal(t, k, 9)[0]
	proof, err := h.prove(c, 4)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("\t ", "\t\t")
	if err := encoder.Encode(proof); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(written.Bytes(), []byte("\n\t \t\t\t\t\"execution_id\": \"run-1\"")) {
		t.Fatalf("there is no white space in %s", &written)
	}
	var read audit.Proof
	if err := json.Unmarshal(written.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if checked, err := read.Check(k.verifiers); err != nil || checked != c {
		t.Errorf("it proves %+v (%v)", checked, err)
	}
}

func TestProof_Check_Refuses(t *testing.T) {
	k := newKey(t, origin)
	h, c := provable(t, k, 12)
	larger, cLarger := provable(t, k, 13)
	for name, test := range map[string]struct {
		change func(p *audit.Proof)
		want   string
	}{
		"AnotherVersion":       {func(p *audit.Proof) { p.Version = 2 }, "it is a proof of version 2, and 1 is known"},
		"NoVersion":            {func(p *audit.Proof) { p.Version = 0 }, "it is a proof of version 0, and 1 is known"},
		"AnotherEntry":         {func(p *audit.Proof) { p.Entry = h.leaves[6].Entry }, "the entry is not the one"},
		"ChangedEntry":         {func(p *audit.Proof) { p.Entry = bytes.Replace(p.Entry, []byte("failed"), []byte("succeeded"), 1) }, "the entry is not the one"},
		"WhiteSpaceInText":     {func(p *audit.Proof) { p.Entry = bytes.Replace(p.Entry, []byte("it is full"), []byte("it  is full"), 1) }, "the entry is not the one"},
		"NoEntry":              {func(p *audit.Proof) { p.Entry = nil }, "it has no entry"},
		"BrokenEntry":          {func(p *audit.Proof) { p.Entry = p.Entry[1:] }, "it has no entry"},
		"EntryAndMore":         {func(p *audit.Proof) { p.Entry = append(p.Entry, "{}"...) }, "it has no entry"},
		"AnotherLeaf":          {func(p *audit.Proof) { p.Leaf = 6 }, "the entry is not the one"},
		"NegativeLeaf":         {func(p *audit.Proof) { p.Leaf = -1 }, "the entry is not the one"},
		"LeafBehindTheEnd":     {func(p *audit.Proof) { p.Leaf = 12 }, "the entry is not the one"},
		"ChangedPath":          {func(p *audit.Proof) { p.Path[2][31] ^= 1 }, "the entry is not the one"},
		"PathInAnotherOrder":   {func(p *audit.Proof) { slices.Reverse(p.Path) }, "the entry is not the one"},
		"PathTooShort":         {func(p *audit.Proof) { p.Path = p.Path[1:] }, "the entry is not the one"},
		"PathTooLong":          {func(p *audit.Proof) { p.Path = append(p.Path, tlog.Hash{}) }, "the entry is not the one"},
		"NoPath":               {func(p *audit.Proof) { p.Path = nil }, "the entry is not the one"},
		"ChangedCheckpoint":    {func(p *audit.Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n12\n", "\n13\n", 1) }, "its checkpoint: it is not signed"},
		"AnotherCheckpoint":    {func(p *audit.Proof) { p.Checkpoint = cLarger.Note }, "the entry is not the one"},
		"NoCheckpoint":         {func(p *audit.Proof) { p.Checkpoint = "" }, "its checkpoint: it is not signed"},
		"ProofOfAnotherTree":   {func(p *audit.Proof) { *p, _ = larger.prove(cLarger, 5); p.Checkpoint = c.Note }, "the entry is not the one"},
		"NodeTakenForAnEntry":  {func(p *audit.Proof) { p.Path = p.Path[1:]; p.Leaf = 2 }, "the entry is not the one"},
		"CheckpointNotOfATree": {func(p *audit.Proof) { p.Checkpoint = k.sign(t, "something else\n") }, "its checkpoint: it is not a checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			proof, err := h.prove(c, 5)
			if err != nil {
				t.Fatal(err)
			}
			proof.Entry = slices.Clone(proof.Entry)
			test.change(&proof)
			if checked, err := proof.Check(k.verifiers); err == nil || !strings.HasPrefix(err.Error(), test.want) || checked != (delivery.Checkpoint{}) {
				t.Errorf("it proves %+v, error %v, want %s", checked, err, test.want)
			}
		})
	}
	t.Run("AnotherKey", func(t *testing.T) {
		proof, err := h.prove(c, 5)
		if err != nil {
			t.Fatal(err)
		}
		if checked, err := proof.Check(newKey(t, origin).verifiers); err == nil {
			t.Errorf("it proves %+v", checked)
		}
	})
}

// Nobody is given a proof that proves nothing.
func TestProve_Refuses(t *testing.T) {
	k := newKey(t, origin)
	const notThose, notIt = "the leaves are not those that the checkpoint covers: run audit verify", "the entry is not the one that was sealed: run audit verify"
	for name, test := range map[string]struct {
		change func(h *history)
		size   int
		want   string
	}{
		"AnotherLeaf":            {func(h *history) { h.leaves[2].Hash = make([]byte, 32) }, 12, notThose},
		"LeavesSwapped":          {func(h *history) { h.leaves[2], h.leaves[3] = h.leaves[3], h.leaves[2] }, 12, notThose},
		"ALeafLess":              {func(h *history) { h.leaves = h.leaves[:11] }, 12, notThose},
		"ALeafMore":              {func(h *history) { h.leaves = append(h.leaves, entryOf(12)) }, 12, notThose},
		"ChangedEntry":           {func(h *history) { h.change(0) }, 12, notIt},
		"ChangedEntryAndItsHash": {func(h *history) { h.change(0); h.rehash(0) }, 12, notThose},
		"ChangedOnlyEntry":       {func(h *history) { h.change(0); h.rehash(0) }, 1, notIt},
		"NoEntry":                {func(h *history) { h.gone(0) }, 12, notIt},
		"Broken":                 {func(h *history) { h.leaves, h.broken = h.leaves[:3], map[string]error{"hashes": errors.New("broken")} }, 12, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := provable(t, k, test.size)
			test.change(h)
			if proof, err := h.prove(c, 0); err == nil || err.Error() != test.want || proof.Checkpoint != "" {
				t.Errorf("%+v, error %v, want %s", proof, err, test.want)
			}
		})
	}
	h, c := provable(t, k, 12)
	for _, leaf := range []int64{-1, 12, 1 << 40} {
		if proof, err := audit.Prove(c, leaf, h.leaves[0].Entry, h.hashes); err == nil {
			t.Errorf("leaf %d: %+v", leaf, proof)
		}
	}
}
