package main

import (
	"os"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const before, after = " S 1 2 3 4 5 6 7 8 9 10 ", " 0 0 20 0 9 0"
	for stat, want := range map[string]time.Duration{
		"42 (bench)" + before + "0 0" + after:       0,
		"42 (bench)" + before + "150 25" + after:    1750 * time.Millisecond,
		"42 (a ) b (c)" + before + "1 2" + after:    30 * time.Millisecond,
		"42 (1 2 3 4 5 6)" + before + "7 0" + after: 70 * time.Millisecond,
		"42 (bench)" + before + "0 360000\n":        time.Hour,
	} {
		if got, err := parseStat(stat); err != nil || got != want {
			t.Errorf("%q: got %v, error %v, want %v", stat, got, err, want)
		}
	}
	for _, stat := range []string{"", "42 (bench) S 1", "42 (bench)" + before + "x 2", "42 (bench)" + before + "1 x"} {
		if got, err := parseStat(stat); err == nil {
			t.Errorf("%q: got %v", stat, got)
		}
	}
}

func TestMeter_CountsWhatWasComputedMeanwhile(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	check(t, err)
	m := newMeter(self)
	compute := func() error {
		start, err := m.read()
		check(t, err)
		for now := start; m.tells() && now[0] < start[0]+50*time.Millisecond; {
			now, err = m.read()
			check(t, err)
		}
		return nil
	}
	check(t, compute()) // this does not count
	for range 2 {
		check(t, m.during(compute))
	}
	if m.tells() && m.computed[0] < 100*time.Millisecond {
		t.Errorf("it computed 100 ms, of which %v were counted", m.computed[0])
	}
	if m.took <= 0 {
		t.Errorf("that took %v", m.took)
	}
	if got := (&meter{took: 4 * time.Second}).share(time.Second); got != 0.25 {
		t.Errorf("a second of four is %v", got)
	}
}
