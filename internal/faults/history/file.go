package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// A history is kept as JSON lines: a header, a line per operation as they return, and in the end what was there then:
// a line that says so, and one for each attempt and each document.

// Header is the first line of a history.
type Header struct {
	Began    time.Time     `json:"began"`
	Deadline time.Duration `json:"deadline"`
	Clients  int           `json:"clients"`
	Seed     uint64        `json:"seed"`
}

// ending is the line behind the last operation.
type ending struct {
	Lasted    time.Duration `json:"lasted"`
	Attempts  int           `json:"attempts"`
	Documents int           `json:"documents"`
}

// line is any line but the first; one of its members is there.
type line struct {
	*Operation
	Ended    *ending   `json:"ended,omitempty"`
	Recorded *Attempt  `json:"recorded,omitempty"`
	Stands   *Document `json:"stands,omitempty"`
}

// ErrCut says that a history ends before its run did.
var ErrCut = errors.New("the history ends before the run did")

// Writer writes a history. Any number of goroutines may use it at once. An error stays: whatever is written later returns
// it, and so does End.
type Writer struct {
	mu     sync.Mutex
	buffer *bufio.Writer
	err    error
}

// NewWriter returns a Writer that has written the header.
func NewWriter(to io.Writer, header Header) (*Writer, error) {
	w := &Writer{buffer: bufio.NewWriterSize(to, 1<<18)}
	return w, w.write(header)
}

// Write writes an operation.
func (w *Writer) Write(operation *Operation) error { return w.write(line{Operation: operation}) }

// End writes what was there in the end, and flushes: then all is written.
func (w *Writer) End(lasted time.Duration, attempts []Attempt, documents []Document) error {
	if err := w.write(line{Ended: &ending{lasted, len(attempts), len(documents)}}); err != nil {
		return err
	}
	for i := range attempts {
		if err := w.write(line{Recorded: &attempts[i]}); err != nil {
			return err
		}
	}
	for i := range documents {
		if err := w.write(line{Stands: &documents[i]}); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Flush hands on what is still in the buffer.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = w.buffer.Flush()
	}
	return w.err
}

func (w *Writer) write(value any) error {
	text, err := json.Marshal(value) // outside of the lock: it is what takes time
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	if w.err == nil {
		_, w.err = w.buffer.Write(append(text, '\n'))
	}
	return w.err
}

// ReadRun reads a history, to be judged again. One that was never ended returns ErrCut, with what there is of it.
func ReadRun(from io.Reader) (*Run, Header, error) {
	decoder := json.NewDecoder(bufio.NewReaderSize(from, 1<<18))
	var header Header
	if err := decoder.Decode(&header); err != nil {
		return nil, header, fmt.Errorf("header of the history: %w", err)
	}
	run := &Run{Began: header.Began, Deadline: header.Deadline, Clients: header.Clients}
	var end *ending
	for number := 2; ; number++ {
		var l line
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		switch {
		case err != nil:
			return nil, header, fmt.Errorf("line %d of the history: %w", number, err)
		case l.Ended != nil:
			end, run.Lasted = l.Ended, l.Ended.Lasted
		case l.Recorded != nil:
			run.Attempts = append(run.Attempts, *l.Recorded)
		case l.Stands != nil:
			run.Documents = append(run.Documents, *l.Stands)
		case l.Operation != nil:
			run.Operations = append(run.Operations, *l.Operation)
		default:
			return nil, header, fmt.Errorf("line %d of the history says nothing", number)
		}
	}
	if end == nil || len(run.Attempts) != end.Attempts || len(run.Documents) != end.Documents {
		return run, header, ErrCut
	}
	return run, header, nil
}
