package workers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// client is one worker. It decides by a stream of random numbers of its own.
type client struct {
	number  int
	servers int
	load    *Load
	random  *rand.Rand
	made    int // ids until now
}

// newClient makes a client whose decisions are those of the seed.
func newClient(l *Load, number int) *client {
	return &client{
		number: number, servers: len(l.caller.Origins), load: l,
		random: rand.New(rand.NewPCG(l.seed, uint64(number))), // #nosec G115 -- a number of a client is not negative
	}
}

// id makes an id that nobody else makes. It begins at random, so that ids do not sort by when they were made.
func (c *client) id(kind string) string {
	c.made++
	return fmt.Sprintf("%04x-%s-%d-%d", c.random.IntN(1<<16), kind, c.number, c.made)
}

// chance is true so many times in a hundred.
func (c *client) chance(percent int) bool { return c.random.IntN(100) < percent }

// send sends an operation once, to any server.
func (c *client) send(ctx context.Context, o history.Operation) history.Operation {
	o.Client, o.Server = c.number, c.random.IntN(c.servers)
	return c.load.caller.Send(ctx, o)
}

// insist sends an operation until its answer is final, as a worker would: to another server each time, after a pause. Where it is
// not final ctx has ended.
func (c *client) insist(ctx context.Context, o history.Operation) history.Operation {
	return c.insistAs(ctx, c.number, o)
}

// insistAs is insist for another client's number: that of the one who helps this one.
func (c *client) insistAs(ctx context.Context, number int, o history.Operation) history.Operation {
	return insist(ctx, c.load.caller, rand.New(rand.NewPCG(c.random.Uint64(), 0)), number, o)
}

// maxPause is how long a client waits at most until it sends again: servers say a second, which would be most of a fault.
const maxPause = 200 * time.Millisecond

func insist(ctx context.Context, caller *Caller, random *rand.Rand, number int, o history.Operation) history.Operation {
	o.Client, o.Server = number, random.IntN(len(caller.Origins))
	for {
		answer := caller.Send(ctx, o)
		if Final(answer) || ctx.Err() != nil {
			return answer
		}
		pause := maxPause
		if seconds, err := strconv.Atoi(answer.RetryAfter); err == nil {
			pause = min(pause, time.Duration(seconds)*time.Second)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(random.Int64N(int64(pause) + 1))):
		}
		o.Server = (o.Server + 1) % len(caller.Origins)
	}
}

// register registers a document for providers and tells whether that is known to be done.
func (c *client) register(ctx context.Context, id string, providers ...string) bool {
	return c.insist(ctx, history.Operation{Kind: history.Register, DocumentID: id, Providers: providers}).Outcome == history.Done
}

// record sends a report until it is known what became of it, and remembers it if it was recorded.
func (c *client) record(ctx context.Context, r history.Report) history.Operation {
	return c.recordAs(ctx, c.number, r)
}

func (c *client) recordAs(ctx context.Context, number int, r history.Report) history.Operation {
	answer := c.insistAs(ctx, number, recording(r))
	if answer.Outcome == history.Done {
		c.load.world.remember(r)
	}
	return answer
}

func recording(r history.Report) history.Operation {
	return history.Operation{Kind: history.Record, DocumentID: r.DocumentID, Provider: r.Provider, ExecutionID: r.ExecutionID, Sent: &r}
}
