package main

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

func deal(seed uint64, short bool, count int) (names []string) {
	dealer := &rounds{random: rand.New(rand.NewPCG(seed, 0)), short: short}
	for range count {
		f, found := dealer.next()
		if !found {
			return names
		}
		names = append(names, f.name)
	}
	return names
}

func TestRounds_Short_HasEachFaultOnce(t *testing.T) {
	var want []string
	for _, f := range all() {
		if !slices.Contains(longOnly, f.name) {
			want = append(want, f.name)
		}
	}
	got := deal(1, true, 1000)
	if slices.Equal(got, want) {
		t.Error("they are not in an order of the seed's")
	}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got %q", got)
	}
}

func TestRounds_FollowFromTheSeed(t *testing.T) {
	if a, b := deal(1, false, 500), deal(1, false, 500); !slices.Equal(a, b) {
		t.Error("the same seed deals another order")
	}
	if a, b := deal(1, false, 500), deal(2, false, 500); slices.Equal(a, b) {
		t.Error("another seed deals the same order")
	}
}

func TestRounds_Long_HasSlowFaultsSeldom(t *testing.T) {
	count := make(map[string]int)
	for _, name := range deal(1, false, 500) {
		count[name]++
	}
	for _, f := range all() {
		if count[f.name] == 0 {
			t.Errorf("%s is never dealt", f.name)
		}
	}
	if frozen, killed := count["PostgreSQL frozen"], count["server killed"]; frozen*3 > killed {
		t.Errorf("frozen %d times, killed %d times", frozen, killed)
	}
}

func TestRounds_Missed_AreThoseOfTheFirstRound(t *testing.T) {
	dealer := &rounds{random: rand.New(rand.NewPCG(1, 0))}
	for n := range all() {
		if _, found := dealer.next(); !found || len(dealer.missed()) != len(all())-n-1 {
			t.Errorf("after %d of %d faults %d are missed", n+1, len(all()), len(dealer.missed()))
		}
	}
	if dealer.next(); len(dealer.missed()) > 0 {
		t.Errorf("%d are missed in the second round", len(dealer.missed()))
	}
}

func TestLate_FindsSlowAnswersAndNone(t *testing.T) {
	quick := history.Operation{Kind: history.Record, Return: 3400 * time.Millisecond}
	slow := history.Operation{Kind: history.Record, Return: 3600 * time.Millisecond}
	halted := slow
	halted.Halted = true
	if found := late([]history.Operation{quick, halted}); found != nil {
		t.Errorf("found %v", found)
	}
	if found := late([]history.Operation{quick, slow}); len(found) != 1 {
		t.Errorf("found %v", found)
	}
}

func TestReport_CountsWhatIsNotToldOneByOne(t *testing.T) {
	p := report{findings: []history.Finding{{Check: "lost"}, {Check: "lost"}, {Check: "lost", More: 500}, {Check: "duplicated"}}}
	if got := p.foundBy("lost"); got != 502 {
		t.Errorf("got %d", got)
	}
}

func TestReport_Code(t *testing.T) {
	felt, unfelt := happened{evidence: "it was"}, happened{}
	for _, c := range []struct {
		name string
		p    report
		want int
	}{
		{"nothing", report{happened: []happened{felt}}, green},
		{"not felt", report{happened: []happened{felt, unfelt}}, invalid},
		{"too little", report{invalid: []string{"too little"}}, invalid},
		{"found, and not felt", report{happened: []happened{unfelt}, findings: []history.Finding{{}}}, red},
	} {
		if got := c.p.code(); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
