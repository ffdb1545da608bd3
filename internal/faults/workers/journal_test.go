package workers

import (
	"errors"
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

func newJournal() *Journal {
	return NewJournal(time.Now(), func(*history.Operation) error { return nil })
}

func done(server int, call time.Duration) history.Operation {
	return history.Operation{Kind: history.Record, Server: server, Call: call, Outcome: history.Done, HTTP: 201}
}

func TestAwaitWrite_OneThatWasAlready(t *testing.T) {
	j := newJournal()
	want := j.add(done(1, 0)).Return
	if got := <-j.AwaitWrite(1, 0); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAwaitWrite_OnlyOfThatServerAndSentSince(t *testing.T) {
	j := newJournal()
	found := j.AwaitWrite(1, time.Second)
	j.add(done(0, 2*time.Second))
	j.add(done(1, 0))
	read := done(1, 2*time.Second)
	read.Kind = history.Read
	j.add(read)
	replay := done(1, 2*time.Second)
	replay.HTTP = 200
	j.add(replay)
	select {
	case <-found:
		t.Fatal("found one too early")
	default:
	}
	j.add(done(1, 2*time.Second))
	<-found
}

func TestAdd_MarksWhatAHaltedServerWasAt(t *testing.T) {
	j := newJournal()
	before := j.add(done(0, 0))
	j.Halt(0)
	during := j.add(done(0, 0))
	j.Resume(0)
	across, after, other := j.add(done(0, 0)), j.add(done(0, j.Now())), j.add(done(1, 0))
	for _, c := range []struct {
		name string
		o    history.Operation
		want bool
	}{{"before", before, false}, {"during", during, true}, {"across", across, true}, {"after", after, false}, {"of another", other, false}} {
		if c.o.Halted != c.want {
			t.Errorf("one %s it: halted is %t", c.name, c.o.Halted)
		}
	}
}

func TestOperations_TellsWhatCouldNotBeWritten(t *testing.T) {
	full := errors.New("full")
	j := NewJournal(time.Now(), func(*history.Operation) error { return full })
	j.add(done(0, 0))
	if all, err := j.Operations(); len(all) != 1 || !errors.Is(err, full) {
		t.Errorf("got %d and %v", len(all), err)
	}
}
