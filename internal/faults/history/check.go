package history

import "fmt"

// perCheck is how many findings of a check are told one by one: the first say what is wrong, the others that it is.
const perCheck = 20

// findings collects what one check finds.
type findings struct {
	check string
	found []Finding
	more  int
}

func (f *findings) add(format string, arguments ...any) {
	if len(f.found) == perCheck {
		f.more++
		return
	}
	f.found = append(f.found, Finding{Check: f.check, What: fmt.Sprintf(format, arguments...)})
}

// checks are all that a run is held against, by the names that findings bear. None raises a false alarm, whatever the
// faults: each speaks only where no order of what happened, and no fate of what is unknown, makes the answers right.
var checks = []struct {
	name  string
	check func(*index, *findings)
}{
	{"answers", checkAnswers},
	{"lost", checkLost},
	{"duplicated", checkDuplicated},
	{"invented", checkInvented},
	{"conflict", checkConflicts},
	{"reads", checkReads},
	{"status", checkStatus},
	{"leases", checkLeases},
	{"foreign", checkForeign},
	{"paging", checkPaging},
	{"porcupine", checkOrders},
}

// Check holds the run against all checks. None found means that it kept every promise that they know.
func (r *Run) Check() []Finding {
	x := newIndex(r)
	var all []Finding
	for _, c := range checks {
		f := &findings{check: c.name}
		c.check(x, f)
		all = append(all, f.found...)
		if f.more > 0 {
			all = append(all, Finding{Check: c.name, What: fmt.Sprintf("and %d more", f.more), More: f.more})
		}
	}
	return all
}
