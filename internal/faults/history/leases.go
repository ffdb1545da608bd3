package history

import (
	"cmp"
	"slices"
)

const failed = "failed" // the status of a report that settles nothing

// checkLeases: a delivery is with one worker at a time, and with none once it is settled.
func checkLeases(x *index, f *findings) {
	for i := range x.Operations {
		o := &x.Operations[i]
		switch o.Kind {
		case Claim:
			x.checkClaimed(o, f)
		case Outbox:
			x.checkOffered(o, f)
		}
	}
	for _, d := range x.sorted() {
		slices.SortStableFunc(d.leases, func(a, b *lease) int { return cmp.Compare(a.claim.Call, b.claim.Call) })
		for i, a := range d.leases {
			for _, b := range d.leases[i+1:] {
				if !x.mayFollow(a, b) && !x.mayFollow(b, a) {
					f.add("delivery %s of document %s was with %s and with %s at once: claimed at %s and at %s, the first until %s",
						d.provider, d.documentID, a.ExecutionID, b.ExecutionID, a.claim.Return, b.claim.Return, x.since(a.ExpiresAt))
				}
			}
		}
		x.checkKeys(d, f)
	}
}

// mayFollow tells whether b may have been handed out when a was over.
func (x *index) mayFollow(a, b *lease) bool {
	return a.claim != b.claim && a.claim.Call <= b.claim.Return && a.mayBeOver(x, b.claim.Call, b.claim.Return)
}

// sorted returns the deliveries that were ever claimed in an order that is the same each time.
func (x *index) sorted() []*deliveries {
	var all []*deliveries
	for _, d := range x.deliveries {
		if len(d.leases) > 0 {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *deliveries) int {
		return cmp.Or(cmp.Compare(a.documentID, b.documentID), cmp.Compare(a.provider, b.provider))
	})
	return all
}

// checkClaimed checks what a claim handed out, each lease by itself.
func (x *index) checkClaimed(o *Operation, f *findings) {
	for i := range o.Leases {
		l := &o.Leases[i]
		if first := x.leases[l.ExecutionID]; first.Lease != l {
			f.add("execution id %s was handed out twice, at %s and at %s", l.ExecutionID, first.claim.Return, o.Return)
		}
		if r := x.delivery(l.DocumentID, l.Provider).settledBefore(x, o.Call, o.Return); r != nil {
			f.add("delivery %s of document %s was claimed as %s at %s, though report %s had settled it at %s",
				l.Provider, l.DocumentID, l.ExecutionID, o.Return, r.id, r.until)
		}
	}
}

// checkOffered checks that an outbox offers nothing which is settled or with a worker.
func (x *index) checkOffered(o *Operation, f *findings) {
	for i := range o.Due {
		due := &o.Due[i]
		d := x.deliveries[target{due.DocumentID, due.Provider}]
		if d == nil {
			continue
		}
		if r := d.settledBefore(x, o.Call, o.Return); r != nil {
			f.add("delivery %s of document %s was due at %s, though report %s had settled it at %s",
				d.provider, d.documentID, o.Return, r.id, r.until)
		}
		for _, l := range d.leases {
			if l.claim.Return < o.Call && !l.mayBeOver(x, o.Call, o.Return) {
				f.add("delivery %s of document %s was due at %s, while it was with %s", d.provider, d.documentID, o.Return, l.ExecutionID)
			}
		}
	}
}

// checkKeys checks that all claims of a delivery have one key between two requeues, and another behind one.
func (x *index) checkKeys(d *deliveries, f *findings) {
	for i := range d.leases {
		if i == 0 {
			continue
		}
		a, b := d.leases[i-1], d.leases[i]
		var may, must bool
		for _, o := range d.requeues {
			may = may || o.mayHaveDone() && o.doneBy() >= a.claim.Call && o.Call <= max(a.claim.Return, b.claim.Return)
			if o.Outcome == Done && o.Delivery != nil && o.Delivery.RequeuedAt != nil {
				at := x.since(*o.Delivery.RequeuedAt)
				must = must || a.claim.Return < at-ahead && at < b.claim.Call
			}
		}
		switch same := a.DeliveryKey == b.DeliveryKey; {
		case !same && !may:
			f.add("delivery %s of document %s has key %s with claim %s and %s with %s, and was not requeued between them",
				d.provider, d.documentID, a.DeliveryKey, a.ExecutionID, b.DeliveryKey, b.ExecutionID)
		case same && must:
			f.add("delivery %s of document %s has key %s with claims %s and %s, though it was requeued between them",
				d.provider, d.documentID, a.DeliveryKey, a.ExecutionID, b.ExecutionID)
		}
	}
}

// checkForeign: a lease ends by its own report, by release, by running out, or by what settles its delivery; by nothing
// else, such as a failed report under another id.
func checkForeign(x *index, f *findings) {
	for _, d := range x.sorted() {
		for _, l := range d.leases {
			for _, o := range slices.Concat(l.extends, l.releases) {
				if o.Outcome == Refused && o.Code == "claim_over" && l.claim.Return < o.Call && !l.mayBeOver(x, o.Call, o.Return) {
					f.add("the %s of %s at %s was refused as over, though nothing had ended the lease on delivery %s of document %s",
						o.Kind, l.ExecutionID, o.Return, d.provider, d.documentID)
				}
			}
		}
	}
}
