package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// row is one line of the table.
type row struct{ what, figure, bound, holds string }

// measured is a row for a figure that stands for itself.
func measured(what, figure string) row { return row{what, figure, "-", "-"} }

// bounded is a row for a figure that is held to a bound.
func bounded(what, figure, bound string, holds bool) row {
	if holds {
		return row{what, figure, bound, "yes"}
	}
	return row{what, figure, bound, "NO"}
}

// printTable prints nothing when there is nothing.
func printTable(out io.Writer, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WHAT\tFIGURE\tBOUND\tHOLDS")
	for _, r := range rows {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.what, r.figure, r.bound, r.holds)
	}
	return table.Flush() // says what went wrong above, too
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
