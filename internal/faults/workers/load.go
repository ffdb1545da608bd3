package workers

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// Load is what clients do until they are told to stop.
type Load struct {
	caller  *Caller
	seed    uint64
	world   *world
	clients []*client
	helpers []*client // who is the other one where it takes two

	gate    sync.RWMutex // held for writing while clients are to stand still
	running sync.WaitGroup
	ended   chan struct{}
}

// NewLoad makes a load of so many clients, whose decisions are those of the seed as far as what they are answered lets them.
func NewLoad(caller *Caller, seed uint64, clients int) *Load {
	l := &Load{caller: caller, seed: seed, world: &world{open: make([]openDocument, clients*openPerClient)}, ended: make(chan struct{})}
	for n := range clients {
		l.clients = append(l.clients, newClient(l, n))
		l.helpers = append(l.helpers, newClient(l, clients+n))
	}
	return l
}

// helper is whom a client acts together with.
func (l *Load) helper(number int) *client { return l.helpers[number] }

// Start sets the clients to work. What they have begun when they are told to stop they bring to its end, unless ctx ends before.
func (l *Load) Start(ctx context.Context) {
	for _, c := range l.clients {
		l.running.Go(func() {
			for {
				l.gate.RLock()
				select {
				case <-l.ended:
					l.gate.RUnlock()
					return
				default:
				}
				c.act(ctx)
				l.gate.RUnlock()
			}
		})
	}
}

// Pause returns when every client has an answer to all that it asked, and goes on with nothing until resume is called. Clients'
// connections are closed. Where ctx ends before, they go on.
func (l *Load) Pause(ctx context.Context) (resume func(), err error) {
	still := make(chan struct{})
	go func() { l.gate.Lock(); close(still) }()
	select {
	case <-still:
		l.caller.http.CloseIdleConnections()
		return l.gate.Unlock, nil
	case <-ctx.Done():
		go func() { <-still; l.gate.Unlock() }()
		return nil, context.Cause(ctx)
	}
}

// Stop returns when every client has an answer to all that it asked, or ctx of Start has ended.
func (l *Load) Stop() {
	close(l.ended)
	l.running.Wait()
}

// act does the next thing.
func (c *client) act(ctx context.Context) {
	switch n := c.random.IntN(1000); {
	case n < 580:
		c.reportOne(ctx)
	case n < 650:
		c.replayOld(ctx)
	case n < 680:
		c.contradictOld(ctx)
	case n < 710:
		c.twins(ctx, true)
	case n < 725:
		c.twins(ctx, false)
	case n < 865:
		c.work(ctx)
	case n < 945:
		c.read(ctx, history.Read)
	case n < 985:
		c.read(ctx, history.List)
	case n < 993:
		c.browse(ctx)
	default:
		c.archive(ctx)
	}
}

// rest is a pause before something is tried again.
func (c *client) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(c.random.Int64N(int64(maxPause)))):
	}
}

// read reads a document that others work on, or its attempts page by page.
func (c *client) read(ctx context.Context, kind history.Kind) {
	if id, found := c.load.world.any(c.random); found {
		c.insist(ctx, history.Operation{Kind: kind, DocumentID: id, Limit: listLimit(kind, c.random)})
	}
}

// listLimit is small, so that lists have several pages.
func listLimit(kind history.Kind, random *rand.Rand) int {
	if kind == history.Read {
		return 0
	}
	return 2 + random.IntN(4)
}

// browse reads page by page what is due where nobody claims anything.
func (c *client) browse(ctx context.Context) {
	c.insist(ctx, history.Operation{Kind: history.Outbox, Provider: stillProvider, Limit: 7 + c.random.IntN(6)})
}

// archive adds to what nobody claims: deliveries that stay due, and some that are settled and so are not due among them.
func (c *client) archive(ctx context.Context) {
	w := c.load.world
	w.mutex.Lock()
	w.still++
	number := w.still
	w.mutex.Unlock()
	if number > stillDue {
		return
	}
	id := c.id("still")
	if !c.register(ctx, id, stillProvider) {
		return
	}
	switch number % 3 {
	case 0:
		r := c.report(id, stillProvider, c.id("run"))
		r.Status, r.ExternalRecordID = "succeeded", "row-"+r.ExecutionID
		c.record(ctx, r)
	case 1: // it comes back, later than others that were made after it
		r := c.report(id, stillProvider, c.id("run"))
		r.Status, r.ErrorCode = "failed", "crm_500"
		c.record(ctx, r)
	}
}
