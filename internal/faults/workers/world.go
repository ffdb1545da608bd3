package workers

import (
	"math/rand/v2"
	"sync"

	"github.com/numora/delivery/internal/faults/history"
)

// The providers of the load. Each kind of work has its own, so that what one does is seen against nothing but itself.
const (
	plainProvider = "crm"     // reports by whoever has something to report
	otherProvider = "ledger"  // what a conflict names instead
	stillProvider = "archive" // never claimed: what is due there stays so, for paging
)

// leasedProviders are worked on by claims. There are several, so that what an unknown claim may have got is not everything.
var leasedProviders = []string{"erp-0", "erp-1", "erp-2", "erp-3"}

const (
	openPerClient = 4    // documents that take reports at the same time
	budget        = 9    // reports that a document takes: whoever checks one document's history must get to its end
	remembered    = 2048 // acknowledged reports that are replayed and contradicted later
	stillDue      = 40   // documents of stillProvider in all
)

// world is what all clients know together.
type world struct {
	mutex        sync.Mutex
	open         []openDocument
	acknowledged []history.Report // a ring
	next         int              // place in the ring
	leased       []string         // a ring of documents that are worked on by claims
	still        int              // documents of stillProvider
}

type openDocument struct {
	id   string
	left int // reports that it still takes
}

// take returns a document that a report is to go to, and false with a place to put a new one where there is none. One document
// is wanted much more than the others, so that reports meet.
func (w *world) take(random *rand.Rand) (id string, place int, found bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	place = random.IntN(len(w.open))
	if random.IntN(5) == 0 {
		place = 0
	}
	if w.open[place].left == 0 {
		return "", place, false
	}
	w.open[place].left--
	return w.open[place].id, place, true
}

// put opens a registered document in place of one that takes no more.
func (w *world) put(place int, id string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.open[place] = openDocument{id, budget}
}

// remember keeps an acknowledged report to be replayed later, by anyone.
func (w *world) remember(r history.Report) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.acknowledged) < remembered {
		w.acknowledged = append(w.acknowledged, r)
		return
	}
	w.acknowledged[w.next%remembered] = r
	w.next++
}

// recall returns a report that was acknowledged before.
func (w *world) recall(random *rand.Rand) (r history.Report, found bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.acknowledged) == 0 {
		return r, false
	}
	return w.acknowledged[random.IntN(len(w.acknowledged))], true
}

// lease keeps a document that is worked on by claims, to be read by anyone.
func (w *world) lease(id string) {
	const kept = 64
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.leased = append(w.leased, id); len(w.leased) > kept {
		w.leased = w.leased[1:]
	}
}

// any returns a document to read.
func (w *world) any(random *rand.Rand) (id string, found bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.leased) > 0 && random.IntN(2) == 0 {
		return w.leased[random.IntN(len(w.leased))], true
	}
	id = w.open[random.IntN(len(w.open))].id
	return id, id != ""
}
