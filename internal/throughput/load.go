package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const loadPart = "load"

// loadOrder says what load to make.
type loadOrder struct {
	Addresses   []string // of the servers, which the connections are spread over
	Key         string
	Kind        string
	Documents   int // doc-1 to this one
	Connections int
	PerSecond   float64 // in an open loop; 0: each connection sends when it has its answer
	Patient     bool    // what is refused is sent again after Retry-After
	WarmUp      time.Duration
	Lasts       time.Duration
}

// loadBegan is the first answer to an order: the connections are open, and the warm-up begins.
type loadBegan struct{}

// loadAnswer is the second one, and tells of what was answered after the warm-up and before the end.
type loadAnswer struct {
	Took     histogram     // what was answered as it should be
	Refused  histogram     // what was refused
	Computed time.Duration // by this process, for all of it
	Sent     int64         // what this process computed for
	Err      string
}

// loadLinger is how long an answer that is not there at the end is waited for.
const loadLinger = 15 * time.Second

// playLoad makes the load that it is ordered to, one order after another. The processors are the server's: this takes
// one of them at most, and leaves no garbage that it would be worth to collect.
func playLoad(orders *json.Decoder, answers *json.Encoder) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(512 << 20)
	for {
		var order loadOrder
		if err := orders.Decode(&order); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := makeLoad(order, func() error { return answers.Encode(loadBegan{}) })
		if err != nil {
			answer.Err = err.Error()
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
		runtime.GC()
	}
}

func makeLoad(order loadOrder, began func() error) (loadAnswer, error) {
	answer := loadAnswer{Took: newHistogram(), Refused: newHistogram()}
	if err := checkKind(order.Kind); err != nil {
		return answer, errors.Join(err, began())
	}
	connections := make([]*loadConnection, order.Connections)
	defer func() {
		for _, c := range connections {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i := range connections {
		opened, err := net.Dial("tcp", order.Addresses[i%len(order.Addresses)])
		if err != nil {
			return answer, errors.Join(err, began())
		}
		connections[i] = newLoadConnection(opened, order)
	}
	if order.Kind == replays {
		if err := each(connections, (*loadConnection).prepare, time.Now().Add(loadLinger)); err != nil {
			return answer, errors.Join(err, began())
		}
	}
	computed := processorTime()
	if err := began(); err != nil {
		return answer, err
	}
	start := time.Now()
	from := start.Add(order.WarmUp)
	until := from.Add(order.Lasts)
	err := each(connections, func(c *loadConnection) error { return c.run(start, from, until) }, until.Add(loadLinger))
	answer.Computed = processorTime() - computed
	for _, c := range connections {
		answer.Took.merge(c.took)
		answer.Refused.merge(c.refused)
		answer.Sent += c.count
	}
	return answer, err
}

// each does something on all connections at once, until a deadline. The first failure ends all of them.
func each(connections []*loadConnection, do func(*loadConnection) error, deadline time.Time) error {
	working, ctx := errgroup.WithContext(context.Background())
	for _, c := range connections {
		working.Go(func() error {
			defer context.AfterFunc(ctx, c.giveUp)()
			c.deadline = deadline
			if err := c.SetDeadline(deadline); err != nil {
				return err
			}
			return do(c)
		})
	}
	return working.Wait()
}

// processorTime is how long this process has computed.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// loadConnection is one connection of a load.
type loadConnection struct {
	net.Conn
	sender
	reader        *responseReader
	deadline      time.Time
	opening       sync.Mutex // of another connection in place of this one
	givenUp       bool
	patient       bool
	beat          time.Duration // from one intended start to the next; 0: a closed loop
	took, refused histogram
	count         int64
}

func newLoadConnection(opened net.Conn, order loadOrder) *loadConnection {
	c := &loadConnection{
		Conn: opened, reader: newResponseReader(opened), patient: order.Patient, took: newHistogram(), refused: newHistogram(),
		sender: sender{requests: newRequests(order.Key), kind: order.Kind, documents: order.Documents},
	}
	if order.PerSecond > 0 {
		c.beat = time.Duration(float64(time.Second) * float64(order.Connections) / order.PerSecond)
	}
	return c
}

// giveUp ends whatever is going on.
func (c *loadConnection) giveUp() {
	c.opening.Lock()
	defer c.opening.Unlock()
	c.givenUp = true
	_ = c.Close()
}

// reopen takes another connection in place of one that the server has closed.
func (c *loadConnection) reopen() error {
	opened, err := net.Dial("tcp", c.RemoteAddr().String())
	if err != nil {
		return err
	}
	c.opening.Lock()
	defer c.opening.Unlock()
	_ = c.Close()
	c.Conn, c.reader = opened, newResponseReader(opened)
	if c.givenUp {
		return c.Close()
	}
	return c.SetDeadline(c.deadline)
}

// run sends one request after another until the end, and keeps the times of what is answered from an instant on.
func (c *loadConnection) run(start, from, until time.Time) error {
	intended := start
	if c.beat > 0 {
		intended = start.Add(rand.N(c.beat)) // each connection has a beat of its own
	}
	for {
		if c.beat == 0 {
			intended = time.Now()
		} else {
			time.Sleep(time.Until(intended))
		}
		if !intended.Before(until) {
			return nil
		}
		request, wanted := c.request()
		for began := intended; ; {
			answer, err := c.exchange(request)
			if err != nil {
				return err
			}
			ended := time.Now()
			counts := ended.After(from) && !ended.After(until)
			if answer.status == wanted {
				if counts {
					c.took.add(ended.Sub(began))
				}
				if wanted == http.StatusCreated {
					c.remember()
				}
				break
			}
			if answer.status != http.StatusServiceUnavailable || !c.patient {
				return fmt.Errorf("got %d, want %d: %s\nto %s", answer.status, wanted, answer.body, request)
			}
			if counts {
				c.refused.add(ended.Sub(began))
			}
			if ended.Add(answer.retryAfter).After(until) {
				return nil
			}
			time.Sleep(answer.retryAfter)
			if answer.closes {
				if err := c.reopen(); err != nil {
					return err
				}
			}
			began = time.Now()
		}
		intended = intended.Add(c.beat)
	}
}

// prepare records what is going to be replayed.
func (c *loadConnection) prepare() error {
	for len(c.sent) < remembered {
		request, wanted := c.request()
		answer, err := c.exchange(request)
		if err == nil && answer.status != wanted {
			err = fmt.Errorf("got %d, want %d: %s\nto %s", answer.status, wanted, answer.body, request)
		}
		if err != nil {
			return err
		}
		c.remember()
	}
	c.count = 0
	return nil
}

func (c *loadConnection) exchange(request []byte) (response, error) {
	c.count++
	if _, err := c.Write(request); err != nil {
		return response{}, err
	}
	return c.reader.read()
}
