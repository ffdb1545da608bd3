package wire

import "sync"

// Point is where a trap stops a connection. A commit is that of a transaction that wrote something, or a statement that writes
// outside of one.
type Point string

// The points, in the order in which a transaction comes to them.
const (
	AfterInsert     Point = "after insert"      // in a transaction, attempts have been inserted; the server is not told, so no commit follows
	BeforeCommit    Point = "before commit"     // the commit has come from the server, and is not forwarded
	AfterForward    Point = "after forward"     // the commit is forwarded, and its answer not awaited: it may be executed or not
	AnswerLost      Point = "answer lost"       // the commit is executed, and its answer has come and is not forwarded
	WarningAtCommit Point = "warning at commit" // the commit is executed, but the answer warns that it is not replicated; everything goes on
	ErrorAtCommit   Point = "error at commit"   // the commit is executed, but the answer is that the session is ended (57P01), as it is
)

// Trap waits for one connection to come to a point.
type Trap struct {
	point  Point
	act    func()
	sprung chan struct{}

	mutex sync.Mutex
	over  bool // it has sprung, or was disarmed
}

// Arm sets a trap for the next connection that comes to a point. It is stopped there: nothing more is forwarded, in either
// direction; act is called, unless it is nil; then both its sides are closed. WarningAtCommit closes nothing. Another trap
// that is still armed is given up.
func (p *Proxy) Arm(point Point, act func()) *Trap {
	t := &Trap{point: point, act: act, sprung: make(chan struct{})}
	if before := p.trap.Swap(t); before != nil {
		before.Disarm()
	}
	return t
}

// Sprung is closed when the trap has sprung and everything is done.
func (t *Trap) Sprung() <-chan struct{} { return t.sprung }

// Disarm gives the trap up, and returns whether it had not sprung and now will not.
func (t *Trap) Disarm() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.over {
		return false
	}
	t.over = true
	return true
}

// spring decides that the trap springs; not when it was disarmed. Its caller acts, and says when that is done.
func (t *Trap) spring() bool { return t.Disarm() }

func (t *Trap) isOver() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.over
}

// take takes the trap for a connection that comes to its point, if one of these is its point.
func (p *Proxy) take(points ...Point) *Trap {
	t := p.trap.Load()
	if t == nil || t.isOver() {
		return nil
	}
	for _, point := range points {
		if t.point == point && p.trap.CompareAndSwap(t, nil) {
			return t
		}
	}
	return nil
}

// putBack arms a trap again that a connection did not spring after all.
func (p *Proxy) putBack(t *Trap) {
	if !t.isOver() && !p.trap.CompareAndSwap(nil, t) {
		t.Disarm() // another was armed meanwhile
	}
}
