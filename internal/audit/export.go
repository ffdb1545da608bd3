package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Line is one line of an export, of which one member is there; Leaf and Hash go with Entry where that is sealed.
type Line struct {
	Export     *Header         `json:"export,omitempty"`     // the first
	Leaf       *int64          `json:"leaf,omitempty"`       // the entry's number
	Hash       []byte          `json:"hash,omitempty"`       // what it hashed to when it was sealed
	Entry      json.RawMessage `json:"entry,omitempty"`      // its canonical form
	Checkpoint string          `json:"checkpoint,omitempty"` // a signed note
	Claim      map[string]any  `json:"claim,omitempty"`      // by column
	Delivery   map[string]any  `json:"delivery,omitempty"`   // by column: what is kept of its state
	End        *int64          `json:"end,omitempty"`        // the last: how many lines came before it
}

// Header says what an export has.
type Header struct {
	Version int        `json:"version"` // 1
	Whole   bool       `json:"whole"`   // everything, which can be verified; else entries alone
	Since   *time.Time `json:"since"`   // recorded at or after
	Until   *time.Time `json:"until"`   // recorded before
}

// Exporter writes an export.
type Exporter struct {
	encoder *json.Encoder
	lines   int64
	// Progress, when given, is told every so often how many lines there are.
	Progress func(lines int64)
}

// NewExporter writes to a writer.
func NewExporter(to io.Writer) *Exporter {
	e := &Exporter{encoder: json.NewEncoder(to)}
	e.encoder.SetEscapeHTML(false) // or canonical forms would not be what they are
	return e
}

// Write writes one line.
func (e *Exporter) Write(line Line) error {
	if e.lines++; e.Progress != nil && e.lines%tellEvery == 0 {
		e.Progress(e.lines)
	}
	return e.encoder.Encode(line)
}

// End writes the last line, without which an export is cut off.
func (e *Exporter) End() error {
	lines := e.lines
	return e.Write(Line{End: &lines})
}

// ErrExport says that something is not an export that can be verified.
var ErrExport = errors.New("it is not a whole export")

// ReadExport calls each with the lines of an export between the first and the last. It returns an error that is ErrExport, and says
// more, when it is not an export, or not whole.
func ReadExport(from io.Reader, each func(Line) error) error {
	decoder := json.NewDecoder(bufio.NewReaderSize(from, 1<<20))
	for number := int64(0); ; number++ {
		var line Line
		switch err := decoder.Decode(&line); {
		case err == io.EOF:
			return fmt.Errorf("%w: it is cut off after line %d", ErrExport, number)
		case err != nil:
			return fmt.Errorf("%w: line %d cannot be read", ErrExport, number+1)
		case number == 0 && (line.Export == nil || line.Export.Version != 1):
			return fmt.Errorf("%w: it does not begin as one of version 1", ErrExport)
		case number == 0 && !line.Export.Whole:
			return fmt.Errorf("%w: only what was recorded in a part of the time is in it", ErrExport)
		case number == 0:
			continue
		case line.End != nil && *line.End != number:
			return fmt.Errorf("%w: its last line counts %d lines before it, and there are %d", ErrExport, *line.End, number)
		case line.End != nil:
			return nil
		}
		if err := each(line); err != nil {
			return err
		}
	}
}
