package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestTwins_OnlyOneOfThemLogs(t *testing.T) {
	logFile := filepath.Join(t.TempDir(), "twins.log")
	orders, answers, end := play(t, twinsPart)
	check(t, orders.Encode(twinsOrder{LogFile: logFile}))
	var at twinsAnswer
	check(t, answers.Decode(&at))
	for _, twin := range []struct {
		origin string
		lines  int // of both, then
	}{{at.Bare, 0}, {at.Observed, 2}} {
		c := newClient(twin.origin, at.Key)
		check(t, c.registerDocument(t.Context(), "doc-0"))
		check(t, c.report(t.Context(), "doc-0", "run-"+twin.origin))
		c.close()
		log, err := os.ReadFile(logFile)
		check(t, err)
		if got := bytes.Count(log, []byte("\n")); got != twin.lines {
			t.Errorf("the log has %d lines, want %d: %s", got, twin.lines, log)
		}
	}
	end()
	if err := newClient(at.Bare, at.Key).report(t.Context(), "doc-0", "late"); err == nil {
		t.Error("it still serves")
	}
}
