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
	writers int           // that take from waiting until nothing is left
	closed  bool
	calls   sync.WaitGroup // of Record
}

// submission is one call of Record.
type submission struct {
	ctx      context.Context // with the call's deadline; ends only with that
	attempts []delivery.Attempt
	unknown  *delivery.Registration

	done    chan struct{} // closed once the following are set
	results []delivery.Recorded
	err     error
}

var errClosed = errors.New("the store is closed")

// Record implements delivery.Store.
func (s *Store) Record(ctx context.Context, attempts []delivery.Attempt, unknown *delivery.Registration) ([]delivery.Recorded, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	given := &submission{ctx: ctx, attempts: attempts, unknown: unknown, done: make(chan struct{})}
	if !s.group.add(given) {
		return nil, delivery.Unavailable(errClosed)
	}
	defer s.group.calls.Done()
	select {
	case <-given.done:
	case <-ctx.Done():
		if s.group.withdraw(given) {
			return nil, delivery.Unavailable(ctx.Err())
		}
		<-given.done // somebody writes it, and ends by its deadline
	}
	return given.results, given.err
}

// add has a submission written: at once while the engine has use for another writer, else with what else waits
// when one becomes free. It does not when the store is closed.
func (g *group) add(given *submission) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.calls.Add(1)
	g.waiting = append(g.waiting, given)
	if g.writers < g.s.engine.writers() {
		g.writers++
		go g.write()
	}
	return true
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

// write writes what waits until nothing does.
func (g *group) write() {
	for {
		runtime.Gosched() // whoever is about to add something, may
		taken := g.take()
		if len(taken) == 0 {
			return
		}
		g.s.recordTogether(taken, false)
	}
}

// take returns what is to be written together next. When that is nothing, the writer that asked is no more.
func (g *group) take() []*submission {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, attempts := 0, 0
	for n < len(g.waiting) && (n == 0 || attempts+len(g.waiting[n].attempts) <= maxTogether) {
		attempts += len(g.waiting[n].attempts)
		n++
	}
	taken := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	if n == 0 {
		g.writers--
	}
	return taken
}

// recordTogether records submissions in one transaction, and those for which something has to be added in another.
// When one fails and has certainly written nothing, each of its submissions is recorded by itself, once, without
// others having to wait for it: what one of them suffers from, be it a value or a lock, is nothing to its neighbours.
func (s *Store) recordTogether(together []*submission, adding bool) {
	r := recording{s: s, submissions: together, adding: adding}
	err := r.write()
	unavailable := (*delivery.UnavailableError)(nil)
	certain := !errors.As(err, &unavailable) || unavailable.Outcome != delivery.OutcomeUnknown
	if err != nil && certain && len(together) > 1 {
		for _, alone := range together {
			go s.recordTogether([]*submission{alone}, adding)
		}
		return
	}
	if err != nil {
		r.aside = nil
	}
	results := make(map[*submission][]delivery.Recorded, len(together))
	for _, e := range r.entries {
		results[e.of] = append(results[e.of], e.result)
	}
	for _, given := range together {
		if !slices.Contains(r.aside, given) {
			given.results, given.err = results[given], err
			close(given.done)
		}
	}
	if len(r.aside) > 0 {
		s.recordTogether(r.aside, true)
	}
}

// deadline is when a submission has to be written.
func (s *submission) deadline() time.Time {
	deadline, _ := s.ctx.Deadline()
	return deadline
}
