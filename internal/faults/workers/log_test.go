package workers

import (
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

func TestLog_KeepsTheOrder_AcrossChunks(t *testing.T) {
	const count = 2*chunk + 10
	var l log
	for n := range count {
		l.add(history.Operation{Return: time.Duration(n)})
	}
	returns := func(operations []history.Operation) (all []time.Duration) {
		for _, o := range operations {
			all = append(all, o.Return)
		}
		return all
	}
	var want []time.Duration
	for n := range count {
		want = append(want, time.Duration(n))
	}
	for _, from := range []int{0, chunk - 1, chunk, 2*chunk + 3, count} {
		if got := returns(l.since(time.Duration(from))); !slices.Equal(got, want[from:]) {
			t.Errorf("since %d: got %d operations, want %d", from, len(got), count-from)
		}
	}
	all := l.all()
	l.add(history.Operation{Return: count})
	if !slices.Equal(returns(all), want) || !slices.Equal(returns(l.all()), append(want, count)) {
		t.Errorf("got %d and then %d operations", len(all), len(l.all()))
	}
}
