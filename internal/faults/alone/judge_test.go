package alone

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWitness(t *testing.T) {
	const (
		read     = `7  read(16<socket:[1]>, "POST /v1/documents/d/delivery HTTP/1.1\r\n\r\n{\"execution_id\":\"one\"}", 4096) = 90`
		write    = `8  pwrite64(13</data/sync.db-wal>, "\r\0"..., 4096, 32) = 4096`
		sync     = `8  fdatasync(13</data/sync.db-wal>) = 0`
		starts   = `8  fdatasync(13</data/sync.db-wal> <unfinished ...>`
		ends     = `8  <... fdatasync resumed>)          = 0`
		answer   = `7  write(16<socket:[1]>, "HTTP/1.1 201 Created\r\n\r\n{\"execution_id\":\"one\"}", 80) = 80`
		logged   = `7  write(2</data/server.log>, "{\"status\":201,\"execution_id\":\"one\"}", 80) = 80`
		elsewise = `9  fsync(13</data/sync.db>) = 0`
		failed   = `8  fdatasync(13</data/sync.db-wal>) = -1 EIO (Input/output error)`
		replay   = `7  write(16<socket:[1]>, "HTTP/1.1 200 OK\r\n\r\n{\"execution_id\":\"one\"}", 80) = 80`
	)
	for name, test := range map[string]struct {
		trace []string
		kept  bool
	}{
		"in order":                    {[]string{read, write, sync, logged, answer}, true},
		"while others work":           {[]string{read, write, starts, elsewise, ends, answer}, true},
		"not at all":                  {[]string{read, write, logged, answer}, false},
		"too late":                    {[]string{read, write, answer, sync}, false},
		"ends too late":               {[]string{read, write, starts, answer, ends}, false},
		"before the request":          {[]string{write, sync, read, answer}, false},
		"begun before the request":    {[]string{write, starts, read, ends, answer}, false},
		"before it was written":       {[]string{read, sync, write, answer}, false},
		"another file":                {[]string{read, write, elsewise, answer}, false},
		"it failed":                   {[]string{read, write, failed, answer}, false},
		"never answered 201":          {[]string{read, write, sync, replay}, false},
		"answered when it ends":       {[]string{read, write, sync, answer + " <detached ...>"}, true},
		"answering when it ends":      {[]string{read, write, sync, answer[:len(answer)-len(", 80) = 80")] + " <unfinished ...>", elsewise}, true},
		"syncing when it ends":        {[]string{read, write, starts, answer}, false},
		"acknowledged before, and so": {[]string{read, answer, write, sync}, false},
	} {
		w, err := witness(strings.NewReader(strings.Join(test.trace, "\n")), func(text string) bool { return strings.Contains(text, "sync.db-wal>") })
		check(t, err)
		if got := w.isKept("one", true); got != test.kept {
			t.Errorf("%s: kept is %t", name, got)
		}
	}
}

func TestCompare(t *testing.T) {
	var r Result
	compare(&r, []string{"kept", "lost", "twice"}, []string{"twice", "kept", "twice", "unknown"})
	if want := []string{"twice is there twice", "lost was acknowledged and is lost"}; !slices.Equal(r.Findings, want) {
		t.Errorf("found %q", r.Findings)
	}
}

func TestLoad_NotesWhatIsStrange(t *testing.T) {
	for _, test := range []struct {
		got            answer
		err            error
		final, strange bool
	}{
		{got: answer{status: 201}, final: true},
		{got: answer{status: 200}, final: true},
		{got: answer{status: 503, retryAfter: "1"}},
		{got: answer{status: 503}, strange: true},
		{got: answer{status: 500, retryAfter: "1"}, strange: true},
		{got: answer{status: 409}, final: true, strange: true},
		{err: errors.New("no answer")},
	} {
		l := &load{}
		if final := l.note("one", test.got, test.err); final != test.final || (len(l.strange) > 0) != test.strange {
			t.Errorf("%v, %v: final is %t, strange %q", test.got, test.err, final, l.strange)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
