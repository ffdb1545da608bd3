package history

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var smallHeader = Header{Began: simBegan, Deadline: 5 * time.Second, Clients: 8, Seed: 7}

func TestWriter_IsReadAgain(t *testing.T) {
	want := newSmallHistory()
	var file bytes.Buffer
	w, err := NewWriter(&file, smallHeader)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Operations {
		if err := w.Write(&want.Operations[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(want.Lasted, want.Attempts, want.Documents); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	got, header, err := ReadRun(&file)
	if err != nil || header != smallHeader {
		t.Fatalf("got %+v, %v", header, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}

	// Wherever it is cut, that is noticed.
	lines := strings.SplitAfter(text, "\n")
	for _, cut := range []string{strings.Join(lines[:5], ""), strings.Join(lines[:len(lines)-2], ""), text[:len(text)-9]} {
		if _, _, err := ReadRun(strings.NewReader(cut)); !errors.Is(err, ErrCut) {
			t.Errorf("a history that ends in %q: got %v", cut[len(cut)-20:], err)
		}
	}
	for _, broken := range []string{"", "no JSON", lines[0] + "{}\n", lines[0] + "[]\n"} {
		if _, _, err := ReadRun(strings.NewReader(broken)); err == nil || errors.Is(err, ErrCut) {
			t.Errorf("%q: got %v", broken, err)
		}
	}
}

func TestWriter_ManyAtOnce(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, smallHeader)
	if err != nil {
		t.Fatal(err)
	}
	const clients, each = 8, 200
	var working sync.WaitGroup
	for client := range clients {
		working.Go(func() {
			for i := range each {
				if err := w.Write(&Operation{Client: client, Kind: Read, Call: time.Duration(i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	if err := w.End(time.Second, nil, nil); err != nil {
		t.Fatal(err)
	}
	run, _, err := ReadRun(&file)
	if err != nil || len(run.Operations) != clients*each {
		t.Fatalf("got %d operations, %v", len(run.Operations), err)
	}
	next := make(map[int]time.Duration)
	for _, o := range run.Operations {
		if o.Call != next[o.Client] {
			t.Fatalf("client %d: got operation %d, want %d", o.Client, o.Call, next[o.Client])
		}
		next[o.Client]++
	}
}

// full is a disk that is full after so many bytes.
type full int

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestWriter_ErrorStays: an error that hit whoever's operation filled the buffer is told to everybody, and in the end.
func TestWriter_ErrorStays(t *testing.T) {
	disk := full(0)
	w, err := NewWriter(&disk, smallHeader)
	for range 10000 {
		if err != nil {
			break
		}
		err = w.Write(&Operation{Kind: Read, DocumentID: "d"})
	}
	if !errors.Is(err, errFull) {
		t.Fatalf("got %v", err)
	}
	disk = 1 << 30 // that there is space again brings nothing back
	if err := w.Write(&Operation{Kind: Read}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	if err := w.End(time.Second, nil, nil); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
