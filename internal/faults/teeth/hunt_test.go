package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestListen(t *testing.T) {
	said, saying := io.Pipe()
	began := time.Now()
	var second time.Duration
	go func() {
		_, _ = io.WriteString(saying, "faults:   12 s: server killed: back after 212ms\nfaults:   13 s: FOUND by status, 2s into the run\n")
		second = time.Since(began)
		_, _ = io.WriteString(saying, "faults:   25 s: FOUND by base line: 10s after it server 1 has 7 goroutines\n"+
			"lost: 2, duplicated: 0, false 409: 0\nFOUND by base line: 1\n   10s after it\nFOUND by lost: 2\nRED\n")
		_ = saying.Close()
	}()
	heard := listen(said, began)
	if want := []string{"base line", "lost"}; !slices.Equal(heard.checks, want) || heard.err != nil {
		t.Errorf("heard %q, %v, not %q", heard.checks, heard.err, want)
	}
	if heard.first < second || heard.first > time.Since(began) {
		t.Errorf("it spoke of the first after %s, and not before %s", heard.first, second)
	}
}

// TestLook has programs in the harness's place that end in each way.
func TestLook(t *testing.T) {
	for _, c := range []struct {
		script string
		want   result
	}{
		{"echo 'FOUND by lost: 1'; exit 1", result{found: true, checks: []string{"lost"}}},
		{"echo GREEN", result{why: "everything seemed right"}},
		{"echo 'FOUND by lost: 1'; echo INVALID; exit 3", result{why: "exit status 3 of the harness"}},
		{"exit 1", result{why: "exit status 1 of the harness"}},
	} {
		h := hunt{settings: settings{limit: time.Minute}, module: t.TempDir(), harness: harness(t, c.script)}
		found, err := h.look(t.Context(), "server", t.TempDir())
		check(t, err)
		found.after = 0
		if fmt.Sprint(found) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, not %v", c.script, found, c.want)
		}
	}
}

// TestLookEnds has the time run out, and a ^C come, while a harness goes on that ends in order when it is told to.
func TestLookEnds(t *testing.T) {
	folder := t.TempDir()
	h := hunt{settings: settings{limit: time.Minute}, module: folder, harness: harness(t, "trap 'echo over > over; exit 3' INT; touch begun; while :; do sleep 0.01; done")}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(folder, "begun")); err == nil {
				cancel()
			}
		}
	}()
	if _, err := h.look(ctx, "server", t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("after a ^C: %v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, "over")); err != nil {
		t.Error("the harness was not told to end:", err)
	}
	h.limit = 300 * time.Millisecond
	found, err := h.look(t.Context(), "server", t.TempDir())
	check(t, err)
	if found.found || found.why != "it took too long" {
		t.Errorf("when the time had run out: %v", found)
	}
}

// harness makes a program that is a shell script.
func harness(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "harness")
	check(t, os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	return file
}
