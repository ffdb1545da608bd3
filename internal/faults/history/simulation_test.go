package history

import (
	"testing"
)

// TestCheck_RightServer: no alarm is raised about a server that does all right, whatever gets lost on the way.
func TestCheck_RightServer(t *testing.T) {
	for name, of := range map[string]setting{
		"Quiet":             quiet("", 1, 20000),
		"QuietToo":          quiet("", 2, 20000),
		"FewDocuments":      {seed: 3, size: 20000, newcomers: 1, among: 5, loss: 2},
		"MuchLost":          {seed: 4, size: 20000, newcomers: 1, among: 20, loss: 10},
		"NobodyKnowsOfMuch": {seed: 5, size: 5000, newcomers: 12, among: 150, loss: 15},
	} {
		t.Run(name, func(t *testing.T) {
			run := simulate(of)
			for _, f := range run.Check() {
				t.Errorf("%s: %s", f.Check, f.What)
			}
			if why := run.Valid(); len(why) > 0 {
				t.Errorf("the simulation is no proof: %q", why)
			}
		})
	}
}

// TestCheck_WrongServer: each wrong server is found, by the check that is for it.
func TestCheck_WrongServer(t *testing.T) {
	for b, want := range map[bug]string{
		ackWithoutRecord: "lost",
		twoRows:          "duplicated",
		falseConflict:    "conflict",
		sharedLease:      "leases",
		foreignEnds:      "foreign",
		unguarded:        "status",
		subMicrosecond:   "conflict",
		pagedByID:        "paging",
		staleLists:       "reads",
		lostRequeue:      "status",
		claimsSettled:    "leases",
	} {
		t.Run(string(b), func(t *testing.T) {
			found := make(map[string]int)
			for _, f := range simulate(quiet(b, 1, 5000)).Check() {
				found[f.Check]++
			}
			t.Logf("found by %v", found)
			if found[want] == 0 {
				t.Errorf("a server that %s is not found by %s, only by %v", b, want, found)
			}
		})
	}
}
