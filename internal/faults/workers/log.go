package workers

import (
	"slices"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// chunk is how many operations lie together.
const chunk = 4096

// log is all operations, in the order of their returns. They lie in chunks: one slice would be copied as it grows, for a second
// where there are a million, in which no operation could return.
type log struct{ chunks [][]history.Operation }

func (l *log) add(o history.Operation) {
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == cap(l.chunks[last]) {
		l.chunks = append(l.chunks, make([]history.Operation, 0, chunk))
		last++
	}
	l.chunks[last] = append(l.chunks[last], o)
}

// all returns all operations. That they lie in one piece from then on is for who asks again.
func (l *log) all() []history.Operation {
	if len(l.chunks) > 1 {
		l.chunks = [][]history.Operation{slices.Clip(slices.Concat(l.chunks...))}
	}
	if len(l.chunks) == 0 {
		return nil
	}
	return slices.Clip(l.chunks[0])
}

// since returns the operations that returned at an instant or later.
func (l *log) since(from time.Duration) (found []history.Operation) {
	for _, operations := range slices.Backward(l.chunks) {
		first := len(operations)
		for first > 0 && operations[first-1].Return >= from {
			first--
		}
		found = slices.Concat(operations[first:], found)
		if first > 0 {
			break
		}
	}
	return found
}
