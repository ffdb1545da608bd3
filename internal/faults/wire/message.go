package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"regexp"
	"slices"
)

// Codes that a connection may begin with, in the place of a version.
const (
	codeCancel  = 80877102
	codeTLS     = 80877103
	codeGSS     = 80877104
	chunk       = 64 << 10
	maxMessage  = 1 << 30 // PostgreSQL's own limit
	headerBytes = 5       // a type, and a length that counts itself
)

var errProtocol = errors.New("that is no message of PostgreSQL's protocol")

// stream is one direction of a connection: what was read and not forwarded.
type stream struct {
	from   net.Conn
	held   []byte
	parsed int // how much of it was looked at, in whole messages
}

// read waits for more.
func (s *stream) read() error {
	s.held = slices.Grow(s.held, chunk)
	n, err := s.from.Read(s.held[len(s.held):cap(s.held)])
	s.held = s.held[:len(s.held)+n]
	if n > 0 {
		return nil // the error comes again
	}
	return err
}

// next returns the next whole message, nil when there is none.
func (s *stream) next() ([]byte, error) {
	rest := s.held[s.parsed:]
	if len(rest) < headerBytes {
		return nil, nil
	}
	length := binary.BigEndian.Uint32(rest[1:])
	if length < 4 || length > maxMessage {
		return nil, errProtocol
	}
	if int64(len(rest)-1) < int64(length) {
		return nil, nil
	}
	s.parsed += int(length) + 1
	return rest[:length+1], nil
}

// drop forgets what was forwarded.
func (s *stream) drop(n int) {
	s.held = s.held[:copy(s.held, s.held[n:])]
	s.parsed -= n
}

// statement is what matters of one.
type statement struct {
	commits, writes, inserts bool // inserts attempts
}

var (
	commitText = regexp.MustCompile(`(?i)^\s*(commit|end)(\s+(work|transaction))?\s*;?\s*$`)
	writeText  = regexp.MustCompile(`(?i)\b(insert\s+into|delete\s+from|update\s+(only\s+)?[\w."]+(\s+as)?(\s+"?\w+"?)?\s+set)\b`)
	insertText = regexp.MustCompile(`(?i)\binsert\s+into\s+"?delivery_attempts\b`)
)

func parse(text []byte) statement {
	return statement{commits: commitText.Match(text), writes: writeText.Match(text), inserts: insertText.Match(text)}
}

func (s statement) and(other statement) statement {
	return statement{s.commits || other.commits, s.writes || other.writes, s.inserts || other.inserts}
}

// twoTexts returns the first two texts of a message, each of which a zero ends.
func twoTexts(message []byte) (first, second []byte, err error) {
	first, rest, found := bytes.Cut(message[headerBytes:], []byte{0})
	second, _, foundToo := bytes.Cut(rest, []byte{0})
	if !found || !foundToo {
		return nil, nil, errProtocol
	}
	return first, second, nil
}

// report makes a NoticeResponse (N) or an ErrorResponse (E).
func report(kind byte, severity, code, text string) []byte {
	var body []byte
	for _, field := range []string{"S" + severity, "V" + severity, "C" + code, "M" + text} {
		body = append(append(body, field...), 0)
	}
	body = append(body, 0)
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...) // #nosec G115 -- it is short
}

func notReplicated() []byte {
	return report('N', "WARNING", "01000", "canceling wait for synchronous replication due to user request")
}

func sessionEnded() []byte {
	return report('E', "FATAL", "57P01", "terminating connection due to administrator command")
}
