package store

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// meanwhile has something happen once, between the reading of deliveries and the statement that moves them on.
func meanwhile(t *testing.T, s *Store, happens func()) {
	t.Helper()
	var once sync.Once
	err := s.writer.Callback().Row().Before("gorm:row").Register("test:meanwhile", func(db *gorm.DB) {
		if strings.Contains(db.Statement.SQL.String(), "INSERT INTO delivery_attempts") {
			once.Do(happens)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is recorded without locks must be as if it had been recorded with them, whatever others do at the same time.
func TestRecord_WhoIsOvertaken_RecordsWhatIsSoAfterwards(t *testing.T) {
	const elsewhere = "elsewhere"
	mine := failedAttempt(1, "run-1", documentID, "dynamics365")
	another := failedAttempt(9, "run-9", documentID, "dynamics365")
	twin := failedAttempt(8, "run-1", documentID, "dynamics365")
	stranger := failedAttempt(7, "run-1", elsewhere, "dynamics365")
	for name, test := range map[string]struct {
		overtaking delivery.Attempt
		want       delivery.Result
		tries      int
	}{
		"ByAnotherReport":                     {another, delivery.Created, 2},
		"ByTheSameReport":                     {twin, delivery.Replayed, 1},
		"ByTheSameExecutionOfAnotherDocument": {stranger, delivery.Conflicting, 0},
	} {
		t.Run(name, func(t *testing.T) {
			url := applicationURL(t)
			s := migrated(t, url)
			register(t, s)
			for _, id := range []string{elsewhere, "neighbour"} {
				if _, _, err := s.PutDocument(t.Context(), id, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}, nil); err != nil {
					t.Fatal(err)
				}
			}
			other := opened(t, url, Options{})
			meanwhile(t, s, func() {
				if results, err := other.Record(t.Context(), []delivery.Attempt{test.overtaking}, nil); err != nil || results[0].Result != delivery.Created {
					t.Errorf("who overtakes: %+v, %v", results, err)
				}
			})
			answers := recordHeld(t, s, (*held).release, mine, failedAttempt(2, "run-2", "neighbour", "dynamics365"))
			if a := answers[0]; a.err != nil || a.result.Result != test.want {
				t.Errorf("who is overtaken: %+v, want %s", a, test.want)
			}
			if a := answers[1]; a.err != nil || a.result.Result != delivery.Created {
				t.Errorf("its neighbour: %+v", a)
			}
			for id, tries := range map[string]int{documentID: test.tries, "neighbour": 1} {
				document, err := s.Document(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if got := document.Deliveries[0].Standing.Tries; got != tries {
					t.Errorf("%s: %d tries, want %d", id, got, tries)
				}
				page, err := s.Attempts(t.Context(), delivery.AttemptQuery{DocumentID: id, OfDocument: true, Limit: 20})
				if err != nil || len(page.Attempts) != tries {
					t.Errorf("%s: %d attempts (%v), want %d", id, len(page.Attempts), err, tries)
				}
			}
		})
	}
}

// Where a row was, it may be again, as another one.
func TestRecord_WhoseDeliveryIsBackInItsPlace_SeesThatItWasChanged(t *testing.T) {
	url := applicationURL(t)
	s := migrated(t, url)
	register(t, s)
	other := opened(t, url, Options{})
	place := func() string { return asked(t, other, "SELECT ctid::text FROM deliveries") }
	meanwhile(t, s, func() {
		before := place()
		for i := 8; i <= 9; i++ {
			if _, err := other.Record(t.Context(), []delivery.Attempt{failedAttempt(i, fmt.Sprint("run-", i), documentID, "dynamics365")}, nil); err != nil {
				t.Error(err)
			}
			storetest.AsOwner(t, url, "VACUUM (INDEX_CLEANUP ON) deliveries")
		}
		if after := place(); after != before {
			t.Errorf("it was at %s and is at %s: this test shows nothing", before, after)
		}
	})
	if results, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil); err != nil || results[0].Result != delivery.Created {
		t.Fatalf("%+v, %v", results, err)
	}
	wantTries(t, s, map[string]int{"dynamics365": 3})
}

// A table that is written anew puts rows, which one transaction wrote, where others of it were.
func TestRecord_WhoseDeliveriesHaveMoved_MovesNoOtherOn(t *testing.T) {
	url := applicationURL(t)
	s := migrated(t, url)
	for _, registered := range []struct {
		id        string
		providers []string
	}{{"gone", []string{"p1"}}, {documentID, []string{"p1", "p2", "p3"}}} {
		if _, _, err := s.PutDocument(t.Context(), registered.id, delivery.Registration{Stage: delivery.Reviewed, Providers: registered.providers}, nil); err != nil {
			t.Fatal(err)
		}
	}
	storetest.AsOwner(t, url, "DELETE FROM deliveries WHERE document_id = 'gone'") // it leaves a gap that the others move up into
	other := opened(t, url, Options{})
	places := func() string {
		return asked(t, other, "SELECT string_agg(provider || ctid::text, ' ' ORDER BY provider) FROM deliveries")
	}
	meanwhile(t, s, func() {
		// What was deleted is left out as soon as no other session may see it any more.
		before, limit := places(), time.Now().Add(10*time.Second)
		for storetest.AsOwner(t, url, "VACUUM FULL deliveries"); places() == before; storetest.AsOwner(t, url, "VACUUM FULL deliveries") {
			if time.Now().After(limit) {
				t.Errorf("they still are at %s: this test shows nothing", before)
				return
			}
		}
	})
	if results, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "p2")}, nil); err != nil || results[0].Result != delivery.Created {
		t.Fatalf("%+v, %v", results, err)
	}
	wantTries(t, s, map[string]int{"p1": 0, "p2": 1, "p3": 0})
}

// asked returns the one text that a query finds.
func asked(t *testing.T, s *Store, query string) (text string) {
	t.Helper()
	if err := s.reader.Raw(query).Row().Scan(&text); err != nil {
		t.Error(err)
	}
	return text
}

// wantTries looks at the tries of each delivery of the document.
func wantTries(t *testing.T, s *Store, want map[string]int) {
	t.Helper()
	document, err := s.Document(t.Context(), documentID)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int)
	for _, d := range document.Deliveries {
		got[d.Provider] = d.Standing.Tries
	}
	if !maps.Equal(got, want) {
		t.Errorf("tries are %v, want %v", got, want)
	}
}

// Few in a transaction cost nearly what many do: what is less than what is being written, and not enough by itself, waits
// for more or for that.
func TestGroup_AnotherWriter_BeginsWhenAsMuchWaitsAsIsBeingWritten_OrEnough(t *testing.T) {
	s := migrated(t, applicationURL(t))
	register(t, s)
	most, recorded := s.engine.writers(), 0
	for name, test := range map[string]struct{ writers, writing, wanted int }{
		"AsMuch":     {1, 2, 2},
		"Enough":     {1, 1000, enough},
		"TheLastOne": {most - 1, 1000, enough},
		"NoneIsLeft": {most, 1000, 0},
		"NoneNeeded": {1, 0, 0}, // the one that there is, is about to look
	} {
		t.Run(name, func(t *testing.T) {
			busy := func(writers, writing int) {
				s.group.mu.Lock()
				defer s.group.mu.Unlock()
				s.group.writers, s.group.writing = writers, writing
			}
			busy(test.writers, test.writing)
			var calls sync.WaitGroup
			count := cmp.Or(test.wanted, enough+1)
			for i := range count {
				recorded++
				attempt := failedAttempt(recorded, fmt.Sprint("run-", recorded), documentID, "dynamics365")
				calls.Go(func() {
					if _, err := s.Record(t.Context(), []delivery.Attempt{attempt}, nil); err != nil {
						t.Error(err)
					}
				})
				if i+1 < count || test.wanted == 0 {
					waitUntil(t, fmt.Sprint(i+1, " to wait"), s, func(g *group) bool { return len(g.waiting) == i+1 && g.writers == test.writers })
				}
			}
			if test.wanted == 0 {
				busy(0, 0)
				s.group.write(nil)
			}
			calls.Wait()
			if test.wanted > 0 {
				waitUntil(t, "that writer to end", s, func(g *group) bool { return g.writers == test.writers && g.writing == test.writing })
			}
			busy(0, 0)
		})
	}
}

// Who leads writes its own report, and is not kept by what came meanwhile.
func TestGroup_WhoLeads_DoesNotWriteWhatCameMeanwhile(t *testing.T) {
	s := migrated(t, applicationURL(t))
	register(t, s)
	begun, goOn := make(chan struct{}, 2), make(chan struct{})
	err := s.writer.Callback().Row().Before("gorm:row").Register("test:hold", func(db *gorm.DB) {
		if strings.Contains(db.Statement.SQL.String(), "INSERT INTO delivery_attempts") {
			begun <- struct{}{}
			<-goOn
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]chan error)
	record := func(n int, name string) {
		answers[name] = make(chan error, 1)
		go func() {
			_, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(n, name, documentID, "dynamics365")}, nil)
			answers[name] <- err
		}()
	}
	record(1, "leader")
	<-begun
	s.group.mu.Lock()
	s.group.writers += s.engine.writers() // no other begins
	s.group.mu.Unlock()
	record(2, "follower")
	waitUntil(t, "the follower to wait", s, func(g *group) bool { return len(g.waiting) == 1 })
	goOn <- struct{}{}
	if err := <-answers["leader"]; err != nil {
		t.Error(err)
	}
	<-begun // of the follower, which is not answered yet
	goOn <- struct{}{}
	if err := <-answers["follower"]; err != nil {
		t.Error(err)
	}
	waitUntil(t, "all writers to end", s, func(g *group) bool { return g.writers == s.engine.writers() && g.writing == 0 })
	s.group.mu.Lock()
	s.group.writers = 0
	s.group.mu.Unlock()
}
