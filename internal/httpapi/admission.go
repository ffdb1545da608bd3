package httpapi

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/internal/delivery"
)

// Limits bound how many requests that need a key are taken on at once. Probes, the contract and its pages stand
// outside of them: they cost nearly nothing, and must answer while everything else waits.
type Limits struct {
	InWork int // at least 1
	Queued int // waiting to be in work; 0 refuses what cannot begin at once
}

// Why a request was shed.
const (
	ShedQueueFull    = "queue_full"    // as many as may were waiting already
	ShedQueueTimeout = "queue_timeout" // its time was over before it could begin
)

// errShed says that a request was refused because there is too much to do.
var errShed = errors.New("too many requests at once")

// admission lets a bounded number of requests into work, in the order in which they came. A request leaves work
// while its body arrives: how long that takes is the client's doing, and must not keep others out. It comes back
// before those that are new, which would else use up the time of what was begun. What was admitted once is not
// refused afterwards because the queue is full, only when its time is over: so whoever is refused for the queue is
// refused before the body is read.
type admission struct {
	slots    chan struct{} // one for each request in work
	returns  chan struct{} // hands a place in work to a request whose body is in, before those that are new
	queued   atomic.Int64
	waiting  atomic.Int64 // queued, and those whose body is in
	limit    int64
	observer Observer
}

func newAdmission(limits Limits, observer Observer) *admission {
	return &admission{slots: make(chan struct{}, limits.InWork), returns: make(chan struct{}), limit: int64(limits.Queued), observer: observer}
}

// admit lets requests through to next, when it is their turn.
func (a *admission) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx := c.Request().Context()
		call := callOf(ctx)
		if err := a.enter(ctx, call); err != nil {
			return err
		}
		defer a.leave(call)
		return next(c)
	}
}

// enter takes a new request into work, after it waited in the queue, or returns why it will not be.
func (a *admission) enter(ctx context.Context, call *call) error {
	select {
	case a.slots <- struct{}{}:
		call.inWork = true
		return nil
	default:
	}
	if a.queued.Add(1) > a.limit {
		a.queued.Add(-1)
		return a.shed(ShedQueueFull)
	}
	defer a.queued.Add(-1)
	return a.wait(ctx, call, nil)
}

// again takes a request into work whose body is in: it has waited once, and goes before those that are new.
func (a *admission) again(ctx context.Context, call *call) error { return a.wait(ctx, call, a.returns) }

// wait takes a request into work when it is its turn. A channel serves those that wait in the order they came.
func (a *admission) wait(ctx context.Context, call *call, handed <-chan struct{}) error {
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	select {
	case a.slots <- struct{}{}:
		call.inWork = true
		return nil
	case <-handed:
		call.inWork = true
		return nil
	case <-ctx.Done():
		return a.shed(ShedQueueTimeout)
	}
}

// leave takes a request out of work, if it is in it. Its place goes to one that comes back; one that is only just
// coming may miss it, and gets the next.
func (a *admission) leave(call *call) {
	if call.inWork {
		call.inWork = false
		select {
		case a.returns <- struct{}{}:
		default:
			<-a.slots
		}
	}
}

func (a *admission) shed(reason string) error {
	a.observer.Shed(reason)
	return delivery.Unavailable(errShed)
}
