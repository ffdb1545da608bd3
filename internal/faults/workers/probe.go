package workers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// Probe looks when servers take writes again. It has a document of its own for each server, and a number behind those of all
// clients and their helpers.
type Probe struct {
	load      *Load
	caller    *Caller
	number    int
	documents []string
}

// NewProbe registers what a probe writes to. That is to be done while nothing is wrong. name is nobody else's.
func (l *Load) NewProbe(ctx context.Context, name string) (*Probe, error) {
	p := &Probe{load: l, caller: l.caller, number: 2 * len(l.clients)}
	for server := range l.caller.Origins {
		id := fmt.Sprintf("probe-%s-%d", name, server)
		answer := insist(ctx, l.caller, rand.New(rand.NewPCG(l.seed, uint64(server))), p.number+server, // #nosec G115 -- a server's number
			history.Operation{Kind: history.Register, DocumentID: id, Providers: []string{plainProvider}})
		if answer.Outcome != history.Done {
			return nil, fmt.Errorf("document %s could not be registered: %s", id, answer.Problem)
		}
		p.documents = append(p.documents, id)
	}
	return p, nil
}

// Recovery returns how long after an instant each server has acknowledged a write that it was sent after it. Where ctx ends before,
// it is an error that names the servers that have not.
func (p *Probe) Recovery(ctx context.Context, since time.Time) (longest time.Duration, err error) {
	const between = 10 * time.Millisecond
	journal := p.caller.Journal
	from := since.Sub(journal.Began)
	took := make([]time.Duration, len(p.documents))
	var probing sync.WaitGroup
	for server, id := range p.documents {
		found := journal.AwaitWrite(server, from) // the load's writes count as well
		probing.Go(func() {
			probing, enough := context.WithCancel(ctx)
			defer enough()
			p.load.running.Go(func() { p.write(probing, server, id, between) })
			select {
			case at := <-found:
				took[server] = at - from
			case <-ctx.Done():
				took[server] = -1
			}
		})
	}
	probing.Wait()
	for server, t := range took {
		if t < 0 {
			err = fmt.Errorf("server %d acknowledged no write any more", server)
		}
		longest = max(longest, t)
	}
	return longest, err
}

// write sends one report until it is acknowledged, or ctx ends. What is on its way then is given its time: who cancels it would
// not know what became of it.
func (p *Probe) write(ctx context.Context, server int, id string, between time.Duration) {
	r := history.Report{
		DocumentID: id, Provider: plainProvider, Status: "skipped", ExecutionID: id, AttemptedAt: time.Now().UTC().Format(time.RFC3339Nano),
	}
	o := recording(r)
	o.Client, o.Server = p.number+server, server
	for ctx.Err() == nil {
		if Final(p.caller.Send(context.WithoutCancel(ctx), o)) {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(between):
		}
	}
}
