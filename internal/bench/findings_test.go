package main

import (
	"strings"
	"testing"
	"time"
)

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}

// hundred are times of which the 99th percentile is the given one.
func hundred(slowest time.Duration) times {
	t := times{time.Minute, slowest}
	for range 98 {
		t = append(t, slowest/2)
	}
	return t
}

func TestLorisFindings_Rows(t *testing.T) {
	for name, test := range map[string]struct {
		attacked  time.Duration
		open      int64
		wantRatio string
		wantHolds [2]string // the ratio, the connections
	}{
		"AsFast":               {20 * time.Millisecond, 1000, "1.00 (20.00 ms / 20.00 ms)", [2]string{"yes", "yes"}},
		"AsSlowAsItMay":        {22 * time.Millisecond, 950, "1.10 (22.00 ms / 20.00 ms)", [2]string{"yes", "yes"}},
		"TooSlow":              {23 * time.Millisecond, 1000, "1.15 (23.00 ms / 20.00 ms)", [2]string{"NO", "yes"}},
		"NotSoManyConnections": {20 * time.Millisecond, 949, "1.00 (20.00 ms / 20.00 ms)", [2]string{"yes", "NO"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLorisFindings(
				&meter{computed: []time.Duration{900 * time.Millisecond, 800 * time.Millisecond, 200 * time.Millisecond}, took: time.Second},
				&meter{computed: []time.Duration{900 * time.Millisecond, 600 * time.Millisecond, 100 * time.Millisecond}, took: time.Second})
			f.attacked, f.elsewhere, f.calm = hundred(test.attacked), hundred(20*time.Millisecond), hundred(10*time.Millisecond)
			f.newcomers, f.open = times{1 * time.Millisecond, 5 * time.Millisecond, 2 * time.Millisecond}, test.open
			rows := f.rows()
			if rows[0].figure != test.wantRatio || rows[0].holds != test.wantHolds[0] {
				t.Errorf("got %+v, want %s, %s", rows[0], test.wantRatio, test.wantHolds[0])
			}
			if rows[1].bound != "-" || !strings.HasSuffix(rows[1].figure, "/ 10.00 ms)") {
				t.Errorf("got %+v, want a comparison with 10 ms", rows[1])
			}
			if rows[2].figure != "5.00 ms" || rows[2].holds != "yes" {
				t.Errorf("the slowest newcomer is %+v", rows[2])
			}
			if rows[3].holds != test.wantHolds[1] {
				t.Errorf("got %+v, want %s", rows[3], test.wantHolds[1])
			}
			if f.meters[0].tells() && rows[4].figure != "20.0 % server, 15.0 % attacker" {
				t.Errorf("got %+v", rows[4])
			}
		})
	}
}

func TestLorisFindings_NewcomersKeptOut(t *testing.T) {
	f := newLorisFindings(&meter{computed: make([]time.Duration, 3), took: 1}, &meter{computed: make([]time.Duration, 3), took: 1})
	f.attacked, f.elsewhere, f.calm = times{1}, times{1}, times{1}
	f.newcomers = times{time.Millisecond, 2 * time.Second, time.Millisecond}
	if rows := f.rows(); rows[2].holds != "NO" {
		t.Errorf("got %+v", rows[2])
	}
}

func TestObservation_Rows(t *testing.T) {
	observed := func(rates ...float64) *observation {
		// A disturbed pair, another one the other way round, and one bad round of each: none of them decides.
		return &observation{
			{meter: &meter{computed: []time.Duration{700 * time.Millisecond}}, reports: 1000, rates: []float64{1000, 1000, 500, 1000, 100}},
			{meter: &meter{computed: []time.Duration{615 * time.Millisecond}}, reports: 750, rates: rates},
		}
	}
	for name, test := range map[string]struct {
		found     *observation
		held      bool
		wantCost  string
		wantHolds string
	}{
		"Nothing":      {observed(1000, 1000, 500, 100, 1000), true, "0.0 % (1000/s / 1000/s)", "yes"},
		"Little":       {observed(960, 960, 480, 100, 1000), true, "4.0 % (960/s / 1000/s)", "yes"},
		"TheWholeOfIt": {observed(950, 950, 475, 100, 1000), true, "5.0 % (950/s / 1000/s)", "NO"},
		"TooMuch":      {observed(900, 900, 450, 100, 1000), true, "10.0 % (900/s / 1000/s)", "NO"},
		"NotHeld":      {observed(900, 900, 450, 100, 1000), false, "10.0 % (900/s / 1000/s)", "-"},
		"Less":         {observed(1010, 1010, 505, 100, 1000), true, "-1.0 % (1000/s / 1000/s)", "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := test.found.rows("SQLite", test.held)
			if rows[0].figure != test.wantCost || rows[0].holds != test.wantHolds {
				t.Errorf("got %+v, want %s, %s", rows[0], test.wantCost, test.wantHolds)
			}
			if test.found[0].meter.tells() && rows[1].figure != "+120 µs (820 µs / 700 µs)" {
				t.Errorf("got %+v", rows[1])
			}
		})
	}
}
