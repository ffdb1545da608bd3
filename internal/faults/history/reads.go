package history

import (
	"cmp"
	"slices"
	"strings"
)

// checkReads: what is read of a document is what is recorded, all that was known before, and nothing from the future.
func checkReads(x *index, f *findings) {
	checked := make(map[*document]bool)
	for i := range x.Operations {
		o := &x.Operations[i]
		switch {
		case o.Kind == List:
			if d := x.documents[o.DocumentID]; !checked[d] {
				checked[d] = true
				x.checkLists(d, f)
			}
		case o.Document != nil:
			x.checkLasts(o, f)
		}
	}
}

// checkLists checks the lists of a document. That lists only grow follows from each of them containing whatever anybody
// was shown, or was told to be recorded, before it was asked for.
func (x *index) checkLists(d *document, f *findings) {
	known := slices.Clone(d.reports)
	slices.SortFunc(known, func(a, b *report) int { return cmp.Compare(a.until, b.until) })
	for _, o := range d.lists {
		if o.Outcome != Done {
			continue
		}
		seen := make(map[string]bool, len(o.Attempts))
		for i := range o.Attempts {
			listed := &o.Attempts[i]
			if seen[listed.ID] {
				f.add("the list of document %s at %s has attempt %s twice", o.DocumentID, o.Return, listed.ID)
			}
			seen[listed.ID] = true
			if i > 0 && listed.RecordedAt.After(o.Attempts[i-1].RecordedAt) {
				f.add("the list of document %s at %s has attempt %s behind an older one", o.DocumentID, o.Return, listed.ID)
			}
			x.checkListed(o, listed, f)
		}
		for _, r := range known {
			if r.until >= o.Call {
				break
			}
			if !anyOf(r.rows, func(row *Attempt) bool { return seen[row.ID] }) {
				f.add("the list of document %s that was asked for at %s lacks report %s, which was there at %s",
					o.DocumentID, o.Call, r.id, r.until)
			}
		}
	}
}

func (x *index) checkListed(o *Operation, listed *Attempt, f *findings) {
	r := x.attempts[listed.ID]
	if r == nil {
		f.add("the list of document %s at %s has attempt %s of report %s, which is not recorded", o.DocumentID, o.Return, listed.ID, listed.ExecutionID)
		return
	}
	var different []string
	for _, row := range r.rows {
		if row.ID == listed.ID {
			different = listed.differing(row)
		}
	}
	switch {
	case len(different) > 0:
		f.add("the list of document %s at %s has attempt %s with a different %s than is recorded", o.DocumentID, o.Return,
			listed.ID, strings.Join(different, ", "))
	case listed.DocumentID != o.DocumentID:
		f.add("the list of document %s at %s has attempt %s of document %s", o.DocumentID, o.Return, listed.ID, listed.DocumentID)
	case r.from > o.Return && r.from != never:
		f.add("the list of document %s at %s has report %s, which was not sent before %s", o.DocumentID, o.Return, r.id, r.from)
	}
}

// checkLasts checks that the last attempts which a document shows are its own, and were sent.
func (x *index) checkLasts(o *Operation, f *findings) {
	for _, d := range o.Document.Deliveries {
		if d.LastAttempt == "" {
			continue
		}
		r := x.reports[d.LastAttempt]
		switch {
		case r == nil || len(r.rows) == 0:
			f.add("document %s at %s shows report %s, which is not recorded", o.DocumentID, o.Return, d.LastAttempt)
		case r.rows[0].DocumentID != o.DocumentID || r.rows[0].Provider != d.Provider:
			f.add("document %s at %s shows report %s with %s, which is of another delivery", o.DocumentID, o.Return, r.id, d.Provider)
		case r.from > o.Return && r.from != never:
			f.add("document %s at %s shows report %s, which was not sent before %s", o.DocumentID, o.Return, r.id, r.from)
		}
	}
}
