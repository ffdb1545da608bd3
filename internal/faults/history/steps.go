package history

import (
	"fmt"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// step is one operation on a delivery: between its call and by it took the delivery from one standing to one of those
// after it. None after it says that it can't have been answered so.
type step struct {
	text     string
	call, by time.Duration
	after    func(standing) []standing
}

// stepping makes the steps of one delivery.
type stepping struct {
	*index
	of       *deliveries
	steps    []*step
	attempts map[string]int // by execution id; numbers from 1
	leases   map[string]int // by execution id
	workers  map[string]int // leases by who claimed them; those that nobody was handed as well
	last     int            // the last lease's number
}

func (x *index) steps(d *deliveries) []*step {
	p := &stepping{
		index: x, of: d,
		attempts: make(map[string]int), leases: make(map[string]int), workers: make(map[string]int),
	}
	for _, l := range d.leases {
		p.last++
		p.leases[l.ExecutionID], p.workers[l.claim.Worker] = p.last, p.last
	}
	for i, r := range d.reports {
		p.attempts[r.id] = i + 1
		p.record(i+1, r)
	}
	for _, l := range d.leases {
		p.claim(p.leases[l.ExecutionID], l.claim, l.claim.Return, x.since(l.ExpiresAt))
		over := l.overBy(x)
		for _, o := range l.extends {
			p.extend(p.leases[l.ExecutionID], o, over)
		}
		for _, o := range l.releases {
			p.release(p.leases[l.ExecutionID], o, over)
		}
	}
	last := p.lastRequeueBy()
	for _, o := range d.requeues {
		p.requeue(o, last)
	}
	for _, r := range d.reads {
		p.read(r.operation.name(), r.delivery, r.operation.Call, r.operation.Return)
	}
	if d.final != nil {
		p.read("read in the end", d.final, p.end+1, never)
	}
	return p.steps
}

// add adds a step that certainly happened, or one of unknown outcome, that may have happened or not.
func (p *stepping) add(text string, call, by time.Duration, outcome Outcome, after func(standing) []standing) {
	if outcome != Done && outcome != Refused {
		if by < call {
			return // when it could have had an effect, it had not been asked for
		}
		certain := after
		after = func(s standing) []standing { return append(certain(s), s) }
	}
	p.steps = append(p.steps, &step{fmt.Sprintf("%s (%s..%s, %s)", text, call, moment(by), outcome), call, by, after})
}

// moment is an instant as it is read.
func moment(at time.Duration) string {
	if at == unset || at == never {
		return "never"
	}
	return at.String()
}

// only is a standing, when it may be.
func only(s standing, may bool) []standing {
	if !may {
		return nil
	}
	return []standing{s}
}

func (p *stepping) record(number int, r *report) {
	row := r.rows[0]
	attempt := row.attempt()
	recorded, effective := p.since(attempt.RecordedAt), p.since(attempt.EffectiveAt())
	call, by := r.from, min(r.until, p.end)
	if call == never {
		call = 0 // nobody sent it, which is found elsewhere
	}
	if earliest := recorded - ahead; earliest > call && earliest <= by {
		call = earliest
	}
	own, settles := p.leases[r.id], row.Status != failed
	p.add(row.Status+" "+r.id, call, by, Done, func(s standing) []standing {
		return only(s.record(number, own, settles, effective, recorded), recorded > s.recorded && recorded >= s.requeued)
	})
}

// claim adds a claim that ends at expires.
func (p *stepping) claim(number int, o *Operation, by, expires time.Duration) {
	p.add(fmt.Sprintf("claim %d by %s until %s", number, o.Worker, expires), o.Call, by, Done, func(s standing) []standing {
		return only(s.leased(number, expires, expires), !s.settled && s.mayBeOver(by))
	})
}

// extend adds what extended a lease that was over by over: what is unknown had its effect until then, or never.
func (p *stepping) extend(number int, o *Operation, over time.Duration) {
	text := fmt.Sprintf("extend %d", number)
	switch {
	case o.Outcome == Refused && o.Code == "claim_over":
		p.add(text, o.Call, o.Return, Refused, func(s standing) []standing {
			if s.holder != number {
				return only(s, true)
			}
			return only(s.seenOver(o.Return), s.mayBeOver(o.Return))
		})
	case o.mayHaveDone():
		early, late := o.Call+time.Duration(o.LeaseSeconds)*time.Second-instant, never
		if o.Outcome == Done && len(o.Leases) == 1 {
			early = p.since(o.Leases[0].ExpiresAt)
			late = early
		}
		p.add(text, o.Call, o.by(over), o.Outcome, func(s standing) []standing {
			return only(s.leased(number, early, late), s.holder == number && s.mayBeOpen(o.Call))
		})
	}
}

func (p *stepping) release(number int, o *Operation, over time.Duration) {
	text, bit := fmt.Sprintf("release %d", number), uint64(1)<<(number%64)
	switch {
	case o.Outcome == Refused && o.Code == "claim_over":
		p.add(text, o.Call, o.Return, Refused, func(s standing) []standing {
			if s.holder != number {
				return only(s, s.released&bit == 0 || p.last >= 64) // beyond that, leases share bits
			}
			return only(s.seenOver(o.Return), s.mayBeOver(o.Return))
		})
	case o.mayHaveDone():
		p.add(text, o.Call, o.by(over), o.Outcome, func(s standing) []standing {
			given := s.free()
			given.released |= bit
			after := only(given, s.holder == number && s.mayBeOpen(o.Call))
			if s.released&bit != 0 { // already
				after = append(after, s)
			}
			return after
		})
	}
}

// requeue adds a requeue, of a delivery whose last one was seen by last.
func (p *stepping) requeue(o *Operation, last time.Duration) {
	by := o.Return
	switch {
	case o.HTTP == 409:
		// One whom nobody knows of may have a lease.
		ghost := anyOf(p.ghosts[p.of.provider], func(c *Operation) bool { return c.Call <= o.Return })
		p.add("requeue", o.Call, by, Refused, func(s standing) []standing {
			return only(s, ghost || s.mayBeOpen(o.Call) || s.settled && !o.Force)
		})
	case o.Outcome == Done && o.Delivery != nil:
		at := p.requeuedAt(o.Delivery)
		p.add(fmt.Sprintf("requeue at %s", moment(at)), o.Call, by, Done, func(s standing) []standing {
			// It was due already, or it began now.
			found, can := s.shows(at)
			after := only(found.seenOver(by), can && !s.settled && s.mayBeOver(by))
			if at >= o.Call-instant && at > s.recorded && s.mayBegin(o.Force, by) {
				after = append(after, s.requeue(at, true))
			}
			return after
		})
	case o.mayHaveDone():
		p.add("requeue", o.Call, last, Unknown, func(s standing) []standing {
			return only(s.requeue(max(o.Call-instant, s.recorded), false), s.mayBegin(o.Force, never))
		})
	}
}

// by is when an operation has had its effect, which it cannot have later than last.
func (o *Operation) by(last time.Duration) time.Duration {
	if o.Outcome == Done {
		return o.Return
	}
	return last
}

// lastRequeueBy is when somebody had seen the last requeue that there ever was; before anything when there was none.
func (p *stepping) lastRequeueBy() time.Duration {
	if p.of.final == nil {
		return never
	}
	last, by := p.requeuedAt(p.of.final), p.end
	if last == unset {
		return unset
	}
	for _, r := range p.of.reads {
		if p.requeuedAt(r.delivery) == last {
			by = min(by, r.operation.Return)
		}
	}
	for _, o := range p.of.requeues {
		if o.Delivery != nil && p.requeuedAt(o.Delivery) == last {
			by = min(by, o.Return)
		}
	}
	return by
}

func (p *stepping) requeuedAt(d *Delivery) time.Duration {
	if d.RequeuedAt == nil {
		return unset
	}
	return p.since(*d.RequeuedAt)
}

func (p *stepping) read(text string, d *Delivery, call, by time.Duration) {
	at, latest := p.requeuedAt(d), p.attempts[d.LastAttempt]
	if d.LastAttempt != "" && latest == 0 {
		latest = -1 // not of this delivery
	}
	state, resting := delivery.State(d.State), delivery.Ready
	if latest > 0 {
		resting = delivery.State(p.of.reports[latest-1].rows[0].Status)
	}
	text = fmt.Sprintf("%s: %s, %q, requeued %s, with %q", text, d.State, d.LastAttempt, moment(at), d.ClaimedBy)
	if state == delivery.Pending && d.LeaseExpiresAt != nil {
		expires, holder := p.since(*d.LeaseExpiresAt), p.holder(d, by)
		p.add(text, call, by, Done, func(s standing) []standing {
			s, can := s.shows(at)
			can = can && s.latest == latest && s.holder == holder && s.early <= expires && expires <= s.late && expires > call-instant
			return only(s.leased(holder, expires, expires), can)
		})
		return
	}
	used := state == delivery.Exhausted && (resting == delivery.Ready || resting == delivery.DeliveryFailed)
	p.add(text, call, by, Done, func(s standing) []standing {
		s, can := s.shows(at)
		return only(s.seenOver(by), can && s.latest == latest && s.mayBeOver(by) && (state == resting || used))
	})
}

// holder returns the lease of who is shown to have one; it adds the claim where nobody was told of it.
func (p *stepping) holder(d *Delivery, by time.Duration) int {
	if number, known := p.workers[d.ClaimedBy]; known {
		return number
	}
	claim := p.claims[d.ClaimedBy]
	if claim == nil {
		return -1
	}
	p.last++
	p.workers[d.ClaimedBy] = p.last
	p.claim(p.last, claim, by, p.since(*d.LeaseExpiresAt))
	return p.last
}
