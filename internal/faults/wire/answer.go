package wire

import (
	"bytes"
	"slices"
)

// answer is what matters of PostgreSQL's answer to one request.
type answer struct {
	failed    bool
	done      bool // something was written, or committed
	completed int  // where its CommandComplete is
}

// passAnswers forwards what PostgreSQL sends, as it comes, but for answers that a trap holds.
func (c *connection) passAnswers() {
	in := &stream{from: c.server}
	var answer answer
	for {
		for {
			message, err := in.next()
			if err != nil {
				return
			}
			if message == nil {
				break
			}
			switch message[0] {
			case 'C': // CommandComplete
				tag := bytes.TrimRight(message[headerBytes:], "\x00")
				answer.completed = in.parsed - len(message)
				answer.done = answer.done || !bytes.HasSuffix(tag, []byte(" 0")) && !bytes.Equal(tag, []byte("ROLLBACK"))
			case 'E': // ErrorResponse
				answer.failed = true
			case 'Z': // ReadyForQuery
				given := c.pop(answer, message[headerBytes])
				if given.trap != nil && !c.meet(given, answer, in, in.parsed-len(message)) {
					return
				}
				answer.failed, answer.done = false, false
			}
		}
		if c.holds() {
			if in.read() != nil {
				return
			}
			continue
		}
		if c.forward(c.client, in.held[:in.parsed]) != nil {
			return
		}
		in.drop(in.parsed)
		if in.read() != nil {
			return
		}
	}
}

// pop notes that a request is answered.
func (c *connection) pop(a answer, inside byte) (given request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.requests) > 0 {
		given = c.requests[0]
		c.requests = slices.Delete(c.requests, 0, 1)
	}
	c.inside = inside
	c.wrote = inside != 'I' && (c.wrote || given.writes && a.done)
	return given
}

// holds tells whether the answer that comes next is held.
func (c *connection) holds() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return len(c.requests) > 0 && c.requests[0].trap != nil
}

// meet has the answer to a request run into its trap, and returns whether the connection goes on. ready is where the answer's
// ReadyForQuery is.
func (c *connection) meet(given request, a answer, in *stream, ready int) bool {
	t := given.trap
	if t.point == AfterForward {
		<-c.done // it has sprung already
		return false
	}
	if a.failed || !a.done {
		c.proxy.putBack(t) // nothing was done that could be lost
		return true
	}
	if !t.spring() {
		return true
	}
	// PostgreSQL executes COMMIT before it says so, and commits a statement of the extended protocol after it.
	at := a.completed
	if given.extended && !given.commits {
		at = ready
	}
	switch t.point {
	case WarningAtCommit:
		if t.act != nil {
			t.act()
		}
		notice := notReplicated()
		in.held = slices.Insert(in.held, at, notice...)
		in.parsed += len(notice)
		err := c.forward(c.client, in.held[:in.parsed])
		in.drop(in.parsed)
		close(t.sprung)
		return err == nil
	case ErrorAtCommit:
		_ = c.forward(c.client, append(slices.Clip(in.held[:at]), sessionEnded()...))
	}
	c.stop(t)
	return false
}
