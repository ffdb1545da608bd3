package history

import (
	"testing"
)

// TestCheck_RightServer: no alarm is raised about a server that does all right, whatever gets lost on the way.
func TestCheck_RightServer(t *testing.T) {
	for seed := range uint64(3) {
		run := simulate("", seed, 20000)
		for _, f := range run.Check() {
			t.Errorf("seed %d: %s: %s", seed, f.Check, f.What)
		}
		if why := run.Valid(); len(why) > 0 {
			t.Errorf("seed %d: the simulation is no proof: %q", seed, why)
		}
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
			for _, f := range simulate(b, 1, 5000).Check() {
				found[f.Check]++
			}
			t.Logf("found by %v", found)
			if found[want] == 0 {
				t.Errorf("a server that %s is not found by %s, only by %v", b, want, found)
			}
		})
	}
}
