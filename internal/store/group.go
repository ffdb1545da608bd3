package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// maxTogether is how many attempts are written in one transaction, unless one call brings more. Beyond it a
// transaction saves next to nothing for each, and those who wait for it, wait longer.
const maxTogether = 256

// group gathers the calls of Record that wait while others are written, see the package comment.
type group struct {
	s       *Store
	mu      sync.Mutex
	waiting []*submission // in the order in which they came
	writers int           // that take from waiting for as long as that is worth it
	writing int           // how many submissions they are at
	closed  bool
	calls   sync.WaitGroup // of Record
}

// submission is one call of Record.
type submission struct {
	ctx      context.Context // the call's
	deadline time.Time       // when it has to be written
	attempts []delivery.Attempt
	unknown  *delivery.Registration

	done    chan struct{} // closed once the following are set
	results []delivery.Recorded
	err     error
}

var errClosed = errors.New("the store is closed")

// Record implements delivery.Store.
func (s *Store) Record(ctx context.Context, attempts []delivery.Attempt, unknown *delivery.Registration) ([]delivery.Recorded, error) {
	given := &submission{ctx: ctx, deadline: deadlineOf(ctx), attempts: attempts, unknown: unknown, done: make(chan struct{})}
	admitted, leads := s.group.add(given)
	if !admitted {
		return nil, delivery.Unavailable(errClosed)
	}
	defer s.group.calls.Done()
	if leads {
		s.group.lead()
	}
	late := time.NewTimer(time.Until(given.deadline))
	defer late.Stop()
	select {
	case <-given.done:
	case <-late.C:
		if s.group.withdraw(given) {
			return nil, delivery.Unavailable(context.DeadlineExceeded)
		}
		<-given.done // somebody writes it, and ends by its deadline
	}
	return given.results, given.err
}

// add has a submission written with what else waits, when a writer becomes free or another is worth it. When nothing is
// being written, its caller leads. It is not admitted when the store is closed.
func (g *group) add(given *submission) (admitted, leads bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false, false
	}
	g.calls.Add(1)
	g.waiting = append(g.waiting, given)
	if g.writers == 0 {
		g.writers = 1
		return true, true
	}
	if g.writers < g.s.engine.writers() && g.writing > 0 && g.worthIt() {
		g.writers++
		go g.write(nil)
	}
	return true, false
}

// lead has everything written that waits. A report that came alone its caller writes by itself, without waiting for
// somebody else to begin; what came meanwhile, and what came together, is not for one caller to do.
func (g *group) lead() {
	runtime.Gosched() // whoever is about to add something, may
	taken := g.take(0)
	if len(taken) == 1 {
		g.s.recordTogether(taken, g.s.firstWay(taken), nil)
		taken = g.take(1)
	}
	if len(taken) > 0 {
		go g.write(taken)
	}
}

// close lets nothing more in and returns when what was let in has been answered.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.calls.Wait()
}

// withdraw takes back a submission that nobody has begun to write.
func (g *group) withdraw(given *submission) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, given)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// enough is how many submissions are worth a writer whatever the others are at: that many cost nearly as little for each as
// any number does.
const enough = 24

// worthIt tells whether a writer should take what waits now: when it is enough, or at least as much as is being written.
// What is less, is better written together with what comes until that is done.
func (g *group) worthIt() bool { return len(g.waiting) > 0 && len(g.waiting) >= min(g.writing, enough) }

// write writes what was taken, and then what waits for as long as that is worth it.
func (g *group) write(taken []*submission) {
	for {
		if len(taken) > 0 {
			g.s.recordTogether(taken, g.s.firstWay(taken), nil)
		}
		runtime.Gosched() // whoever is about to add something, may
		if taken = g.take(len(taken)); len(taken) == 0 {
			return
		}
	}
}

// take returns what a writer is to write together next, after it has written so many submissions. When that is
// nothing, the writer that asked is no more.
func (g *group) take(written int) []*submission {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.writing -= written
	if !g.worthIt() {
		g.writers--
		return nil
	}
	n, attempts := 0, 0
	for n < len(g.waiting) && (n == 0 || attempts+len(g.waiting[n].attempts) <= maxTogether) {
		attempts += len(g.waiting[n].attempts)
		n++
	}
	taken := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.writing += n
	return taken
}

// hurry is less time than a statement may wait for a lock, see sessionSettings, and then take.
const hurry = 2200 * time.Millisecond

// firstWay is how submissions are recorded that nobody has tried yet. What several attempts of one call come to must not
// be torn apart; and whose time is nearly over is told that nothing was written, which giving up a transaction makes
// certain.
func (s *Store) firstWay(together []*submission) way {
	needsTransaction := func(given *submission) bool {
		return len(given.attempts) > 1 || time.Until(given.deadline) < hurry
	}
	if !s.engine.optimistic() || slices.ContainsFunc(together, needsTransaction) {
		return locked
	}
	return unlocked
}

// recordTogether records submissions in one transaction, and those that this leaves in another. When one fails, each of its
// submissions is recorded by itself, without others having to wait for it: what one of them suffers from, be it a value or
// a lock, is nothing to its neighbours. When nobody knows whether what was tried without locks was written, a transaction finds
// out for all of them. maybeWritten is why nobody knows whether an earlier run for the same submissions was committed; nil
// when none was.
func (s *Store) recordTogether(together []*submission, by way, maybeWritten error) {
	r := recording{s: s, submissions: together, way: by, maybeWritten: maybeWritten}
	err := r.write()
	switch {
	case err == nil:
	case by == unlocked && isUnknown(err):
		s.recordTogether(together, locked, err)
		return
	case len(together) > 1 || by == unlocked && s.runsAgain(err):
		for _, alone := range together {
			go s.recordTogether([]*submission{alone}, max(by, locked), r.maybeWritten)
		}
		return
	}
	if err != nil {
		r.left = nil
	}
	results := make(map[*submission][]delivery.Recorded, len(together))
	for _, e := range r.entries {
		results[e.of] = append(results[e.of], e.result)
	}
	left := make(map[way][]*submission)
	for _, given := range together {
		if next, is := r.left[given]; is {
			left[next] = append(left[next], given)
			continue
		}
		given.results, given.err = results[given], err
		close(given.done)
	}
	for _, next := range []way{locked, adding} {
		if len(left[next]) > 0 {
			s.recordTogether(left[next], next, r.maybeWritten)
		}
	}
}
