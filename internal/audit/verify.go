package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/numora/delivery/internal/delivery"
)

// Leaf is a sealed entry: what was stored when it was sealed, and what is there of it now.
type Leaf struct {
	Number     int64
	Kind       string // Attempt or AuditEntry
	EntryID    string
	Form       int
	Hash       []byte    // as it was stored
	Entry      []byte    // the canonical form of what is there now, valid until the next leaf; nil when nothing is
	RecordedAt time.Time // of the entry
	Unreadable error     // why the entry could not be read, if so
}

func (l Leaf) String() string { return fmt.Sprintf("%s %s (leaf %d)", l.Kind, l.EntryID, l.Number) }

// Unsealed is what has no leaf number yet.
type Unsealed struct {
	Entries int64     // that are recorded and not sealed
	Noted   int64     // of which that many wait to be sealed; the rest would never be
	Oldest  time.Time // when the oldest that waits was recorded; zero when none does
	Lost    string    // one that does not wait to be sealed, when there is one
}

// Delivery is a delivery's standing as it is kept, beside the facts.
type Delivery struct {
	DocumentID, Provider string
	Kept                 delivery.Standing
	KeptRequeue          string // the id of its last requeue, as it is kept
	Requeue              string // as it is recorded
	Facts                *Fold
}

// History is what a database holds of the audit at one moment. Each method calls each until that returns an error.
type History interface {
	// Checkpoints are the notes that were stored, by size.
	Checkpoints(ctx context.Context, each func(note string) error) error
	// Leaves come by number.
	Leaves(ctx context.Context, each func(Leaf) error) error
	// Deliveries come one document after another.
	Deliveries(ctx context.Context, each func(Delivery) error) error
	Unsealed(ctx context.Context) (Unsealed, error)
}

// Verification is how a history is verified.
type Verification struct {
	Verifiers note.Verifiers
	// Kept are the checkpoints that were kept elsewhere.
	Kept []delivery.Checkpoint
	// Late is how much later than others an entry may be sealed that was recorded before them. One that is later was
	// put in with an instant of long ago.
	Late time.Duration
	// Progress, when given, is told how many of what were looked at, every so often.
	Progress func(what string, looked int64)
}

// Report is what a verification has found.
type Report struct {
	Leaves, Deliveries int64
	Checkpoints        int // stored and kept, those that are both counted once
	Unsealed           Unsealed
	Findings           []string // what is wrong, in order; the first maxFindings
	Found              int      // how much is wrong
}

// maxFindings is how many findings are told. Who changed one thing may have changed everything.
const maxFindings = 20

func (r *Report) found(format string, arguments ...any) {
	if r.Found++; len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, arguments...))
	}
}

// Verify looks at all of a history. Its error is why it could not; what is wrong with the history is in the report.
func (v Verification) Verify(ctx context.Context, history History) (Report, error) {
	var r Report
	marks, err := v.marks(ctx, history, &r)
	if err != nil {
		return r, err
	}
	leaves := leafCheck{Verification: v, report: &r, marks: marks}
	if err := history.Leaves(ctx, leaves.check); err != nil {
		return r, fmt.Errorf("read leaves: %w", err)
	}
	var last delivery.Checkpoint
	if len(marks) > 0 {
		last = marks[len(marks)-1]
	}
	if last.Size > leaves.next {
		r.found("the leaves from %d on are missing at the end: the checkpoint of %s covers %d", leaves.next, instantOf(last.SealedAt), last.Size)
	}
	if last.Size < leaves.next { // what is sealed is signed in the same transaction
		r.found("the leaves from %d on are in no checkpoint", last.Size)
	}
	if r.Unsealed, err = history.Unsealed(ctx); err != nil {
		return r, fmt.Errorf("read what is not sealed: %w", err)
	}
	if r.Unsealed.Entries != r.Unsealed.Noted {
		r.found("%s has no leaf number and does not wait for one (%d are not sealed, %d wait to be)", r.Unsealed.Lost, r.Unsealed.Entries, r.Unsealed.Noted)
	}
	if oldest := r.Unsealed.Oldest; !oldest.IsZero() && oldest.Before(leaves.horizon.Add(-v.Late)) {
		r.found("an entry recorded at %s is not sealed, and others recorded until %s are", instantOf(oldest), instantOf(leaves.horizon))
	}
	err = history.Deliveries(ctx, func(d Delivery) error {
		r.Deliveries++
		v.tell("deliveries", r.Deliveries)
		differs := d.Facts.Differs(d.Kept)
		if differs == "" && d.KeptRequeue != d.Requeue {
			differs = fmt.Sprintf("last requeue: %q is kept, and %q is recorded", d.KeptRequeue, d.Requeue)
		}
		if differs != "" {
			r.found("the delivery of document %s to %s is not what its facts come to: %s", d.DocumentID, d.Provider, differs)
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("read deliveries: %w", err)
	}
	return r, nil
}

// TellEvery is after how many, whatever is looked at, progress is told.
const TellEvery = 100_000

func (v Verification) tell(what string, looked int64) {
	if v.Progress != nil && looked%TellEvery == 0 {
		v.Progress(what, looked)
	}
}

// marks returns all checkpoints by size, each once, without their notes, of which there may be many.
func (v Verification) marks(ctx context.Context, history History, r *Report) ([]delivery.Checkpoint, error) {
	var marks []delivery.Checkpoint
	stored := make(map[int64]bool)
	err := history.Checkpoints(ctx, func(text string) error {
		c, err := Open(text, v.Verifiers)
		if err != nil {
			r.found("a checkpoint in the database cannot be used: %v", err)
			return nil
		}
		c.Origin, c.Note = "", ""
		marks, stored[c.Size] = append(marks, c), true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	for _, c := range v.Kept {
		if !stored[c.Size] {
			r.found("the checkpoint of %s, which was kept, is not in the database: it covers %d leaves", instantOf(c.SealedAt), c.Size)
		}
		c.Origin, c.Note = "", ""
		marks = append(marks, c)
	}
	slices.SortStableFunc(marks, func(a, b delivery.Checkpoint) int { return cmp.Compare(a.Size, b.Size) })
	marks = slices.CompactFunc(marks, func(a, b delivery.Checkpoint) bool {
		if a.Size == b.Size && a.Root != b.Root {
			r.found("there are two checkpoints of %d leaves that do not agree: a kept one and that of the database", a.Size)
			return false
		}
		return a.Size == b.Size
	})
	r.Checkpoints = len(marks)
	return marks, nil
}

// leafCheck looks at one leaf after another.
type leafCheck struct {
	Verification
	report *Report
	marks  []delivery.Checkpoint // those that are not passed yet

	tree    Tree
	broken  bool      // the tree is not what it was: nothing can be told by its roots any more
	next    int64     // the number that the next leaf should have
	passed  int64     // the size of the last checkpoint whose root was right
	latest  time.Time // when the latest entry so far was recorded
	horizon time.Time // latest, up to the last checkpoint
}

func (l *leafCheck) check(leaf Leaf) error {
	r := l.report
	r.Leaves++
	l.tell("leaves", r.Leaves)
	if leaf.Number != l.next {
		r.found("the leaves from %d to %d are missing", l.next, leaf.Number-1)
		l.broken = true
	}
	l.next = leaf.Number + 1
	var hash tlog.Hash
	switch copy(hash[:], leaf.Hash); {
	case leaf.Unreadable != nil:
		r.found("%v cannot be read: %v", leaf, leaf.Unreadable)
	case leaf.Entry == nil:
		r.found("%v is gone", leaf)
	case leaf.Form != Form:
		r.found("%v was sealed in form %d, which this program does not know", leaf, leaf.Form)
	default:
		if made := tlog.RecordHash(leaf.Entry); !bytes.Equal(made[:], leaf.Hash) {
			r.found("%v was changed: it is not what was sealed", leaf)
		}
		if leaf.RecordedAt.Before(l.horizon.Add(-l.Late)) {
			r.found("%v was recorded at %s, as it says, and yet sealed only after what was recorded at %s: it was put in later, or the clock was set back by more than --late", leaf, instantOf(leaf.RecordedAt), instantOf(l.horizon))
		}
		if leaf.RecordedAt.After(l.latest) {
			l.latest = leaf.RecordedAt
		}
	}
	if l.broken {
		return nil
	}
	l.tree.Add(hash)
	passed := l.passed // there may be two checkpoints of this size
	for len(l.marks) > 0 && l.marks[0].Size <= l.tree.Size() {
		mark := l.marks[0]
		l.marks, l.horizon = l.marks[1:], l.latest
		if root := l.tree.Root(); root != mark.Root && !l.broken {
			r.found("the leaves from %d to %d are not those that were sealed: the checkpoint of %s has another root", passed, mark.Size-1, instantOf(mark.SealedAt))
			l.broken = true
		}
		l.passed = mark.Size
	}
	return nil
}
