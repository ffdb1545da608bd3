package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func rates(perSecond ...float64) (f figures) {
	for _, rate := range perSecond {
		f = append(f, figure{rate: rate, took: newHistogram()})
	}
	return f
}

func TestFigures_Medians(t *testing.T) {
	f := rates(3, 1, 2)
	if got := f.rate(); got != 2 {
		t.Errorf("the median is %v", got)
	}
	if got := rates(4, 1, 2, 3).rate(); got != 2.5 {
		t.Errorf("the median of an even number is %v", got)
	}
	// Round by round: 3/1, 1/4, 2/1.
	if got := f.ratioTo(rates(1, 4, 1)); got != 2 {
		t.Errorf("the ratio is %v", got)
	}
	f[0].done, f[0].serverCPU = 500, time.Second
	if got := f[:1].perThousand(func(one figure) time.Duration { return one.serverCPU }); got != 2 {
		t.Errorf("%v s for a thousand", got)
	}
}

func TestTable_SaysWhatDoesNotHold(t *testing.T) {
	var printed strings.Builder
	r := newRow("new reports", 64, rates(100)).beside(rates(100), rates(200), 64).atLeast(0.5, "the yardstick", 1.4).held(true, "9.00 ms p99", "<= 10 ms").noted("a note")
	if err := printTable(&printed, []row{r, newRow("other", 1, rates(1))}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(printed.String(), "\n")
	for line, parts := range [][]string{{"WHAT", "HOLDS"}, {"new reports", "0.50 (of 64)", "0.50x the yardstick", ">= 1.40x", "NO"}, {"9.00 ms p99", "<= 10 ms", "yes"}, {"other"}, {"new reports: a note"}} {
		for _, part := range parts {
			if !strings.Contains(lines[line], part) {
				t.Errorf("line %d is %q, without %q", line, lines[line], part)
			}
		}
	}
}

func TestParseStat(t *testing.T) {
	got, err := parseStat("42 (a name) S) S 7 42 42 0 -1 4194560 100 200 0 0 150 50 20 5 20 0 1 0 999")
	if want := (processStat{parent: 7, computed: 2 * time.Second, ofEnded: 250 * time.Millisecond}); err != nil || got != want {
		t.Errorf("got %+v, error %v", got, err)
	}
	if _, err := parseStat("42 (short) S 7"); err == nil {
		t.Error("a short one is taken")
	}
}

func TestComputedBy_CountsChildren(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here")
	}
	ofChildren := func() time.Duration {
		alone, err := computedBy(false, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		family, err := computedBy(true, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		return family - alone
	}
	before := ofChildren()
	child := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ofChildren() < before+200*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a child's time is not counted")
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	// What this process itself computes between two readings may be in the difference, and the time of who has ended is
	// rounded otherwise, but not by so much.
	if after := ofChildren(); after < before+100*time.Millisecond {
		t.Errorf("children computed %v before, and %v after one of them has ended", before, after)
	}
}

func TestYardstick_LeavesOutWarmUpAndEnd(t *testing.T) {
	y := &yardstick{cluster: &cluster{postmaster: os.Getpid()}}
	told := `pgbench (15.18)
progress: 1.0 s, 50.0 tps, lat 10.0 ms stddev 1.0, 0 failed
progress: 2.0 s, 100.0 tps, lat 10.0 ms stddev 1.0, 0 failed
progress: 3.0 s, 300.0 tps, lat 10.0 ms stddev 1.0, 0 failed
progress: 4.0 s, 7.0 tps, lat 10.0 ms stddev 1.0, 0 failed
`
	got, err := y.follow(strings.NewReader(told), 1, 2)
	if err != nil || got.rate != 200 || got.done != 400 {
		t.Errorf("%v/s, %d, error %v", got.rate, got.done, err)
	}
	for name, told := range map[string]string{"Failed": strings.Replace(told, "0 failed", "1 failed", 1), "Silent": ""} {
		if _, err := y.follow(strings.NewReader(told), 1, 2); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestYardstick_Logs(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{"log.1": "0 1 1000 0 100 1000\n0 2 2000 0 101 500000\n", "log.1.1": "1 1 3000 0 102 0\n"} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readLogs(directory, time.Second)
	if err != nil || got.count() != 2 || got[bucketOf(time.Millisecond)] != 0 {
		t.Errorf("%d logged, error %v", got.count(), err)
	}
}

func TestYardstick_ScriptsAreThere(t *testing.T) {
	for _, name := range []string{"schema.sql", "record.sql", "read.sql"} {
		if text, err := script(name); err != nil || !strings.Contains(text, "yard_attempts") {
			t.Errorf("%s: %q, error %v", name, text, err)
		}
	}
}
