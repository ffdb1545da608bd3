package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// connection is one of a server to PostgreSQL.
type connection struct {
	proxy  *Proxy
	client net.Conn // the server's side
	done   chan struct{}
	// stopped is set where a trap springs: whatever is on its way is not forwarded any more.
	stopped atomic.Bool

	statements map[string]statement // the prepared ones, by name
	current    statement            // all that has come since the last request was whole
	mutex      sync.Mutex
	isCut      bool
	server     net.Conn  // PostgreSQL's side; nil while there is none
	requests   []request // those that PostgreSQL has not answered
	inside     byte      // the state that PostgreSQL told last: I outside of a transaction, T in one, E in a failed one
	wrote      bool      // in the transaction
}

// request is what PostgreSQL answers as a whole, up to its ReadyForQuery.
type request struct {
	statement
	extended bool
	trap     *Trap // its answer is held, for that
}

func (c *connection) attach(server net.Conn) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.server = server
	if c.isCut {
		_ = server.Close()
	}
	return !c.isCut
}

// cut closes both sides.
func (c *connection) cut() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.isCut {
		return
	}
	c.isCut = true
	close(c.done)
	_ = c.client.Close()
	if c.server != nil {
		_ = c.server.Close()
	}
}

// stop stops the connection where it is, acts, and cuts it.
func (c *connection) stop(t *Trap) {
	c.stopped.Store(true)
	if t.act != nil {
		t.act()
	}
	c.cut()
	close(t.sprung)
}

func (c *connection) forward(to net.Conn, what []byte) error {
	if len(what) == 0 {
		return nil
	}
	c.proxy.await(c)
	if c.stopped.Load() {
		return io.ErrClosedPipe
	}
	_, err := to.Write(what)
	return err
}

// begin passes on what a connection begins with, and returns whether messages follow.
func (c *connection) begin() (bool, error) {
	for {
		var head [8]byte
		if _, err := io.ReadFull(c.client, head[:]); err != nil {
			return false, err
		}
		length, code := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:])
		if length < 8 || length > chunk {
			return false, errProtocol
		}
		if code == codeTLS || code == codeGSS {
			if _, err := c.client.Write([]byte{'N'}); err != nil {
				return false, err
			}
			continue
		}
		packet := append(head[:], make([]byte, length-8)...)
		if _, err := io.ReadFull(c.client, packet[8:]); err != nil {
			return false, err
		}
		c.mutex.Lock()
		c.requests = append(c.requests, request{}) // it is answered by a ReadyForQuery too
		c.mutex.Unlock()
		return code != codeCancel, c.forward(c.server, packet)
	}
}

// passRequests forwards what the server sends, whole requests at a time.
func (c *connection) passRequests() {
	if messages, err := c.begin(); err != nil {
		return
	} else if !messages {
		<-c.done // PostgreSQL closes it
		return
	}
	in := &stream{from: c.client}
	for {
		whole := 0
		for {
			message, err := in.next()
			if err != nil {
				return
			}
			if message == nil {
				break
			}
			ends, err := c.note(message)
			if err != nil {
				return
			}
			if !ends {
				continue
			}
			if t := c.push(message[0]); t != nil {
				if t.point == AfterForward {
					whole = in.parsed
				}
				_ = c.forward(c.server, in.held[:whole])
				c.stop(t)
				return
			}
			whole = in.parsed
		}
		if c.forward(c.server, in.held[:whole]) != nil {
			return
		}
		in.drop(whole)
		if in.read() != nil {
			return
		}
	}
}

// note looks at a message of the server's, and tells whether everything that came so far is to be forwarded: more may not
// come before there is an answer.
func (c *connection) note(message []byte) (ends bool, err error) {
	switch message[0] {
	case 'P': // Parse
		name, text, err := twoTexts(message)
		if err != nil {
			return false, err
		}
		c.statements[string(name)] = parse(text)
		return false, nil
	case 'B': // Bind
		_, name, err := twoTexts(message)
		if err != nil {
			return false, err
		}
		c.current = c.current.and(c.statements[string(name)])
		return false, nil
	case 'Q': // Query
		c.current = c.current.and(parse(bytes.TrimRight(message[headerBytes:], "\x00")))
		return true, nil
	case 'D', 'E', 'C': // Describe, Execute, Close
		return false, nil
	}
	return true, nil
}

// push notes that a request is whole, if it is one, before it is forwarded, and returns the trap that springs there.
func (c *connection) push(last byte) *Trap {
	if last != 'S' && last != 'Q' && last != 'F' { // Sync, Query, FunctionCall
		return nil
	}
	made := request{statement: c.current, extended: last == 'S'}
	c.current = statement{}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	defer func() { c.requests = append(c.requests, made) }()
	// Where requests are sent before others are answered, nobody knows where they meet the transaction.
	if len(c.requests) > 0 {
		return nil
	}
	switch {
	case c.inside == 'T' && made.commits && c.wrote, c.inside == 'I' && made.writes:
		made.trap = c.proxy.take(BeforeCommit, AfterForward, AnswerLost, WarningAtCommit, ErrorAtCommit)
	case c.inside == 'T' && made.inserts:
		made.trap = c.proxy.take(AfterInsert)
	}
	if t := made.trap; t != nil && (t.point == BeforeCommit || t.point == AfterForward) {
		if t.spring() {
			return t
		}
		made.trap = nil
	}
	return nil
}
