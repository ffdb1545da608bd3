package alone

import (
	"bufio"
	"io"
	"math"
	"regexp"
	"strings"
)

// never is when a call has returned that had not when the trace ended. Who waits for what a call does may know that it is done
// before the tracer does.
const never = math.MaxInt

// call is a system call. When it began and when it had returned are lines of the trace: the order in which the tracer saw all
// of them, which needs no clock.
type call struct {
	name       string
	text       string
	began, was int
	failed     bool
}

// readTrace reads what strace wrote with -f -y -o.
func readTrace(trace io.Reader, each func(call)) error {
	type begun struct {
		text string
		at   int
	}
	open := make(map[string]begun)
	tell := func(text string, from, was int) {
		if name, _, found := strings.Cut(text, "("); found {
			result := text[strings.LastIndex(text, "= ")+1:]
			each(call{name: name, text: text, began: from, was: was, failed: strings.HasPrefix(strings.TrimSpace(result), "-")})
		}
	}
	lines := bufio.NewScanner(trace)
	lines.Buffer(nil, 1<<20)
	for at := 1; lines.Scan(); at++ {
		process, text, _ := strings.Cut(lines.Text(), " ")
		text = strings.TrimLeft(text, " ")
		start, unfinished := strings.CutSuffix(text, "<unfinished ...>")
		if !unfinished {
			start, unfinished = strings.CutSuffix(text, "<detached ...>")
		}
		if unfinished && !strings.HasPrefix(text, "<... ") {
			open[process] = begun{start, at}
		}
		if unfinished {
			continue
		}
		from := at
		if strings.HasPrefix(text, "<... ") {
			_, rest, _ := strings.Cut(text, " resumed>")
			text, from = open[process].text+rest, open[process].at
			delete(open, process)
		}
		tell(text, from, at)
	}
	for _, b := range open {
		tell(b.text, b.at, never)
	}
	return lines.Err()
}

var executionID = regexp.MustCompile(`\\"execution_id\\": ?\\"([!-~]+?)\\"`)

// witnessed is what the trace tells of each report and of the log.
type witnessed struct {
	read     map[string]int // by execution id: when the request had been read
	answered map[string]int // when the writing of its 201 began
	syncs    []call         // of the log
	writes   []call         // to the log
}

// witness reads a trace. isLog tells whether a call is on a file of the database's log.
func witness(trace io.Reader, isLog func(text string) bool) (witnessed, error) {
	w := witnessed{read: make(map[string]int), answered: make(map[string]int)}
	err := readTrace(trace, func(c call) {
		switch c.name {
		case "fsync", "fdatasync":
			if !c.failed && isLog(c.text) {
				w.syncs = append(w.syncs, c)
			}
		case "read", "recvfrom":
			if found := executionID.FindStringSubmatch(c.text); found != nil && strings.Contains(c.text, "socket:") {
				w.read[found[1]] = c.was
			}
		case "write", "sendto", "writev", "pwrite64", "pwritev":
			if isLog(c.text) {
				w.writes = append(w.writes, c)
			} else if found := executionID.FindStringSubmatch(c.text); found != nil && strings.Contains(c.text, "HTTP/1.1 201 ") {
				w.answered[found[1]] = c.began
			}
		}
	})
	return w, err
}

// isKept tells whether the log was synced after the request had been read and before its answer was written. Where written,
// it was also written to before that.
func (w witnessed) isKept(id string, written bool) bool {
	for _, sync := range w.syncs {
		if sync.began > w.read[id] && sync.was < w.answered[id] && (!written || w.wrote(w.read[id], sync.began)) {
			return true
		}
	}
	return false
}

func (w witnessed) wrote(from, to int) bool {
	for _, write := range w.writes {
		if write.began > from && write.was < to {
			return true
		}
	}
	return false
}
