package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// row is one line of the table. What was not measured is left out.
type row struct {
	What        string  `json:"what"`
	Connections int     `json:"connections,omitempty"`
	Rate        float64 `json:"rate_per_second,omitempty"`
	P50         float64 `json:"p50_ms,omitempty"`
	P99         float64 `json:"p99_ms,omitempty"`
	Ratio       float64 `json:"ratio_to_yardstick,omitempty"`
	RatioTo     int     `json:"yardstick_clients,omitempty"`
	ServerCPU   float64 `json:"server_cpu_s_per_1000,omitempty"`
	DatabaseCPU float64 `json:"database_cpu_s_per_1000,omitempty"`
	LoadCPU     float64 `json:"load_cpu_us_per_request,omitempty"`
	Memory      int64   `json:"peak_memory_bytes,omitempty"`
	Bounds      []bound `json:"bounds,omitempty"`
	Note        string  `json:"note,omitempty"`
}

// bound is a figure of the row, and the bound it is held to, if there is one.
type bound struct {
	Figure string `json:"figure"`
	Bound  string `json:"bound,omitempty"`
	Holds  string `json:"holds"` // yes, NO or -
}

func newRow(what string, connections int, f figures) row {
	return row{
		What: what, Connections: connections, Rate: f.rate(), P50: inMilliseconds(f.percentile(0.5)), P99: inMilliseconds(f.percentile(0.99)),
		ServerCPU:   f.perThousand(func(one figure) time.Duration { return one.serverCPU }),
		DatabaseCPU: f.perThousand(func(one figure) time.Duration { return one.databaseCPU }),
		LoadCPU:     f.median(func(one figure) float64 { return float64(one.loadCPU) / float64(time.Microsecond) }),
		Memory:      f.memory(),
	}
}

// row is a row beside the yardstick of 64 clients, where that was measured in this run.
func (b *bench) row(what string, connections int, f figures) row {
	r := newRow(what, connections, f)
	if len(b.yardstick64) > 0 {
		r.Ratio, r.RatioTo = f.rate()/b.yardstick64.rate(), yardstickClients
	}
	return r
}

// beside sets the row beside the yardstick.
func (r row) beside(f, measure figures, clients int) row {
	r.Ratio, r.RatioTo = f.ratioTo(measure), clients
	return r
}

// held holds the row to a bound.
func (r row) held(holds bool, figure, wanted string) row {
	r.Bounds = append(r.Bounds, bound{figure, wanted, map[bool]string{true: "yes", false: "NO"}[holds]})
	return r
}

// compared shows a ratio that nothing is held to.
func (r row) compared(ratio float64, to string) row {
	r.Bounds = append(r.Bounds, bound{fmt.Sprintf("%.2fx %s", ratio, to), "", "-"})
	return r
}

func (r row) noted(format string, arguments ...any) row {
	r.Note = fmt.Sprintf(format, arguments...)
	return r
}

// atLeast holds the row to a ratio.
func (r row) atLeast(ratio float64, of string, wanted float64) row {
	return r.held(ratio >= wanted, fmt.Sprintf("%.2fx %s", ratio, of), fmt.Sprintf(">= %.2fx", wanted))
}

// printTable prints nothing when there is nothing.
func printTable(out io.Writer, rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WHAT\tCONN\tRATE/S\tP50 MS\tP99 MS\tx YARDSTICK\tCPU S/1000 SERVER\tDATABASE\tLOAD US\tPEAK MIB\tFIGURE\tBOUND\tHOLDS")
	for _, r := range rows {
		ratio := "-"
		if r.RatioTo > 0 {
			ratio = fmt.Sprintf("%.2f (of %d)", r.Ratio, r.RatioTo)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", r.What, cell("%.0f", float64(r.Connections)), cell("%.0f", r.Rate),
			cell("%.2f", r.P50), cell("%.2f", r.P99), ratio, cell("%.3f", r.ServerCPU), cell("%.3f", r.DatabaseCPU),
			cell("%.1f", r.LoadCPU), cell("%.1f", inMebibytes(r.Memory)))
		for i, b := range r.Bounds {
			if i > 0 {
				_, _ = fmt.Fprint(table, "\n\t\t\t\t\t\t\t\t\t")
			}
			_, _ = fmt.Fprintf(table, "\t%s\t%s\t%s", b.Figure, cmp.Or(b.Bound, "-"), b.Holds)
		}
		if len(r.Bounds) == 0 {
			_, _ = fmt.Fprint(table, "\t-\t-\t-")
		}
		_, _ = fmt.Fprintln(table)
	}
	for _, r := range rows {
		if r.Note != "" {
			_, _ = fmt.Fprintf(table, "%s: %s\n", r.What, r.Note)
		}
	}
	return table.Flush() // says what went wrong above, too
}

func cell(format string, value float64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// writeJSON writes the rows to a file.
func writeJSON(name string, rows []row) error {
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644) // #nosec G306 -- figures, to be shown around
}

func inMilliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inText(d time.Duration) string { return fmt.Sprintf("%.2f ms", inMilliseconds(d)) }

func inMebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
