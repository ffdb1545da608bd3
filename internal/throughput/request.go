package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

const (
	provider      = "dynamics365"
	documentCount = 100_000

	instantLayout = "2006-01-02T15:04:05.000Z"
)

// report is what a report says that another one does not.
type report struct {
	document  uint32
	execution [16]byte
	at        time.Time
}

// requests makes requests of one connection, in a buffer that is used again.
type requests struct {
	random *rand.PCG
	buffer []byte
	// Before the document and after it, up to the body.
	post, length, get, page string
}

func newRequests(key string) *requests {
	r := &requests{random: rand.NewPCG(rand.Uint64(), rand.Uint64())}
	head := " HTTP/1.1\r\nHost: delivery\r\nAuthorization: Bearer " + key + "\r\n"
	r.post, r.length = "POST /v1/documents/doc-", "/delivery"+head+"Content-Type: application/json\r\nContent-Length: "
	r.get, r.page = "GET /v1/documents/doc-", "/delivery?limit=20"+head+"\r\n"
	size := len(appendBody(nil, report{}, false))
	r.length += strconv.Itoa(size) + "\r\n\r\n" // it is the same for all of them
	return r
}

// fresh returns a report that was never made, on any of the documents.
func (r *requests) fresh(documents int) report {
	made := report{document: r.anyOf(documents) + 1, at: time.Now()}
	binary.LittleEndian.PutUint64(made.execution[:8], r.random.Uint64())
	binary.LittleEndian.PutUint64(made.execution[8:], r.random.Uint64())
	return made
}

func (r *requests) anyOf(count int) uint32 { return uint32(r.random.Uint64() % uint64(count)) } // #nosec G115 -- a count of what there is to draw from

// record asks to record a report. What conflicts differs from the original in the record that it names.
func (r *requests) record(sent report, conflicting bool) []byte {
	b := append(r.buffer[:0], r.post...)
	b = strconv.AppendUint(b, uint64(sent.document), 10)
	b = append(b, r.length...)
	r.buffer = appendBody(b, sent, conflicting)
	return r.buffer
}

// read asks for the audit page of a document.
func (r *requests) read(document uint32) []byte {
	b := append(r.buffer[:0], r.get...)
	b = strconv.AppendUint(b, uint64(document), 10)
	r.buffer = append(b, r.page...)
	return r.buffer
}

func appendBody(b []byte, sent report, conflicting bool) []byte {
	b = append(b, `{"provider":"`+provider+`","status":"succeeded","external_record_id":"crm-row-00`...)
	if conflicting {
		b = append(b, '2')
	} else {
		b = append(b, '1')
	}
	b = append(b, `","execution_id":"n8n-`...)
	for i, group := range [...][]byte{sent.execution[:4], sent.execution[4:6], sent.execution[6:8], sent.execution[8:10], sent.execution[10:]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, group)
	}
	b = append(b, `","attempted_at":"`...)
	b = sent.at.UTC().AppendFormat(b, instantLayout)
	return append(b, `"}`...)
}

// The kinds of load.
const (
	newReports = "new"
	mixed      = "mix"
	replays    = "replays"
	pages      = "pages"
)

// remembered is how many of its last reports a connection can send again.
const remembered = 100

// sender decides what a connection sends next.
type sender struct {
	*requests
	kind      string
	documents int
	sent      []report // the last ones that were answered 201
	next      int      // where the next one of them goes
	latest    report   // what was sent last, if it was new
}

// request returns the next request and the status that it has to be answered with.
func (s *sender) request() ([]byte, int) {
	switch {
	case s.kind == pages:
		return s.read(s.anyOf(s.documents) + 1), http.StatusOK
	case s.kind == replays && len(s.sent) == remembered:
		return s.record(s.sent[s.anyOf(len(s.sent))], false), http.StatusOK
	case s.kind == mixed && len(s.sent) > 0:
		switch dice := s.anyOf(100); {
		case dice < 9:
			return s.record(s.sent[s.anyOf(len(s.sent))], false), http.StatusOK
		case dice < 10:
			return s.record(s.sent[s.anyOf(len(s.sent))], true), http.StatusConflict
		}
	}
	s.latest = s.fresh(s.documents)
	return s.record(s.latest, false), http.StatusCreated
}

// remember keeps the report that was just recorded, where it may be sent again.
func (s *sender) remember() {
	switch {
	case s.kind != mixed && s.kind != replays:
	case len(s.sent) < remembered:
		s.sent = append(s.sent, s.latest)
	default:
		s.sent[s.next] = s.latest
		s.next = (s.next + 1) % remembered
	}
}

func checkKind(kind string) error {
	switch kind {
	case newReports, mixed, replays, pages:
		return nil
	}
	return fmt.Errorf("there is no load %q", kind)
}
