package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/numora/delivery/internal/audit"
)

// exportLines are what a whole export may have between its first line and its last.
func exportLines(t *testing.T) []audit.Line {
	t.Helper()
	number := int64(0) // which must not be taken for none
	var lines []audit.Line
	for _, text := range hostile() {
		a, e := fullAttempt(), fullEntry()
		a.ErrorMessage, e.Reason = text, text
		entry := audit.AppendEntry(nil, e)
		lines = append(lines, audit.Line{Leaf: &number, Hash: []byte{0, 1, 0xff}, Entry: audit.AppendAttempt(nil, a)}, audit.Line{Entry: entry})
	}
	return append(lines,
		audit.Line{Checkpoint: newKey(t, origin).checkpoint(t, treeOf(3), minute(1)).Note},
		audit.Line{Claim: map[string]any{"execution_id": "clm_1", "worker": nil, "<&>": "\u2028"}},
		audit.Line{Delivery: map[string]any{"document_id": "invoice-1", "tries": 3.0, "settled": false}},
	)
}

func export(t *testing.T, header audit.Header, lines []audit.Line) string {
	t.Helper()
	var out bytes.Buffer
	exporter := audit.NewExporter(&out)
	for _, line := range append([]audit.Line{{Export: &header}}, lines...) {
		if err := exporter.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := exporter.End(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func readExport(text string) (lines []audit.Line, err error) {
	err = audit.ReadExport(strings.NewReader(text), func(line audit.Line) error {
		lines = append(lines, line)
		return nil
	})
	return lines, err
}

var whole = audit.Header{Version: 1, Whole: true}

func TestReadExport_ReadsWhatAnExporterWrites(t *testing.T) {
	lines := exportLines(t)
	text := export(t, whole, lines)
	read, err := readExport(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, lines) {
		t.Errorf("read %+v\nwant %+v", read, lines)
	}
	for _, line := range lines { // so that a third party hashes what is there, and needs no JSON for that
		if line.Entry != nil && !strings.Contains(text, `"entry":`+string(line.Entry)+"}\n") {
			t.Errorf("the export does not have %s as it is", line.Entry)
		}
	}
	if count := strings.Count(text, "\n"); count != len(lines)+2 {
		t.Errorf("it has %d lines, want %d", count, len(lines)+2)
	}
	if want := fmt.Sprintf("{\"end\":%d}\n", len(lines)+1); !strings.HasSuffix(text, "\n"+want) {
		t.Errorf("it does not end with %s", want)
	}
	if want := `{"export":{"version":1,"whole":true,"since":null,"until":null}}` + "\n"; !strings.HasPrefix(text, want) {
		t.Errorf("it does not begin with %s", want)
	}
	if read, err := readExport(export(t, whole, nil)); err != nil || read != nil {
		t.Errorf("an empty one is read as %+v (%v)", read, err)
	}
}

func TestReadExport_CutOffAnywhere_IsRefused(t *testing.T) {
	lines := exportLines(t)
	lines = append(lines[:2:2], lines[len(lines)-3:]...)
	text := export(t, whole, lines)
	for end := range len(text) - 1 { // all but the last line end, without which nothing is missing
		read, err := readExport(text[:end])
		if !errors.Is(err, audit.ErrExport) {
			t.Errorf("cut after %q: error %v", text[:end], err)
		}
		if complete := max(0, strings.Count(text[:end], "\n")-1); len(read) != complete && len(read) != complete+1 {
			t.Errorf("cut after %q: %d lines, want %d", text[:end], len(read), complete)
		}
	}
	at := 0
	for number, line := range strings.SplitAfter(text, "\n") {
		if line == "" {
			break
		}
		if _, err := readExport(text[:at]); err == nil || err.Error() != fmt.Sprintf("it is not a whole export: it is cut off after line %d", number) {
			t.Errorf("cut after line %d: %v", number, err)
		}
		if _, err := readExport(text[:at] + text[at+len(line):]); !errors.Is(err, audit.ErrExport) {
			t.Errorf("without line %d: %v", number+1, err)
		}
		at += len(line)
	}
}

func TestReadExport_Refuses(t *testing.T) {
	const header = `{"export":{"version":1,"whole":true,"since":null,"until":null}}` + "\n"
	at := minute(1)
	for name, test := range map[string]struct{ text, want string }{
		"Nothing":         {"", "it is cut off after line 0"},
		"NoHeader":        {`{"entry":{"id":"1"}}` + "\n" + `{"end":1}` + "\n", "it does not begin as one of version 1"},
		"AnotherVersion":  {export(t, audit.Header{Version: 2, Whole: true}, nil), "it does not begin as one of version 1"},
		"NoVersion":       {export(t, audit.Header{Whole: true}, nil), "it does not begin as one of version 1"},
		"OfARange":        {export(t, audit.Header{Version: 1, Since: &at}, nil), "only what was recorded in a part of the time is in it"},
		"EndCountsLess":   {header + `{"entry":{"id":"1"}}` + "\n" + `{"end":1}` + "\n", "its last line counts 1 lines before it, and there are 2"},
		"EndCountsMore":   {header + `{"entry":{"id":"1"}}` + "\n" + `{"end":3}` + "\n", "its last line counts 3 lines before it, and there are 2"},
		"EndCountsNone":   {header + `{"end":0}` + "\n", "its last line counts 0 lines before it, and there are 1"},
		"GarbageLine":     {header + `{"entry":{"id":"1"}}` + "\n" + "garbage\n" + `{"end":3}` + "\n", "line 3 cannot be read"},
		"GarbageInALine":  {header + `{"leaf":"x","entry":{"id":"1"}}` + "\n" + `{"end":2}` + "\n", "line 2 cannot be read"},
		"HashThatIsNone":  {header + `{"leaf":1,"hash":"?","entry":{"id":"1"}}` + "\n" + `{"end":2}` + "\n", "line 2 cannot be read"},
		"SomethingElse":   {"PK\x03\x04\n", "line 1 cannot be read"},
		"AnArray":         {"[" + header + "]", "line 1 cannot be read"},
		"LineCutOff":      {header + `{"entry":{`, "it is cut off after line 1"},
		"EmptyBeforehand": {"{}\n" + header + `{"end":2}` + "\n", "line 1 cannot be read"},
		"GoesOn":          {header + `{"end":1}` + "\n" + `{"entry":{"id":"1"}}` + "\n", "it goes on after its last line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readExport(test.text)
			if !errors.Is(err, audit.ErrExport) || err.Error() != "it is not a whole export: "+test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// Nobody can read another thing in a line than what was verified.
func TestReadExport_WrittenOtherwise_IsRefused(t *testing.T) {
	const header = `{"export":{"version":1,"whole":true,"since":null,"until":null}}` + "\n"
	for _, line := range []string{
		`{"leaf":1,"leaf":2,"hash":"AA==","entry":{"id":"1"}}`, `{"leaf":1,"hash":"AA==","entry":{"id":"2","id":"1"}}`,
		`{"leaf":1,"hash":"AA==","entry":{"id":"1"},"checkpoint":"c"}`, `{"leaf":1,"hash":"AA==","entry":{"id":"1"},"more":1}`,
		`{"leaf":1.0,"hash":"AA==","entry":{"id":"1"}}`, `{"leaf":1,"hash":"AA==","entry":{"id": "1"}}`, `{"leaf":1,"hash":"AA==","entry":{"a":"1","A":"2"}}`,
		`{"leaf":1,"hash":"AA==","entry":{"id":"\ud800"}}`, `{"leaf":1,"hash":"AA==","entry":{"id":"\u0041"}}`, `{"leaf":1,"hash":"AA==","entry":{"id":["1"]}}`,
		`{"leaf":1,"hash":"AA=="}`, `{"checkpoint":"c","claim":{"a":1}}`, `{"Leaf":1,"hash":"AA==","entry":{"id":"1"}}`, `{"leaf":1,"hash":"AB==","entry":{"id":"1"}}`,
		` {"leaf":1,"hash":"AA==","entry":{"id":"1"}}`, `{"leaf":1,"hash":"AA==","entry":null}`, `{"leaf":1,"hash":"AA==","entry":{}}`,
	} {
		if _, err := readExport(header + line + "\n" + `{"end":2}` + "\n"); !errors.Is(err, audit.ErrExport) {
			t.Errorf("%s is read: %v", line, err)
		}
	}
	if _, err := readExport(header + `{"leaf":1,"hash":"AA==","entry":{"id":"1"}}` + "\n" + `{"end":2}` + "\n"); err != nil {
		t.Errorf("as it is written it is refused: %v", err)
	}
}

func TestReadExport_EndsWithTheErrorOfItsReader(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	err := audit.ReadExport(strings.NewReader(export(t, whole, exportLines(t))), func(audit.Line) error { calls++; return broken })
	if err != broken || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
	if err := audit.ReadExport(iotest.ErrReader(broken), func(audit.Line) error { return nil }); err == nil {
		t.Error("an export that cannot be read is right")
	}
}

type failingWriter struct{ error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.error }

func TestExporter_TellsWhatCannotBeWritten(t *testing.T) {
	full := errors.New("the disk is full")
	exporter := audit.NewExporter(failingWriter{full})
	if err := exporter.Write(audit.Line{Export: &whole}); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	if err := exporter.End(); !errors.Is(err, full) {
		t.Errorf("error %v at the end", err)
	}
	if err := audit.NewExporter(&bytes.Buffer{}).Write(audit.Line{Entry: json.RawMessage("garbage")}); err == nil {
		t.Error("an entry that is no JSON is written")
	}
}

func TestExporter_TellsHowItGetsOn(t *testing.T) {
	var told []int64
	exporter := audit.NewExporter(&bytes.Buffer{})
	exporter.Progress = func(lines int64) { told = append(told, lines) }
	for range 200_500 {
		if err := exporter.Write(audit.Line{Checkpoint: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(told, []int64{100_000, 200_000}) {
		t.Errorf("told %v", told)
	}
}
