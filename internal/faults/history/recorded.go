package history

import (
	"net/http"
	"strings"
)

// checkLost: what was acknowledged is there, as it was answered.
func checkLost(x *index, f *findings) {
	for i := range x.Operations {
		o := &x.Operations[i]
		if o.HTTP == http.StatusNotFound && (o.Kind == Record || o.Kind == Read || o.Kind == List) {
			if d := x.documents[o.DocumentID]; d != nil && d.knownBy < o.Call {
				f.add("document %s was registered and is not found by a %s at %s", o.DocumentID, o.Kind, o.Call)
			}
		}
		if o.Kind != Record || o.Outcome != Done || o.Attempt == nil {
			continue
		}
		rows := x.reports[o.ExecutionID].rows
		if len(rows) == 0 {
			f.add("report %s of document %s was acknowledged with %d at %s as attempt %s, and is not recorded",
				o.ExecutionID, o.DocumentID, o.HTTP, o.Return, o.Attempt.ID)
			continue
		}
		var different []string
		for _, row := range rows { // where there are several, that is found as duplicated
			if different = o.Attempt.differing(row); len(different) == 0 {
				break
			}
		}
		if len(different) > 0 {
			f.add("report %s was acknowledged as attempt %s and is recorded as attempt %s with a different %s",
				o.ExecutionID, o.Attempt.ID, rows[0].ID, strings.Join(different, ", "))
		}
	}
}

// checkDuplicated: an execution id is one attempt, made once.
func checkDuplicated(x *index, f *findings) {
	ids := make(map[string]string, len(x.Attempts))
	for i := range x.Attempts {
		row := &x.Attempts[i]
		if other, twice := ids[row.ID]; twice {
			f.add("attempt id %s is recorded twice, under execution ids %s and %s", row.ID, other, row.ExecutionID)
		}
		ids[row.ID] = row.ExecutionID
		if r := x.reports[row.ExecutionID]; r.rows[0] != row {
			f.add("execution id %s is recorded twice, as attempts %s and %s", row.ExecutionID, r.rows[0].ID, row.ID)
		}
	}
	for i := range x.Operations {
		if o := &x.Operations[i]; o.Kind == Record {
			if r := x.reports[o.ExecutionID]; r.sends[0] == o {
				checkAnswersOf(r, f)
			}
		}
	}
}

// checkAnswersOf holds the answers to one execution id against each other.
func checkAnswersOf(r *report, f *findings) {
	var first *Operation           // that was acknowledged, by its return
	var created *Operation         // with 201
	var earliest, other *Operation // that may have recorded it, by their calls
	for _, o := range r.sends {
		if !o.mayHaveDone() {
			continue
		}
		switch {
		case earliest == nil || o.Call < earliest.Call:
			earliest, other = o, earliest
		case other == nil || o.Call < other.Call:
			other = o
		}
		if o.Outcome != Done {
			continue
		}
		if first == nil || o.Return < first.Return {
			first = o
		}
	}
	for _, o := range r.sends {
		if o.Outcome != Done {
			continue
		}
		if o.Attempt != nil && first.Attempt != nil && (o.Attempt.ID != first.Attempt.ID || !o.Attempt.RecordedAt.Equal(first.Attempt.RecordedAt)) {
			f.add("report %s was acknowledged as attempt %s and as attempt %s", r.id, first.Attempt.ID, o.Attempt.ID)
		}
		if o.HTTP == http.StatusCreated {
			if created != nil {
				f.add("report %s was created twice, at %s and at %s", r.id, created.Return, o.Return)
			} else if first.Return < o.Call {
				f.add("report %s was created at %s, after it had been acknowledged at %s", r.id, o.Return, first.Return)
			}
			created = o
			continue
		}
		before := earliest
		if before == o {
			before = other
		}
		if before == nil || before.Call > o.Return {
			f.add("report %s was answered as a replay at %s, before anything was sent that it could replay", r.id, o.Return)
		}
	}
}

// checkInvented: what is recorded was sent, and nobody was told that it was not.
func checkInvented(x *index, f *findings) {
	for i := range x.Attempts {
		row := &x.Attempts[i]
		var sent, may bool
		for _, o := range x.reports[row.ExecutionID].sends {
			if o.Sent != nil && row.sameAs(o.Sent) {
				sent = true
				may = may || o.mayHaveDone()
			}
		}
		switch {
		case !sent:
			f.add("attempt %s is recorded under execution id %s with data that nobody sent", row.ID, row.ExecutionID)
		case !may:
			f.add("attempt %s is recorded under execution id %s, though whoever sent it was told that it was not", row.ID, row.ExecutionID)
		}
	}
}

// checkConflicts: a report is refused as other data, and only then, when it is.
func checkConflicts(x *index, f *findings) {
	for i := range x.Operations {
		o := &x.Operations[i]
		if o.Kind != Record || o.Sent == nil || o.Outcome != Done && o.HTTP != http.StatusConflict {
			continue
		}
		r := x.reports[o.ExecutionID]
		if o.Outcome == Done {
			if len(r.rows) > 0 && !anyOf(r.rows, func(row *Attempt) bool { return row.sameAs(o.Sent) }) {
				f.add("report %s was acknowledged with %d, though it is recorded with a different %s", r.id, o.HTTP,
					strings.Join(r.rows[0].Report.differing(o.Sent), ", "))
			}
			continue
		}
		if len(r.rows) == 0 {
			f.add("report %s was refused with 409 at %s, and nothing is recorded under its id", r.id, o.Return)
			continue
		}
		different := r.rows[0].Report.differing(o.Sent)
		switch {
		case len(different) == 0:
			f.add("report %s was refused with 409 at %s, and is recorded with just that data", r.id, o.Return)
		case !sameSet(different, o.Differing):
			f.add("report %s was refused with 409 for its %s, and differs in its %s", r.id,
				strings.Join(o.Differing, ", "), strings.Join(different, ", "))
		case r.from > o.Return && r.from != never: // what nobody sent is found as invented
			f.add("report %s was refused with 409 at %s, before what is recorded was sent at %s", r.id, o.Return, r.from)
		}
	}
}

func anyOf[T any](all []T, is func(T) bool) bool {
	for _, one := range all {
		if is(one) {
			return true
		}
	}
	return false
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for _, one := range a {
		if !anyOf(b, func(other string) bool { return one == other }) {
			return false
		}
	}
	return true
}
