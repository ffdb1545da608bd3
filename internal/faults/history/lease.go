package history

import "time"

const (
	// instant is what instants are cut to: one that the server reads may be told as up to this earlier.
	instant = time.Microsecond
	// ahead is how far recorded_at may run ahead of the clock, where many are recorded of one delivery at once and each
	// gets an instant of its own.
	ahead = time.Millisecond
)

// mayBeOver tells whether the lease may be over at some moment up to by. What had returned before from has happened;
// all else that may end it or give it another end, and was called up to by, may have happened or not. A requeue ends no
// lease: it is refused while one is open.
func (l *lease) mayBeOver(x *index, from, by time.Duration) bool {
	for _, o := range l.releases {
		if o.mayHaveDone() && o.Call <= by {
			return true
		}
	}
	for _, r := range l.of.reports {
		if (r.id == l.ExecutionID || r.rows[0].Status != failed) &&
			r.until >= l.claim.Call && r.from <= by && x.since(r.rows[0].RecordedAt)-ahead <= by {
			return true
		}
	}
	return l.mayRunOut(x, from, by)
}

// mayRunOut tells whether the lease may run out by by.
func (l *lease) mayRunOut(x *index, from, by time.Duration) bool {
	// The end that is in force at from was set by this answer or by one that was not over when it was asked for.
	inForce := l.claim.Call
	for _, o := range l.extends {
		if o.doneBy() < from {
			inForce = max(inForce, o.Call)
		}
	}
	if l.claim.Return >= inForce && x.since(l.ExpiresAt) <= by {
		return true
	}
	for _, o := range l.extends {
		if !o.mayHaveDone() || o.Call > by || o.doneBy() < inForce {
			continue
		}
		ends := o.Call + time.Duration(o.LeaseSeconds)*time.Second - instant // or later
		if o.Outcome == Done && len(o.Leases) == 1 {
			ends = x.since(o.Leases[0].ExpiresAt)
		}
		if ends <= by {
			return true
		}
	}
	return false
}

// overBy is when the lease was over, certainly: whatever would change it later changes nothing.
func (l *lease) overBy(x *index) time.Duration {
	over := never
	for _, other := range l.of.leases {
		if other.claim.Call > l.claim.Return {
			over = min(over, other.claim.Return)
		}
	}
	for _, r := range l.of.reports {
		if r.id == l.ExecutionID || r.rows[0].Status != failed && r.from > l.claim.Return {
			over = min(over, r.until)
		}
	}
	for _, o := range l.extends {
		if o.Outcome == Refused && o.Code == "claim_over" {
			over = min(over, o.Return)
		}
	}
	for _, o := range l.releases {
		if o.Outcome == Done || o.Outcome == Refused && o.Code == "claim_over" {
			over = min(over, o.Return)
		}
	}
	for _, o := range l.of.requeues {
		if o.Outcome == Done && o.mayHaveBegunAfter(x, l.claim.Return+ahead) {
			over = min(over, o.Return)
		}
	}
	return over
}

// mayHaveBegunAfter tells whether a requeue may have started its delivery anew after an instant.
func (o *Operation) mayHaveBegunAfter(x *index, after time.Duration) bool {
	if o.Outcome == Done && o.Delivery != nil {
		return o.Delivery.RequeuedAt != nil && x.since(*o.Delivery.RequeuedAt) > after
	}
	return o.mayHaveDone()
}

// settledBefore returns a report that has settled the delivery before from, so that it was settled until by.
func (d *deliveries) settledBefore(x *index, from, by time.Duration) *report {
	for _, r := range d.reports {
		if r.rows[0].Status != failed && r.until < from && !d.mayBeRequeued(x, r, by) {
			return r
		}
	}
	return nil
}

// mayBeRequeued tells whether the delivery may be requeued after r and up to by.
func (d *deliveries) mayBeRequeued(x *index, r *report, by time.Duration) bool {
	if d.final != nil && (d.final.RequeuedAt == nil || d.final.RequeuedAt.Before(r.rows[0].RecordedAt)) {
		return false // since none has to this day
	}
	recorded := x.since(r.rows[0].RecordedAt)
	return anyOf(d.requeues, func(o *Operation) bool {
		return o.Call <= by && o.doneBy() >= r.from && o.mayHaveBegunAfter(x, recorded)
	})
}
