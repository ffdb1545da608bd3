package app

import (
	"context"
	"sync"
	"time"
)

// readinessAge is for how long an answer to whether the database can be worked with is good for everybody who asks.
// Anybody may ask, and each asking takes a connection to the database.
const readinessAge = 250 * time.Millisecond

// readiness asks once for all that want to know at the same time.
type readiness struct {
	ask     func(ctx context.Context) error
	timeout time.Duration
	now     func() time.Time

	mu     sync.Mutex
	asking chan struct{} // closed when the question that is going on is answered; nil while none is
	answer error
	at     time.Time // when that question was asked
}

// check returns nil when the database can be worked with, or why not, as it was no longer than readinessAge ago; ctx's
// error when its time is over first.
func (r *readiness) check(ctx context.Context) error {
	r.mu.Lock()
	if r.asking == nil {
		now := r.now()
		if now.Sub(r.at) < readinessAge {
			defer r.mu.Unlock()
			return r.answer
		}
		r.asking = make(chan struct{})
		go r.find(context.WithoutCancel(ctx), now)
	}
	asking := r.asking
	r.mu.Unlock()
	select {
	case <-asking:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.answer
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *readiness) find(ctx context.Context, began time.Time) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	answer := r.ask(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer, r.at = answer, began
	close(r.asking)
	r.asking = nil
}
