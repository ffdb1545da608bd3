package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// report is what a run has come to.
type report struct {
	settings  settings
	directory string // of what was kept
	lasted    time.Duration
	happened  []happened
	proven    []proven
	findings  []history.Finding
	invalid   []string // why nothing can be said
	audit     string

	summary  *history.Summary // nil: it did not come to that
	doubtful map[string]int   // what reports with an unknown outcome turned out to be
}

// code is the exit code. What was found stands, even where the run should have done more.
func (p *report) code() int {
	switch {
	case len(p.findings) > 0:
		return red
	case len(p.unfelt()) > 0, len(p.invalid) > 0:
		return invalid
	}
	return green
}

// unfelt names the faults that were planned and not felt.
func (p *report) unfelt() (why []string) {
	for _, h := range p.happened {
		if h.evidence == "" {
			why = append(why, fmt.Sprintf("%s, %s into the run, was not felt", h.name, h.at.Round(time.Millisecond)))
		}
	}
	return why
}

// count adds up what a run came to.
func (p *report) count(run *history.Run) {
	summary := run.Summarize()
	p.summary = &summary
	recorded := make(map[string]bool, len(run.Attempts))
	for _, a := range run.Attempts {
		recorded[a.ExecutionID] = true
	}
	acknowledged := make(map[string]bool)
	doubted := make(map[string]bool)
	for _, o := range run.Operations {
		switch {
		case o.Kind != history.Record:
		case o.Outcome == history.Done:
			acknowledged[o.ExecutionID] = true
		case o.Outcome == history.Unknown:
			doubted[o.ExecutionID] = true
		}
	}
	p.doubtful = make(map[string]int)
	for id := range doubted {
		switch {
		case recorded[id] && acknowledged[id]:
			p.doubtful["recorded, and acknowledged when they were sent again"]++
		case recorded[id]:
			p.doubtful["recorded, and never acknowledged"]++
		default:
			p.doubtful["not recorded"]++
		}
	}
}

func (p *report) print(to io.Writer) {
	p.printFaults(to)
	p.printProofs(to)
	if p.summary != nil {
		_, _ = fmt.Fprintf(to, "\n%s", p.summary)
		p.printDoubts(to)
		_, _ = fmt.Fprintf(to, "lost: %d, duplicated: %d, false 409: %d\n", p.foundBy("lost"), p.foundBy("duplicated"), p.foundBy("conflict"))
	}
	if p.audit != "" {
		_, _ = fmt.Fprintln(to, "audit history:", p.audit)
	}
	p.printFindings(to)
	for _, why := range slices.Concat(p.unfelt(), p.invalid) {
		_, _ = fmt.Fprintln(to, "INVALID:", why)
	}
	if p.directory != "" {
		_, _ = fmt.Fprintln(to, "history and logs are kept in", p.directory)
	}
	if p.settings.judge == "" {
		_, _ = fmt.Fprintln(to, "the same again:", p.again())
	}
	_, _ = fmt.Fprintln(to, map[int]string{green: "GREEN", red: "RED", invalid: "INVALID"}[p.code()])
}

// again is the command line that makes the same run.
func (p *report) again() string {
	line := fmt.Sprintf("go run ./internal/faults -seed %d -clients %d", p.settings.seed, p.settings.clients)
	if p.settings.minutes > 0 {
		line += fmt.Sprintf(" -minutes %g", p.settings.minutes)
	}
	if p.settings.only != "" {
		line += fmt.Sprintf(" -only %q", p.settings.only)
	}
	return line
}

func (p *report) printFaults(to io.Writer) {
	if len(p.happened) == 0 {
		return
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "FAULT\tCOUNT\tFELT\tRECOVERY MEDIAN\tWORST")
	byName := make(map[string][]happened)
	for _, h := range p.happened {
		byName[h.name] = append(byName[h.name], h)
	}
	for _, f := range all() {
		of := byName[f.name]
		if len(of) == 0 {
			continue
		}
		felt := 0
		for _, h := range of {
			if h.evidence != "" {
				felt++
			}
		}
		slices.SortFunc(of, func(a, b happened) int { return cmp.Compare(a.recovery, b.recovery) })
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", f.name, len(of), felt,
			of[len(of)/2].recovery.Round(time.Millisecond), of[len(of)-1].recovery.Round(time.Millisecond))
	}
	_, _ = fmt.Fprintf(table, "all\t%d\n", len(p.happened))
	_ = table.Flush() // to where the exit code tells enough
}

func (p *report) printProofs(to io.Writer) {
	if len(p.proven) == 0 {
		return
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ALONE\tCOUNT\tACKNOWLEDGED\tRECOVERY WORST\tFOUND")
	for _, each := range p.proven {
		r := each.result
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%d\n", each.name, r.Faults, r.Acknowledged, r.Recovery.Round(time.Millisecond), len(r.Findings))
	}
	_ = table.Flush() // to where the exit code tells enough
}

func (p *report) printDoubts(to io.Writer) {
	if len(p.doubtful) == 0 {
		_, _ = fmt.Fprintln(to, "no report was ever in doubt")
		return
	}
	var parts []string
	for _, what := range sortedKeys(p.doubtful) {
		parts = append(parts, fmt.Sprintf("%d %s", p.doubtful[what], what))
	}
	_, _ = fmt.Fprintln(to, "reports in doubt:", strings.Join(parts, "; "))
}

// foundBy counts what a check found.
func (p *report) foundBy(check string) (count int) {
	for _, f := range p.findings {
		if f.Check == check {
			count += max(1, f.More)
		}
	}
	return count
}

func (p *report) printFindings(to io.Writer) {
	byCheck := make(map[string]int)
	for _, f := range p.findings {
		byCheck[f.Check] += max(1, f.More)
	}
	for _, check := range sortedKeys(byCheck) {
		_, _ = fmt.Fprintf(to, "FOUND by %s: %d\n", check, byCheck[check])
		for _, f := range p.findings {
			if f.Check == check {
				_, _ = fmt.Fprintln(to, "  ", f.What)
			}
		}
	}
}

// answered finds what is wrong with the run before it is judged: clients that have no answer in the end.
func (p *report) answered(r *rig) {
	last := make(map[string]history.Outcome)
	operations, _ := r.journal.Operations() // what could not be written, whoever judges is told
	for _, o := range operations {
		if o.Kind == history.Record {
			outcome := o.Outcome
			if o.HTTP == http.StatusConflict {
				outcome = history.Done // its twin was recorded
			}
			if last[o.ExecutionID] != history.Done {
				last[o.ExecutionID] = outcome
			}
		}
	}
	open := 0
	for _, outcome := range last {
		if outcome == history.Unknown || outcome == history.NotExecuted {
			open++
		}
	}
	if open > 0 {
		p.findings = append(p.findings, history.Finding{Check: "recovery", What: fmt.Sprintf("%s after the last fault %d reports have no final answer", grace, open)})
	}
}

func sortedKeys(of map[string]int) []string {
	var keys []string
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
