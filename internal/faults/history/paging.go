package history

import (
	"cmp"
	"slices"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// window is while a delivery was certainly due, and with nobody.
type window struct {
	*deliveries
	from, until time.Duration
}

// checkPaging: who reads all pages of an outbox sees, oldest first and once, all that is due the whole time.
func checkPaging(x *index, f *findings) {
	outboxes := make(map[string][]*Operation)
	for i := range x.Operations {
		if o := &x.Operations[i]; o.Kind == Outbox && o.Outcome == Done {
			x.checkPages(o, f)
			outboxes[o.Provider] = append(outboxes[o.Provider], o)
		}
	}
	windows := make(map[string][]window)
	for _, d := range x.deliveries {
		if w := x.windowOf(d); w.from < w.until {
			windows[d.provider] = append(windows[d.provider], w)
		}
	}
	for provider, read := range outboxes {
		due := windows[provider]
		slices.SortFunc(due, func(a, b window) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.documentID, b.documentID))
		})
		slices.SortFunc(read, func(a, b *Operation) int { return cmp.Compare(a.Call, b.Call) })
		var open []window
		for _, o := range read {
			for len(due) > 0 && due[0].from < o.Call {
				open, due = append(open, due[0]), due[1:]
			}
			open = slices.DeleteFunc(open, func(w window) bool { return w.until <= o.Call })
			listed := make(map[string]bool, len(o.Due))
			for i := range o.Due {
				listed[o.Due[i].DocumentID] = true
			}
			for _, w := range open {
				if w.until > o.Return && !listed[w.documentID] {
					f.add("the outbox of %s that was read from %s to %s lacks document %s, which was due since %s",
						provider, o.Call, o.Return, w.documentID, w.from)
				}
			}
		}
	}
}

// checkPages checks what one reading lists by itself.
func (x *index) checkPages(o *Operation, f *findings) {
	listed := make(map[string]time.Time, len(o.Due))
	for i := range o.Due {
		due := &o.Due[i]
		if due.DueAt == nil || x.since(*due.DueAt) > o.Return {
			f.add("the outbox of %s at %s lists document %s, which is not due yet", o.Provider, o.Return, due.DocumentID)
			continue
		}
		// What was claimed and given back meanwhile is listed again, if it is due later; as it was it is behind already.
		if at, twice := listed[due.DocumentID]; twice && at.Equal(*due.DueAt) {
			f.add("the outbox of %s at %s lists document %s twice", o.Provider, o.Return, due.DocumentID)
		}
		listed[due.DocumentID] = *due.DueAt
		if i > 0 && o.Due[i-1].DueAt != nil && due.DueAt.Before(*o.Due[i-1].DueAt) {
			f.add("the outbox of %s at %s lists document %s behind one that is due later", o.Provider, o.Return, due.DocumentID)
		}
	}
}

// windowOf returns while a delivery was certainly due: from its registration to whatever came first. That no claim with
// an unknown answer has touched it is told by its tries in the end; without that, the window is empty.
func (x *index) windowOf(d *deliveries) window {
	w := window{d, never, never}
	if d.final == nil || d.final.RequeuedAt != nil {
		return w
	}
	if least, _ := d.triesSince(x, d.reports); d.final.Tries > least {
		return w
	}
	var registered *Operation
	for _, o := range x.documents[d.documentID].asRegistered() {
		if o.Outcome == Done && o.Return < w.from && o.offers(d.provider) {
			registered, w.from = o, o.Return
		}
	}
	if registered == nil {
		return w
	}
	for _, o := range x.documents[d.documentID].registers {
		if o.mayHaveDone() && !slices.Equal(o.Providers, registered.Providers) {
			w.until = min(w.until, o.Call)
		}
	}
	for _, l := range d.leases {
		w.until = min(w.until, l.claim.Call)
	}
	for _, r := range d.reports {
		if r.from == never {
			w.until = w.from // nobody knows since when it is there
		}
		w.until = min(w.until, r.from)
	}
	for _, o := range d.requeues {
		if o.mayHaveDone() {
			w.until = min(w.until, o.Call)
		}
	}
	return w
}

func (d *document) asRegistered() []*Operation {
	if d == nil {
		return nil
	}
	return d.registers
}

// offers tells whether a registration was answered with a delivery that is due.
func (o *Operation) offers(provider string) bool {
	if o.Document == nil {
		return false
	}
	switch delivery.Stage(o.Document.Status) {
	case delivery.Processing, delivery.ReviewRequired, delivery.StageFailed:
		return false
	}
	return anyOf(o.Document.Deliveries, func(d Delivery) bool {
		return d.Provider == provider && d.State == string(delivery.Ready)
	})
}
