package app

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections are the open connections of a server, and for each whether a request may be on it.
type connections struct {
	mutex sync.Mutex
	busy  map[net.Conn]bool
}

// follow is an http.Server's ConnState.
func (c *connections) follow(connection net.Conn, state http.ConnState) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		if c.busy == nil {
			c.busy = make(map[net.Conn]bool)
		}
		c.busy[connection] = true
	case http.StateIdle:
		c.busy[connection] = false
	case http.StateClosed, http.StateHijacked:
		delete(c.busy, connection)
	}
}

// count returns how many connections are open.
func (c *connections) count() int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.busy)
}

// anyBusy tells whether a request may be on any of them.
func (c *connections) anyBusy() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, busy := range c.busy {
		if busy {
			return true
		}
	}
	return false
}

// idleGrace is how long a connection between two requests is kept once the server stops: who uses it again at once
// is answered, with Connection: close, instead of finding it closed under a request that is on its way.
const idleGrace = 250 * time.Millisecond

// finish waits until all connections are closed, or only idle ones are left after their grace, or ctx ends. It is
// for a server that takes no new ones and closes each after its next answer.
func (c *connections) finish(ctx context.Context) {
	const pollInterval = 5 * time.Millisecond
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	grace := time.After(idleGrace)
	for graceIsOver := false; c.count() > 0 && (!graceIsOver || c.anyBusy()); {
		select {
		case <-poll.C:
		case <-grace:
			graceIsOver = true
		case <-ctx.Done():
			return
		}
	}
}
