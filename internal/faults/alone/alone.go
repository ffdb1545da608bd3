// Package alone is what is proven of one server at a time, each with a database that it has made for that: that nothing is
// acknowledged before it is on disk, and what becomes of a SQLite file whose server is killed and of a disk that is full.
package alone

import (
	"errors"
	"fmt"
	"time"
)

// Options are what a proof works with.
type Options struct {
	Program   string        // the absolute path of numora-delivery
	Directory string        // on a disk, which exists; what is made there is removed again
	Lasts     time.Duration // of the load; 0: short
}

// Result is what a proof has shown. Its findings are what is not as it must be.
type Result struct {
	Acknowledged int           // reports
	Faults       int           // how often what it is about was felt: kills, full disks, reports that were seen to be on disk
	Recovery     time.Duration // the longest until reports were recorded again
	Findings     []string
}

// ErrNotFelt says that what was planned did not come about, or cannot here: nothing is proven.
var ErrNotFelt = errors.New("not felt")

func notFelt(format string, arguments ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrNotFelt}, arguments...)...)
}

const maxFindings = 20 // of one kind; more say nothing more

func (r *Result) find(format string, arguments ...any) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, fmt.Sprintf(format, arguments...))
	}
}
