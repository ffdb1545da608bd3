package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
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

// Range is a part of the time that a history was recorded in, from Since on and before Until; zero where it is open.
type Range struct{ Since, Until time.Time }

// Whole tells whether it is open at both ends.
func (r Range) Whole() bool { return r == Range{} }

// Exporter writes an export.
type Exporter struct {
	encoder *json.Encoder
	lines   int64
	wanted  Range
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
	if e.lines++; e.Progress != nil && e.lines%TellEvery == 0 {
		e.Progress(e.lines)
	}
	return e.encoder.Encode(line)
}

// Begin writes the first line. Leaf leaves out what was not recorded in the range.
func (e *Exporter) Begin(wanted Range) error {
	e.wanted = wanted
	header := Header{Version: 1, Whole: wanted.Whole()}
	if !wanted.Since.IsZero() {
		header.Since = &wanted.Since
	}
	if !wanted.Until.IsZero() {
		header.Until = &wanted.Until
	}
	return e.Write(Line{Export: &header})
}

// Leaf writes the line of a leaf, or of an entry that is not sealed.
func (e *Exporter) Leaf(leaf Leaf) error {
	if leaf.RecordedAt.Before(e.wanted.Since) || !e.wanted.Until.IsZero() && !leaf.RecordedAt.Before(e.wanted.Until) {
		return nil
	}
	line := Line{Entry: leaf.Entry}
	if leaf.Hash != nil {
		line.Leaf, line.Hash = &leaf.Number, leaf.Hash
	}
	return e.Write(line)
}

// End writes the last line, without which an export is cut off.
func (e *Exporter) End() error {
	lines := e.lines
	return e.Write(Line{End: &lines})
}

// ErrExport says that something is not an export that can be verified.
var ErrExport = errors.New("it is not a whole export")

// ReadExport calls each with the lines of an export between the first and the last. It returns an error that is ErrExport, and says
// more, when it is not an export, or not whole. What an export says it says in one way: a line that Exporter would write in another
// one is refused, so that nobody can read another thing in it than what was verified.
func ReadExport(from io.Reader, each func(Line) error) error {
	lines, ended := bufio.NewReaderSize(from, 1<<20), false
	for number := int64(0); ; number++ {
		text, err := lines.ReadBytes('\n')
		switch {
		case err == io.EOF && ended && len(text) == 0:
			return nil
		case err == io.EOF && !ended:
			return fmt.Errorf("%w: it is cut off after line %d", ErrExport, number)
		case err != nil && err != io.EOF:
			return err
		case ended:
			return fmt.Errorf("%w: it goes on after its last line", ErrExport)
		}
		line, err := readLine(text)
		switch {
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
			ended = true
			continue
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// readLine reads a line that has one thing to say, and says it as Exporter does.
func readLine(text []byte) (Line, error) {
	var line Line
	if err := json.Unmarshal(text, &line); err != nil {
		return line, err
	}
	things := 0
	for _, there := range []bool{line.Export != nil, line.Entry != nil, line.Checkpoint != "", line.Claim != nil, line.Delivery != nil, line.End != nil} {
		if there {
			things++
		}
	}
	var written bytes.Buffer
	err := NewExporter(&written).Write(line)
	if err != nil || things != 1 || (line.Leaf != nil || line.Hash != nil) && line.Entry == nil || !bytes.Equal(written.Bytes(), text) {
		return line, errors.Join(ErrExport, err)
	}
	if line.Entry != nil {
		var form []byte
		if form, err = Canonical(line.Entry); err == nil && !bytes.Equal(form, line.Entry) {
			err = ErrExport
		}
	}
	return line, err
}

// Canonical writes an entry, which is a flat JSON object, as RFC 8785 does.
func Canonical(entry []byte) ([]byte, error) {
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(entry))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil || len(members) == 0 || !json.Valid(entry) {
		return nil, errors.Join(errNotFlat, err)
	}
	var o object
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch value := members[name].(type) {
		case string:
			o.string(name, value)
		case nil:
			o.raw(name, "null")
		case bool:
			o.raw(name, strconv.FormatBool(value))
		case json.Number:
			o.raw(name, value.String())
		default:
			return nil, errNotFlat
		}
	}
	return append(o.text, '}'), nil
}

var errNotFlat = errors.New("it is not a flat JSON object")
