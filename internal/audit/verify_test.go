package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
)

// history is an audit history in memory.
type history struct {
	notes      []string
	leaves     []audit.Leaf
	deliveries []audit.Delivery
	unsealed   audit.Unsealed

	broken map[string]error // what a method ends with, by its name, after it called each
}

func forEach[T any](all []T, each func(T) error, end error) error {
	for _, one := range all {
		if err := each(one); err != nil {
			return err
		}
	}
	return end
}

func (h *history) Checkpoints(ctx context.Context, each func(note string) error) error {
	return forEach(h.notes, each, errors.Join(h.broken["Checkpoints"], ctx.Err()))
}

// Leaves tells each entry from the same place, as it may.
func (h *history) Leaves(ctx context.Context, each func(audit.Leaf) error) error {
	var place []byte
	return forEach(h.leaves, func(leaf audit.Leaf) error {
		if leaf.Entry != nil {
			place = append(place[:0], leaf.Entry...)
			leaf.Entry = place
		}
		return each(leaf)
	}, errors.Join(h.broken["Leaves"], ctx.Err()))
}

func (h *history) Deliveries(ctx context.Context, each func(audit.Delivery) error) error {
	return forEach(h.deliveries, each, errors.Join(h.broken["Deliveries"], ctx.Err()))
}

func (h *history) Unsealed(ctx context.Context) (audit.Unsealed, error) {
	return h.unsealed, errors.Join(h.broken["Unsealed"], ctx.Err())
}

// entryOf is the n-th attempt's canonical form, recorded at the n-th minute.
func entryOf(n int) audit.Leaf {
	a := fullAttempt()
	a.ID, a.RecordedAt = fmt.Sprint("attempt-", n), minute(n)
	entry := audit.AppendAttempt(nil, a)
	hash := tlog.RecordHash(entry)
	return audit.Leaf{Number: int64(n), Kind: audit.Attempt, EntryID: a.ID, Form: audit.Form, Hash: hash[:], Entry: entry, RecordedAt: a.RecordedAt}
}

// seal makes the leaves, from the first on, what they say, and signs a checkpoint of each size.
func (h *history) seal(t *testing.T, k key, sizes ...int64) (checkpoints []delivery.Checkpoint) {
	t.Helper()
	h.notes = nil
	var tree audit.Tree
	for i := range h.leaves {
		h.leaves[i].Number = int64(i)
		if h.leaves[i].Entry != nil {
			hash := tlog.RecordHash(h.leaves[i].Entry)
			h.leaves[i].Hash = hash[:]
		}
		tree.Add(tlog.Hash(h.leaves[i].Hash))
		if slices.Contains(sizes, tree.Size()) {
			c := k.checkpoint(t, &tree, minute(int(tree.Size())))
			checkpoints, h.notes = append(checkpoints, c), append(h.notes, c.Note)
		}
	}
	return checkpoints
}

// deliveryOf is one to which nothing happened but an attempt that failed.
func deliveryOf(n int) audit.Delivery {
	fold := audit.NewFold(time.Time{}, nil)
	fold.Attempt(tried(failed, "a", 1, 2))
	return audit.Delivery{DocumentID: fmt.Sprint("invoice-", n), Provider: "dynamics365", Facts: fold, Kept: delivery.Standing{
		Touched: true, Tries: 1, Latest: latest(failed, "a", 1), LastRecordedAt: minute(2), Resting: delivery.DeliveryFailed, DueAt: minute(3),
	}}
}

// sealed is a history of twelve leaves, sealed in three goes, all of whose checkpoints were kept, and how it is verified.
func sealed(t *testing.T, k key) (*history, *audit.Verification) {
	t.Helper()
	h := &history{broken: map[string]error{}}
	for n := range 12 {
		h.leaves = append(h.leaves, entryOf(n))
	}
	kept := h.seal(t, k, 3, 8, 12)
	for n := range 4 {
		h.deliveries = append(h.deliveries, deliveryOf(n))
	}
	h.unsealed = audit.Unsealed{Entries: 2, Noted: 2, Oldest: minute(10)}
	return h, &audit.Verification{Verifiers: k.verifiers, Kept: kept, Late: 5 * time.Minute}
}

// gone takes an entry away, and leaves its leaf.
func (h *history) gone(n int) { h.leaves[n].Entry, h.leaves[n].RecordedAt = nil, time.Time{} }

// change makes another entry of one.
func (h *history) change(n int) {
	h.leaves[n].Entry = slices.Concat(h.leaves[n].Entry[:len(h.leaves[n].Entry)-1], []byte(`,"x":1}`))
}

// rehash makes a leaf's hash that of what is there.
func (h *history) rehash(n int) {
	hash := tlog.RecordHash(h.leaves[n].Entry)
	h.leaves[n].Hash = hash[:]
}

func TestVerify_FindsNothingWhereNothingIsWrong(t *testing.T) {
	k := newKey(t, origin)
	ok := func(*history, *audit.Verification) {}
	for name, test := range map[string]struct {
		change      func(h *history, v *audit.Verification)
		leaves      int64
		checkpoints int
	}{
		"AsItIs":                {ok, 12, 3},
		"NothingKept":           {func(_ *history, v *audit.Verification) { v.Kept = nil }, 12, 3},
		"KeptInAnotherOrder":    {func(_ *history, v *audit.Verification) { slices.Reverse(v.Kept) }, 12, 3},
		"KeptTwice":             {func(_ *history, v *audit.Verification) { v.Kept = append(v.Kept, v.Kept...) }, 12, 3},
		"KeptWithoutTheirNotes": {func(_ *history, v *audit.Verification) { v.Kept[1].Note = "" }, 12, 3},
		"NothingUnsealed":       {func(h *history, _ *audit.Verification) { h.unsealed = audit.Unsealed{} }, 12, 3},
		"UnsealedJustNotTooOld": {func(h *history, _ *audit.Verification) { h.unsealed.Oldest = minute(6) }, 12, 3},
		"SealedJustNotTooLate":  {func(h *history, v *audit.Verification) { h.leaves[9].RecordedAt = minute(2) }, 12, 3},
		"LateBesideOthersOfItsGo": {func(h *history, v *audit.Verification) {
			v.Late = 0
			h.leaves[10].RecordedAt = minute(7)
			h.unsealed.Oldest = minute(11)
		}, 12, 3},
		"CheckpointsInAnotherOrder": {func(h *history, _ *audit.Verification) { slices.Reverse(h.notes) }, 12, 3},
		"NothingAtAll": {func(h *history, v *audit.Verification) {
			*h = history{}
			v.Kept = nil
		}, 0, 0},
		"NothingSealedYet": {func(h *history, v *audit.Verification) {
			h.leaves, h.notes, v.Kept, h.unsealed.Oldest = nil, nil, nil, minute(-1000)
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, v := sealed(t, k)
			test.change(h, v)
			report, err := v.Verify(t.Context(), h)
			if err != nil || report.Found != 0 || report.Findings != nil {
				t.Fatalf("%d found, %q (%v)", report.Found, report.Findings, err)
			}
			if report.Leaves != test.leaves || report.Checkpoints != test.checkpoints || report.Deliveries != int64(len(h.deliveries)) || report.Unsealed != h.unsealed {
				t.Errorf("%+v", report)
			}
		})
	}
}

// putInLater is what may have made an entry late.
const putInLater = ": it was put in later, or the clock was set back by more than --late"

func TestVerify_Finds(t *testing.T) {
	k, other := newKey(t, origin), newKey(t, origin)
	const at = "2026-03-24T12:%02d:00.000000Z"
	instant := func(minute int) string { return fmt.Sprintf(at, minute) }
	notThose := func(from, to, sealed int) string {
		return fmt.Sprintf("the leaves from %d to %d are not those that were sealed: the checkpoint of %s has another root", from, to, instant(sealed))
	}
	for name, test := range map[string]struct {
		change func(h *history, v *audit.Verification)
		want   []string
	}{
		"ChangedEntry": {func(h *history, _ *audit.Verification) { h.change(4) },
			[]string{"attempt attempt-4 (leaf 4) was changed: it is not what was sealed"}},
		"ChangedFirstEntry": {func(h *history, _ *audit.Verification) { h.change(0) },
			[]string{"attempt attempt-0 (leaf 0) was changed: it is not what was sealed"}},
		"ChangedLastEntry": {func(h *history, _ *audit.Verification) { h.change(11) },
			[]string{"attempt attempt-11 (leaf 11) was changed: it is not what was sealed"}},
		"ChangedEntryAndItsHash": {func(h *history, _ *audit.Verification) { h.change(4); h.rehash(4) },
			[]string{notThose(3, 7, 8)}},
		"ChangedHash": {func(h *history, _ *audit.Verification) { h.leaves[9].Hash = make([]byte, 32) },
			[]string{"attempt attempt-9 (leaf 9) was changed: it is not what was sealed", notThose(8, 11, 12)}},
		"HashCutOff": {func(h *history, _ *audit.Verification) { h.leaves[9].Hash = h.leaves[9].Hash[:31] },
			[]string{"attempt attempt-9 (leaf 9) was changed: it is not what was sealed", notThose(8, 11, 12)}},
		"HashAndMore": {func(h *history, _ *audit.Verification) { h.leaves[9].Hash = append(h.leaves[9].Hash, 0) },
			[]string{"attempt attempt-9 (leaf 9) was changed: it is not what was sealed"}},
		"SeveralChangedInOrder": {func(h *history, _ *audit.Verification) { h.change(10); h.change(2); h.gone(5) },
			[]string{
				"attempt attempt-2 (leaf 2) was changed: it is not what was sealed", "attempt attempt-5 (leaf 5) is gone",
				"attempt attempt-10 (leaf 10) was changed: it is not what was sealed",
			}},
		"Gone": {func(h *history, _ *audit.Verification) { h.gone(4) },
			[]string{"attempt attempt-4 (leaf 4) is gone"}},
		"Unreadable": {func(h *history, _ *audit.Verification) { h.leaves[4].Unreadable = errors.New("no instant") },
			[]string{"attempt attempt-4 (leaf 4) cannot be read: no instant"}},
		"UnknownForm": {func(h *history, _ *audit.Verification) { h.leaves[4].Form = 2 },
			[]string{"attempt attempt-4 (leaf 4) was sealed in form 2, which this program does not know"}},
		"MissingInTheMiddle": {func(h *history, _ *audit.Verification) { h.leaves = slices.Delete(h.leaves, 4, 6) },
			[]string{"the leaves from 4 to 5 are missing"}},
		"MissingTwice": {func(h *history, _ *audit.Verification) {
			h.leaves = slices.Delete(h.leaves, 9, 10)
			h.leaves = slices.Delete(h.leaves, 4, 6)
		}, []string{"the leaves from 4 to 5 are missing", "the leaves from 9 to 9 are missing"}},
		"MissingFirst": {func(h *history, _ *audit.Verification) { h.leaves = h.leaves[1:] },
			[]string{"the leaves from 0 to 0 are missing"}},
		"MissingAndNumberedAnew": {func(h *history, _ *audit.Verification) {
			h.leaves = slices.Delete(h.leaves, 9, 10)
			for i := range h.leaves {
				h.leaves[i].Number = int64(i)
			}
		}, []string{"the leaves from 11 on are missing at the end: the checkpoint of " + instant(12) + " covers 12"}},
		"CutTail": {func(h *history, _ *audit.Verification) { h.leaves = h.leaves[:9] },
			[]string{"the leaves from 9 on are missing at the end: the checkpoint of " + instant(12) + " covers 12"}},
		"CutTailAndCheckpoint": {func(h *history, _ *audit.Verification) { h.leaves, h.notes = h.leaves[:8], h.notes[:2] },
			[]string{
				"the checkpoint of " + instant(12) + ", which was kept, is not in the database: it covers 12 leaves",
				"the leaves from 8 on are missing at the end: the checkpoint of " + instant(12) + " covers 12",
			}},
		"AllIsGone": {func(h *history, v *audit.Verification) { h.leaves, h.notes, v.Kept = nil, nil, v.Kept[2:] },
			[]string{
				"the checkpoint of " + instant(12) + ", which was kept, is not in the database: it covers 12 leaves",
				"the leaves from 0 on are missing at the end: the checkpoint of " + instant(12) + " covers 12",
			}},
		"SwappedLeavesWithTheirHashes": {func(h *history, _ *audit.Verification) {
			h.leaves[4], h.leaves[5] = h.leaves[5], h.leaves[4]
			h.leaves[4].Number, h.leaves[5].Number = 4, 5
		}, []string{notThose(3, 7, 8)}},
		"SwappedEntries": {func(h *history, _ *audit.Verification) {
			h.leaves[4].Entry, h.leaves[5].Entry = h.leaves[5].Entry, h.leaves[4].Entry
		}, []string{"attempt attempt-4 (leaf 4) was changed: it is not what was sealed", "attempt attempt-5 (leaf 5) was changed: it is not what was sealed"}},
		"InsertedLeaf": {func(h *history, _ *audit.Verification) {
			h.leaves = slices.Insert(h.leaves, 5, entryOf(5))
			h.leaves[5].Entry = []byte("inserted")
			h.rehash(5)
			for i := range h.leaves {
				h.leaves[i].Number = int64(i)
			}
		}, []string{notThose(3, 7, 8), "the leaves from 12 on are in no checkpoint"}},
		"AppendedLeaf": {func(h *history, _ *audit.Verification) { h.leaves = append(h.leaves, entryOf(12), entryOf(13)) },
			[]string{"the leaves from 12 on are in no checkpoint"}},
		"NoCheckpointAtAll": {func(h *history, v *audit.Verification) { h.notes, v.Kept = nil, nil; h.change(4); h.rehash(4) },
			[]string{"the leaves from 0 on are in no checkpoint"}},
		"LastCheckpointGoneAndNoneKept": {func(h *history, v *audit.Verification) { h.notes, v.Kept = h.notes[:2], nil },
			[]string{"the leaves from 8 on are in no checkpoint"}},
		"RebuiltTree": {func(h *history, v *audit.Verification) {
			h.change(1)
			h.seal(t, k, 3, 8, 12)
			v.Kept = v.Kept[1:2]
		}, []string{
			"there are two checkpoints of 8 leaves that do not agree: a kept one and that of the database", notThose(3, 7, 8),
		}},
		"RebuiltTreeInOtherSizes": {func(h *history, v *audit.Verification) {
			h.change(1)
			h.seal(t, k, 4, 12)
			v.Kept = v.Kept[1:2]
		}, []string{
			"the checkpoint of " + instant(8) + ", which was kept, is not in the database: it covers 8 leaves", notThose(4, 7, 8),
		}},
		"RebuiltTreeAndAnotherKey": {func(h *history, _ *audit.Verification) {
			h.change(1)
			h.seal(t, other, 12)
		}, []string{
			"a checkpoint in the database cannot be used: it is not signed by a key that was given",
			"the checkpoint of " + instant(3) + ", which was kept, is not in the database: it covers 3 leaves",
			"the checkpoint of " + instant(8) + ", which was kept, is not in the database: it covers 8 leaves",
			"the checkpoint of " + instant(12) + ", which was kept, is not in the database: it covers 12 leaves",
			notThose(0, 2, 3),
		}},
		"CheckpointMissingThatWasKept": {func(h *history, _ *audit.Verification) { h.notes = slices.Delete(h.notes, 1, 2) },
			[]string{"the checkpoint of " + instant(8) + ", which was kept, is not in the database: it covers 8 leaves"}},
		"CheckpointNotSigned": {func(h *history, v *audit.Verification) { h.notes[1], v.Kept = "numora\n", nil },
			[]string{"a checkpoint in the database cannot be used: it is not signed by a key that was given"}},
		"CheckpointChangedAndKept": {func(h *history, v *audit.Verification) { h.notes[1] = h.notes[1][1:] },
			[]string{
				"a checkpoint in the database cannot be used: it is not signed by a key that was given",
				"the checkpoint of " + instant(8) + ", which was kept, is not in the database: it covers 8 leaves",
			}},
		"CheckpointOfSomethingElse": {func(h *history, _ *audit.Verification) { h.notes = append(h.notes, k.sign(t, "something else\n")) },
			[]string{"a checkpoint in the database cannot be used: it is not a checkpoint"}},
		"TwoOfOneSize": {func(h *history, v *audit.Verification) {
			tree := treeOf(8)
			v.Kept = append(v.Kept, k.checkpoint(t, tree, minute(9)))
		}, []string{"there are two checkpoints of 8 leaves that do not agree: a kept one and that of the database", notThose(3, 7, 9)}},
		"LostUnsealedEntry": {func(h *history, _ *audit.Verification) { h.unsealed.Entries, h.unsealed.Lost = 3, "attempt attempt-77" },
			[]string{"attempt attempt-77 has no leaf number and does not wait for one (3 are not sealed, 2 wait to be)"}},
		"UnsealedTooOld": {func(h *history, _ *audit.Verification) { h.unsealed.Oldest = minute(6).Add(-time.Microsecond) },
			[]string{"an entry recorded at 2026-03-24T12:05:59.999999Z is not sealed, and others recorded until " + instant(11) + " are"}},
		"BackDatedSealedEntry": {func(h *history, _ *audit.Verification) { h.leaves[9].RecordedAt = minute(2).Add(-time.Microsecond) },
			[]string{"attempt attempt-9 (leaf 9) was recorded at 2026-03-24T12:01:59.999999Z, as it says, and yet sealed only after what was recorded at " + instant(7) + putInLater}},
		"BackDatedAfterTheLatestOfThoseBefore": {func(h *history, _ *audit.Verification) {
			h.leaves[7].RecordedAt, h.leaves[9].RecordedAt = minute(3), minute(1).Add(-time.Microsecond)
		}, []string{"attempt attempt-9 (leaf 9) was recorded at 2026-03-24T12:00:59.999999Z, as it says, and yet sealed only after what was recorded at " + instant(6) + putInLater}},
		"DeliveryDiffers": {func(h *history, _ *audit.Verification) { h.deliveries[2].Kept.Tries = 0 },
			[]string{"the delivery of document invoice-2 to dynamics365 is not what its facts come to: tries: 0 is kept, and what is recorded comes to 1"}},
		"AllInOrder": {func(h *history, v *audit.Verification) {
			h.notes[0] = ""
			h.change(1)
			h.leaves = h.leaves[:11]
			h.unsealed.Noted, h.unsealed.Lost, h.unsealed.Oldest = 1, "attempt x", minute(0)
			h.deliveries[0].Kept.Tries, h.deliveries[3].Kept.Tries = 2, 3
		}, []string{
			"a checkpoint in the database cannot be used: it is not signed by a key that was given",
			"the checkpoint of " + instant(3) + ", which was kept, is not in the database: it covers 3 leaves",
			"attempt attempt-1 (leaf 1) was changed: it is not what was sealed",
			"the leaves from 11 on are missing at the end: the checkpoint of " + instant(12) + " covers 12",
			"attempt x has no leaf number and does not wait for one (2 are not sealed, 1 wait to be)",
			"an entry recorded at " + instant(0) + " is not sealed, and others recorded until " + instant(7) + " are",
			"the delivery of document invoice-0 to dynamics365 is not what its facts come to: tries: 2 is kept, and what is recorded comes to 1",
			"the delivery of document invoice-3 to dynamics365 is not what its facts come to: tries: 3 is kept, and what is recorded comes to 1",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h, v := sealed(t, k)
			test.change(h, v)
			report, err := v.Verify(t.Context(), h)
			if err != nil || !slices.Equal(report.Findings, test.want) || report.Found != len(test.want) {
				t.Errorf("%d found (%v)", report.Found, err)
				for _, finding := range report.Findings {
					t.Errorf("got  %s", finding)
				}
				for _, finding := range test.want {
					t.Errorf("want %s", finding)
				}
			}
		})
	}
}

func TestVerify_TellsTwentyFindingsAndCountsAll(t *testing.T) {
	k := newKey(t, origin)
	h, v := sealed(t, k)
	for n := 12; n < 50; n++ {
		h.leaves = append(h.leaves, entryOf(n))
	}
	v.Kept = h.seal(t, k, 3, 8, 12, 50)
	for n := range 45 {
		h.gone(n + 5)
	}
	h.unsealed = audit.Unsealed{}
	report, err := v.Verify(t.Context(), h)
	if err != nil || report.Found != 45 || len(report.Findings) != 20 || report.Leaves != 50 {
		t.Fatalf("%d found, %d told, of %d leaves (%v)", report.Found, len(report.Findings), report.Leaves, err)
	}
	for n, finding := range report.Findings {
		if want := fmt.Sprintf("attempt attempt-%d (leaf %[1]d) is gone", n+5); finding != want {
			t.Errorf("got %s, want %s", finding, want)
		}
	}
}

// Who reads a history may fail, and who verifies may be called off. Neither is a finding, and neither is taken for a history
// that is right.
func TestVerify_ErrorsAreNoFindings(t *testing.T) {
	k := newKey(t, origin)
	for method, want := range map[string]string{
		"Checkpoints": "read checkpoints: broken", "Leaves": "read leaves: broken",
		"Unsealed": "read what is not sealed: broken", "Deliveries": "read deliveries: broken",
	} {
		h, v := sealed(t, k)
		broken := errors.New("broken")
		h.broken[method] = broken
		report, err := v.Verify(t.Context(), h)
		if !errors.Is(err, broken) || err.Error() != want || report.Found != 0 {
			t.Errorf("%s: error %v, %d found", method, err, report.Found)
		}
	}
	called, off := context.WithCancel(t.Context())
	off()
	h, v := sealed(t, k)
	if report, err := v.Verify(called, h); !errors.Is(err, context.Canceled) || report.Found != 0 {
		t.Errorf("called off: error %v, %d found", err, report.Found)
	}
}

func TestVerify_TellsHowItGetsOn(t *testing.T) {
	k := newKey(t, origin)
	h, v := sealed(t, k)
	leaf, d := h.leaves[0], h.deliveries[0]
	h.leaves, h.deliveries = nil, nil
	var tree audit.Tree
	for n := range int64(200_001) {
		leaf.Number = n
		h.leaves = append(h.leaves, leaf)
		tree.Add(tlog.Hash(leaf.Hash))
		if n < 100_000 {
			h.deliveries = append(h.deliveries, d)
		}
	}
	h.notes, v.Kept, h.unsealed = []string{k.checkpoint(t, &tree, minute(1)).Note}, nil, audit.Unsealed{}
	var told []string
	v.Progress = func(what string, looked int64) { told = append(told, fmt.Sprint(looked, " ", what)) }
	report, err := v.Verify(t.Context(), h)
	if err != nil || report.Found != 0 || report.Leaves != 200_001 || report.Deliveries != 100_000 {
		t.Errorf("%+v (%v)", report, err)
	}
	if want := []string{"100000 leaves", "200000 leaves", "100000 deliveries"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
