package workers

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// Journal takes down every operation at its return, and tells those who wait for it that a write was acknowledged.
type Journal struct {
	Began time.Time

	mutex   sync.Mutex
	write   func(*history.Operation) error
	failed  error // the first of write's
	log     log
	tally   Tally
	waiting []waiter
	halts   map[int]halt
}

// Tally counts what is to be told, or looked at, while the load goes on.
type Tally struct {
	Operations int
	Recorded   int // reports answered 201
	Unknown    int
	Trouble    map[int]int // by server: neither a 2xx nor a final 4xx
}

// halt is the last time that a server's process stood still or was gone.
type halt struct {
	lasts bool
	until time.Duration
}

type waiter struct {
	server int
	since  time.Duration
	found  chan time.Duration
}

// NewJournal makes a journal of what is done from an instant on. write gets each operation, one at a time, in the order of their
// returns.
func NewJournal(began time.Time, write func(*history.Operation) error) *Journal {
	return &Journal{Began: began, write: write, tally: Tally{Trouble: make(map[int]int)}, halts: make(map[int]halt)}
}

// Now is the time since the journal began.
func (j *Journal) Now() time.Duration { return time.Since(j.Began) }

// add takes down an operation that has just returned. Its return is noted here, so that the order of operations is that of
// their returns; later than it was is never wrong.
func (j *Journal) add(o history.Operation) history.Operation {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	o.Return = j.Now()
	halted := j.halts[o.Server]
	o.Halted = halted.lasts || halted.until > o.Call
	if err := j.write(&o); err != nil && j.failed == nil {
		j.failed = err
	}
	j.log.add(o)
	j.tally.add(o)
	j.tell(o)
	return o
}

func (t *Tally) add(o history.Operation) {
	t.Operations++
	if o.Kind == history.Record && o.HTTP == http.StatusCreated {
		t.Recorded++
	}
	if o.Outcome == history.Unknown {
		t.Unknown++
	}
	if o.Outcome != history.Done && o.Outcome != history.Refused {
		t.Trouble[o.Server]++
	}
}

// tell wakes up whoever waits for such an operation.
func (j *Journal) tell(o history.Operation) {
	rest := j.waiting[:0]
	for _, w := range j.waiting {
		if w.meets(o) {
			w.found <- o.Return
		} else {
			rest = append(rest, w)
		}
	}
	j.waiting = rest
}

// AwaitWrite returns a channel that gets the time at which the first write was acknowledged (201) that a server was sent since then,
// which may have been already.
func (j *Journal) AwaitWrite(server int, since time.Duration) <-chan time.Duration {
	found := make(chan time.Duration, 1) // tell must not wait
	w := waiter{server, since, found}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	for _, o := range j.log.since(since) {
		if w.meets(o) {
			found <- o.Return
			return found
		}
	}
	j.waiting = append(j.waiting, w)
	return found
}

// meets tells whether an operation is what is waited for. A replay writes nothing, and a refreshed document may be as it was.
func (w waiter) meets(o history.Operation) bool {
	return o.Server == w.server && o.Call >= w.since && o.HTTP == http.StatusCreated && (o.Kind == history.Record || o.Kind == history.Register)
}

// Halt notes that a server's process stands still, or is gone, from now on; Resume that it is there again.
func (j *Journal) Halt(server int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.halts[server] = halt{lasts: true}
}

// Resume ends what Halt began.
func (j *Journal) Resume(server int) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.halts[server] = halt{until: j.Now()}
}

// Tally returns what was counted until now.
func (j *Journal) Tally() Tally {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	counted := j.tally
	counted.Trouble = maps.Clone(counted.Trouble)
	return counted
}

// Operations returns all operations until now, in the order of their returns, and whether all could be written.
func (j *Journal) Operations() ([]history.Operation, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.log.all(), j.failed
}

// Since returns the operations that returned at an instant or later.
func (j *Journal) Since(from time.Duration) []history.Operation {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.log.since(from)
}
