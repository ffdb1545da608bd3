package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/audit"
)

// leafOf is what the n-th leaf of these tests is of.
func leafOf(n int64) []byte { return fmt.Append(nil, "leaf ", n) }

// treeOf is the tree of the first leaves.
func treeOf(size int64) *audit.Tree {
	var tree audit.Tree
	for n := range size {
		tree.Add(tlog.RecordHash(leafOf(n)))
	}
	return &tree
}

// storedHashes are the hashes of all nodes of a growing tree, as tlog wants them kept.
type storedHashes []tlog.Hash

func (s storedHashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = s[index]
	}
	return hashes, nil
}

func (s *storedHashes) add(t *testing.T, n int64, leaf []byte) {
	t.Helper()
	more, err := tlog.StoredHashes(n, leaf, s)
	if err != nil {
		t.Fatal(err)
	}
	*s = append(*s, more...)
}

func (s storedHashes) root(t *testing.T, size int64) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(size, s)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestTree_RootIsThatOfTlog(t *testing.T) {
	var stored storedHashes
	var tree audit.Tree
	if tree.Size() != 0 || tree.Root() != (tlog.Hash{}) || len(tree.Frontier()) != 0 {
		t.Errorf("an empty tree has the size %d, the root %v and the frontier %x", tree.Size(), tree.Root(), tree.Frontier())
	}
	for n := range int64(3000) {
		tree.Add(tlog.RecordHash(leafOf(n)))
		stored.add(t, n, leafOf(n))
		if n > 300 && n&(n+1) != 0 && rand.N(20) > 0 {
			continue // every small one, those at the powers of two, and some others
		}
		if size := n + 1; tree.Size() != size || tree.Root() != stored.root(t, size) {
			t.Fatalf("of %d leaves the tree has the size %d and the root %v, want %v", size, tree.Size(), tree.Root(), stored.root(t, size))
		}
	}
}

func TestGrow_GoesOnFromEveryFrontier(t *testing.T) {
	const sizes, further = 130, 70
	var roots []tlog.Hash // by size
	var whole audit.Tree
	for n := int64(0); n <= sizes+further; n++ {
		roots = append(roots, whole.Root())
		whole.Add(tlog.RecordHash(leafOf(n)))
	}
	for size := range int64(sizes) {
		before := treeOf(size)
		grown, err := audit.Grow(size, before.Frontier())
		if err != nil {
			t.Fatal(err)
		}
		if grown.Size() != size || grown.Root() != before.Root() || string(grown.Frontier()) != string(before.Frontier()) {
			t.Fatalf("of %d leaves, another tree grows", size)
		}
		for n := size; n < size+further; n++ {
			if grown.Size() != n || grown.Root() != roots[n] {
				t.Fatalf("grown from %d leaves to %d, the root is %v, want %v", size, n, grown.Root(), roots[n])
			}
			grown.Add(tlog.RecordHash(leafOf(n)))
		}
	}
}

func TestGrow_RefusesAWrongLength(t *testing.T) {
	for _, test := range []struct {
		size   int64
		length int
	}{
		{0, 1}, {0, 32}, {1, 0}, {1, 31}, {1, 33}, {1, 64}, {3, 32}, {3, 96}, {4, 64}, {7, 95}, {8, 96}, {-1, 0}, {-1, 64 * 32}, {-8, 61 * 32}, {1<<62 + 1, 32},
	} {
		if _, err := audit.Grow(test.size, make([]byte, test.length)); err == nil {
			t.Errorf("a tree of %d leaves grows from %d bytes", test.size, test.length)
		}
	}
	if tree, err := audit.Grow(1<<62+1, make([]byte, 64)); err != nil || tree.Size() != 1<<62+1 {
		t.Errorf("a large tree does not grow: %v", err)
	}
}

// rootByRFC is the Merkle tree hash as RFC 6962 defines it, in section 2.1.
func rootByRFC(leaves [][]byte) [32]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	left, right := rootByRFC(leaves[:k]), rootByRFC(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// The leaves and roots are those that the tests of Certificate Transparency are made of.
func TestTree_RFC6962Vectors(t *testing.T) {
	roots := []string{
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
	var tree audit.Tree
	var leaves [][]byte
	for i, text := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		leaf, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leaf)
		tree.Add(tlog.RecordHash(leaf))
		if root := tree.Root(); root != rootByRFC(leaves) || hex.EncodeToString(root[:]) != roots[i] {
			t.Errorf("of %d leaves the root is %x; by the RFC %x, in the literature %s", i+1, root, rootByRFC(leaves), roots[i])
		}
	}
}
