package main

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// attacked is a listener that hands over each connection it takes.
func attacked(t *testing.T) (address string, taken chan net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	taken = make(chan net.Conn, 1000)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			taken <- connection
		}
	}()
	t.Cleanup(func() { check(t, listener.Close()) })
	return listener.Addr().String(), taken
}

// patient are kinds of connections that nobody gives up during a test.
func patient(kinds []slowly) []slowly {
	kinds = slices.Clone(kinds)
	for i := range kinds {
		kinds[i].lasts = 1000 * time.Hour // the first time, some share of it
	}
	return kinds
}

func TestAttack_HoldsEveryKindAndClosesAll(t *testing.T) {
	address, taken := attacked(t)
	order := attackOrder{Address: address, Key: "sk_test_key", Connections: 8}
	a := beginAttack(order, patient(attackOn(order)), time.Millisecond)
	kinds := make(map[string]int)
	var connections []*bufio.Reader
	for range order.Connections {
		connection := <-taken
		defer connection.Close()
		check(t, connection.SetReadDeadline(time.Now().Add(30*time.Second))) // a bound, so that nothing hangs
		connections = append(connections, bufio.NewReader(connection))
	}
	answer := a.end()
	if answer.Open != 8 || answer.Opened != 8 {
		t.Errorf("%+v, want 8 open of 8", answer)
	}
	for _, connection := range connections {
		sent, err := io.ReadAll(connection) // to the end, which has come
		check(t, err)
		head, body, complete := strings.Cut(string(sent), "\r\n\r\n")
		switch {
		case len(sent) == 0:
			kinds["silent"]++
		case !complete && strings.Contains(head, "\r\nX-Padding: ") && strings.Trim(head[strings.Index(head, "X-Padding: ")+11:], "x") == "":
			kinds["header"]++
		case strings.Contains(head, "\r\nAuthorization: Bearer sk_test_key\r\n") && strings.Trim(body, " ") == "":
			kinds["body with key"]++
		case !strings.Contains(head, "Authorization") && strings.Contains(head, "\r\nContent-Length: ") && strings.Trim(body, " ") == "":
			kinds["body without key"]++
		default:
			t.Errorf("it sent %q", sent)
		}
	}
	for _, kind := range []string{"silent", "header", "body with key", "body without key"} {
		if kinds[kind] != 2 {
			t.Errorf("%d are of the kind %q, want 2", kinds[kind], kind)
		}
	}
}

func TestAttack_Trickles(t *testing.T) {
	address, taken := attacked(t)
	a := beginAttack(attackOrder{Address: address, Connections: 1}, patient([]slowly{{atOnce: "head", trickled: "abc"}}), time.Millisecond)
	connection := <-taken
	defer connection.Close()
	check(t, connection.SetReadDeadline(time.Now().Add(30*time.Second)))
	sent := make([]byte, len("headabc"))
	if _, err := io.ReadFull(connection, sent); err != nil || string(sent) != "headabc" {
		t.Errorf("got %q, error %v", sent, err)
	}
	if answer := a.end(); answer.Open != 1 {
		t.Errorf("it ended by itself: %+v", answer)
	}
}

func TestAttack_OpensAgainWhatWasEnded(t *testing.T) {
	address, taken := attacked(t)
	a := beginAttack(attackOrder{Address: address, Connections: 2}, patient([]slowly{{}}), time.Millisecond)
	for range 10 {
		check(t, (<-taken).Close())
	}
	if answer := a.end(); answer.Opened <= 2 {
		t.Errorf("%+v, want more than the first two opened", answer)
	}
}

func TestAttack_GivesUpTheFirstEarly(t *testing.T) {
	address, taken := attacked(t)
	a := beginAttack(attackOrder{Address: address, Connections: 1}, []slowly{{lasts: time.Nanosecond}}, time.Millisecond)
	first := <-taken
	defer first.Close()
	check(t, first.SetReadDeadline(time.Now().Add(30*time.Second)))
	if _, err := io.ReadAll(first); err != nil {
		t.Errorf("it was not given up: %v", err)
	}
	check(t, (<-taken).Close())
	a.end()
}

func TestAttack_BeginsThoughNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, listener.Close())
	a := beginAttack(attackOrder{Address: listener.Addr().String(), Connections: 4}, patient([]slowly{{}}), time.Millisecond)
	if answer := a.end(); answer != (attackAnswer{}) {
		t.Errorf("%+v of connections that cannot be", answer)
	}
}

func TestAttacker_GoesFromOneAttackToTheNext(t *testing.T) {
	address, taken := attacked(t)
	orders, answers, end := play(t, attackerPart)
	// What was given up early meanwhile is opened once more.
	for _, step := range []struct {
		order  attackOrder
		before int64 // how many connections, at least, the attack before it had; 0: there was none
	}{
		{attackOrder{Address: address, Connections: 4}, 0},
		{attackOrder{}, 4},
		{attackOrder{Address: address, Connections: 2}, 0},
	} {
		var answer attackAnswer
		check(t, orders.Encode(step.order))
		check(t, answers.Decode(&answer))
		if answer.Opened < step.before || answer.Open > answer.Opened || step.before == 0 && answer.Opened > 0 {
			t.Errorf("%+v was answered by %+v, want %d connections", step.order, answer, step.before)
		}
	}
	end()
	for range 6 {
		connection := <-taken
		check(t, connection.SetReadDeadline(time.Now().Add(30*time.Second)))
		if _, err := io.Copy(io.Discard, connection); err != nil {
			t.Errorf("a connection was left open: %v", err)
		}
		check(t, connection.Close())
	}
}
