package workers

import (
	"context"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// leaseSeconds is the shortest lease that the contract has, so that abandoned ones come back within a run.
const leaseSeconds = 10

// Lease is how long a lease lasts that nobody extends.
const Lease = leaseSeconds * time.Second

// work claims what is due and does something with it, as workers do; mostly with what it has just registered itself, since there is
// not much else.
func (c *client) work(ctx context.Context) {
	provider := leasedProviders[c.random.IntN(len(leasedProviders))]
	if c.chance(75) {
		id := c.id("job")
		if !c.register(ctx, id, provider) {
			return
		}
		c.load.world.lease(id)
	}
	for _, l := range c.claim(ctx, provider, 1+c.random.IntN(2)) {
		c.settle(ctx, l)
	}
}

// claim asks for leases until it has an answer. Each request has a name of its own, by which what an unknown one got is known.
func (c *client) claim(ctx context.Context, provider string, limit int) []history.Lease {
	for ctx.Err() == nil {
		answer := c.send(ctx, history.Operation{
			Kind: history.Claim, Provider: provider, Limit: limit, LeaseSeconds: leaseSeconds, Worker: c.id("worker"),
		})
		if Final(answer) {
			return answer.Leases
		}
		c.rest(ctx)
	}
	return nil
}

// settle does one of the things that can be done with a lease.
func (c *client) settle(ctx context.Context, l history.Lease) {
	own := c.report(l.DocumentID, l.Provider, l.ExecutionID)
	switch n := c.random.IntN(100); {
	case n < 50:
		c.record(ctx, own)
	case n < 62:
		c.extend(ctx, l)
		c.record(ctx, own)
	case n < 72:
		c.release(ctx, l)
		if c.chance(30) {
			c.release(ctx, l)
		}
	case n < 84:
		c.foreignFailure(ctx, l)
		c.extend(ctx, l)
		c.record(ctx, own)
	case n < 90:
		c.foreignSuccess(ctx, l)
		c.extend(ctx, l) // it is over
		c.record(ctx, own)
	case n < 97:
		own.Status, own.ErrorCode = "failed", "crm_500"
		c.record(ctx, own)
		c.requeue(ctx, l, false)
	default: // it died: the lease runs out
		return
	}
	if c.chance(4) {
		c.requeue(ctx, l, true)
	}
	if c.chance(10) {
		c.insist(ctx, history.Operation{Kind: history.Read, DocumentID: l.DocumentID})
	}
}

func (c *client) extend(ctx context.Context, l history.Lease) {
	c.insist(ctx, history.Operation{
		Kind: history.Extend, ExecutionID: l.ExecutionID, DocumentID: l.DocumentID, Provider: l.Provider, LeaseSeconds: leaseSeconds,
	})
}

func (c *client) release(ctx context.Context, l history.Lease) {
	c.insist(ctx, history.Operation{Kind: history.Release, ExecutionID: l.ExecutionID, DocumentID: l.DocumentID, Provider: l.Provider})
}

// foreignFailure has somebody else report, under an id of their own, that this delivery failed: the lease stays.
func (c *client) foreignFailure(ctx context.Context, l history.Lease) {
	r := c.report(l.DocumentID, l.Provider, c.id("foreign"))
	r.Status, r.ErrorCode = "failed", "crm_500"
	c.recordAs(ctx, c.load.helper(c.number).number, r)
}

// foreignSuccess has somebody else report that it is done: the lease is over.
func (c *client) foreignSuccess(ctx context.Context, l history.Lease) {
	r := c.report(l.DocumentID, l.Provider, c.id("foreign"))
	r.Status, r.ExternalRecordID = "succeeded", "row-"+r.ExecutionID
	c.recordAs(ctx, c.load.helper(c.number).number, r)
}

// requeue puts a delivery back. By force it is not sent again when its outcome is unknown, since it would be done twice.
func (c *client) requeue(ctx context.Context, l history.Lease, force bool) {
	o := history.Operation{Kind: history.Requeue, DocumentID: l.DocumentID, Provider: l.Provider, Force: force}
	if force {
		c.send(ctx, o)
		return
	}
	c.insist(ctx, o)
}
