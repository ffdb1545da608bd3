package history

import (
	"math"
	"time"
)

// unset is the instant of what never was.
const unset = time.Duration(math.MinInt64)

// standing is where a delivery stands, as far as answers depend on it: the state of the model that Porcupine is given.
// Instants are since the run began.
type standing struct {
	holder    int           // the lease that nothing has ended but time, by its number; 0 for none
	early     time.Duration // it runs out not before early,
	late      time.Duration // and not after late
	released  uint64        // leases that were given back, a bit each
	settled   bool
	latest    int // the attempt that decides the state, by its number; 0 for none
	effective time.Duration
	recorded  time.Duration // the newest attempt
	requeued  time.Duration // the last time; where that is not exact, at this instant or later
	exact     bool
}

// begins is a delivery that nothing has happened to.
var begins = standing{recorded: unset, requeued: unset, exact: true}

// mayBeOpen and mayBeOver tell whether a lease may be open, or not, at some moment from one instant, or up to one.
func (s standing) mayBeOpen(from time.Duration) bool { return s.holder != 0 && s.late > from-instant }
func (s standing) mayBeOver(by time.Duration) bool   { return s.holder == 0 || s.early <= by }

// seenOver is the standing after somebody saw by then that no lease is open.
func (s standing) seenOver(by time.Duration) standing {
	if s.holder != 0 {
		s.late = min(s.late, by)
	}
	return s
}

// leased is the standing with a lease.
func (s standing) leased(number int, early, late time.Duration) standing {
	s.holder, s.early, s.late = number, early, late
	return s
}

// free is the standing without a lease.
func (s standing) free() standing { return s.leased(0, 0, 0) }

// record is the standing after an attempt was recorded; own is the lease whose id it has.
func (s standing) record(number, own int, settles bool, effective, recorded time.Duration) standing {
	s.recorded = recorded
	if settles || own != 0 && own == s.holder {
		s = s.free()
	}
	s.settled = s.settled || settles
	if s.latest == 0 || effective >= s.effective {
		s.latest, s.effective = number, effective
	}
	return s
}

// mayBegin tells whether a requeue may start the delivery anew up to by.
func (s standing) mayBegin(force bool, by time.Duration) bool {
	return s.mayBeOver(by) && (force || !s.settled)
}

// requeue is the standing after a requeue.
func (s standing) requeue(at time.Duration, exact bool) standing {
	return standing{released: s.released, recorded: s.recorded, requeued: at, exact: exact}
}

// shows is the standing after its last requeue was seen to be at; whether it can be.
func (s standing) shows(at time.Duration) (standing, bool) {
	if s.exact {
		return s, s.requeued == at
	}
	can := at >= s.requeued
	s.requeued, s.exact = at, true
	return s, can
}
