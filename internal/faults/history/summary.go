package history

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// What a run has to come to, or it proves nothing.
const (
	leastRate    = 100 // operations a second that were answered for good
	leastClients = 8
)

// Summary is what a run came to.
type Summary struct {
	Counts       map[Kind]map[Outcome]int
	Operations   int
	Acknowledged int     // execution ids that were answered 2xx
	Replayed     int     // reports answered 200
	Conflicts    int     // reports answered 409
	Leased       int     // leases handed out
	PerSecond    float64 // operations that were done or refused
}

// Summarize counts the operations.
func (r *Run) Summarize() Summary {
	s := Summary{Counts: make(map[Kind]map[Outcome]int), Operations: len(r.Operations)}
	acknowledged := make(map[string]bool)
	answered := 0
	for i := range r.Operations {
		o := &r.Operations[i]
		if s.Counts[o.Kind] == nil {
			s.Counts[o.Kind] = make(map[Outcome]int)
		}
		s.Counts[o.Kind][o.Outcome]++
		if o.Outcome == Done || o.Outcome == Refused {
			answered++
		}
		s.Leased += len(o.Leases)
		if o.Kind == Extend || o.Kind == Release {
			s.Leased -= len(o.Leases)
		}
		if o.Kind != Record {
			continue
		}
		if o.Outcome == Done {
			acknowledged[o.ExecutionID] = true
			if o.HTTP == http.StatusOK {
				s.Replayed++
			}
		} else if o.HTTP == http.StatusConflict {
			s.Conflicts++
		}
	}
	s.Acknowledged = len(acknowledged)
	if r.Lasted > 0 {
		s.PerSecond = float64(answered) / r.Lasted.Seconds()
	}
	return s
}

// String is the summary as a table, a kind of operations in each row.
func (s Summary) String() string {
	var text strings.Builder
	outcomes := []Outcome{Done, Refused, NotExecuted, Unknown, Broken}
	fmt.Fprintf(&text, "%-10s", "")
	for _, outcome := range outcomes {
		fmt.Fprintf(&text, "%14s", outcome)
	}
	kinds := slices.SortedFunc(maps.Keys(s.Counts), func(a, b Kind) int { return cmp.Compare(a, b) })
	for _, kind := range kinds {
		fmt.Fprintf(&text, "\n%-10s", kind)
		for _, outcome := range outcomes {
			fmt.Fprintf(&text, "%14d", s.Counts[kind][outcome])
		}
	}
	fmt.Fprintf(&text, "\n%d operations, %.0f a second; %d reports acknowledged, %d replays, %d conflicts, %d leases\n",
		s.Operations, s.PerSecond, s.Acknowledged, s.Replayed, s.Conflicts, s.Leased)
	return text.String()
}

// Valid says why the run proves nothing; with nothing to say, it does.
func (r *Run) Valid() []string {
	s := r.Summarize()
	var why []string
	if s.PerSecond < leastRate {
		why = append(why, fmt.Sprintf("%.0f operations a second, of at least %d", s.PerSecond, leastRate))
	}
	if r.Clients < leastClients {
		why = append(why, fmt.Sprintf("%d clients, of at least %d", r.Clients, leastClients))
	}
	if s.Replayed == 0 {
		why = append(why, "no report was replayed")
	}
	if s.Conflicts == 0 {
		why = append(why, "no report was refused as a conflict")
	}
	if s.Leased == 0 {
		why = append(why, "no lease was handed out")
	}
	for _, kind := range []Kind{Register, Record, Claim, Extend, Release, Requeue, Read, List, Outbox} {
		if s.Counts[kind][Done] == 0 {
			why = append(why, fmt.Sprintf("no %s was answered", kind))
		}
	}
	return why
}
