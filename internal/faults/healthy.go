package main

import (
	"fmt"
	"sort"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// unhealthy finds the reports that were not taken at a time when nothing was wrong: later than soon after the cause of a fault was gone,
// and over before the next one. One write that succeeds on each server is the recovery; this is all of the pool behind it. The faults
// are in the order in which they happened.
func unhealthy(faults []happened, operations []history.Operation) (findings []history.Finding) {
	const told = 20
	untold := 0
	for _, o := range operations {
		if o.Kind != history.Record || o.Outcome != history.NotExecuted && o.Outcome != history.Unknown {
			continue
		}
		next := sort.Search(len(faults), func(n int) bool { return faults[n].at > o.Call })
		if next == 0 || o.Call < faults[next-1].cleared+soon || next < len(faults) && o.Return >= faults[next].at {
			continue
		}
		if len(findings) == told {
			untold++
			continue
		}
		before := faults[next-1]
		findings = append(findings, history.Finding{Check: "healthy", What: fmt.Sprintf("%s was not taken by server %d (%d %s%s), %s after the cause of %s was gone",
			o.ExecutionID, o.Server, o.HTTP, o.Says, o.Problem, (o.Call - before.cleared).Round(time.Millisecond), before.name)})
	}
	if untold > 0 {
		findings = append(findings, history.Finding{Check: "healthy", What: fmt.Sprintf("and %d more", untold)})
	}
	return findings
}
