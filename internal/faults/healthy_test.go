package main

import (
	"testing"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

func TestUnhealthy(t *testing.T) {
	faults := []happened{
		{name: "first", at: 10 * time.Second, cleared: 11 * time.Second},
		{name: "second", at: 20 * time.Second, cleared: 25 * time.Second},
	}
	for name, test := range map[string]struct {
		call, took time.Duration
		kind       history.Kind
		outcome    history.Outcome
		want       int
	}{
		"before all faults":         {9 * time.Second, 0, history.Record, history.Unknown, 0},
		"in a fault":                {10500 * time.Millisecond, 0, history.Record, history.NotExecuted, 0},
		"right after its cause":     {11900 * time.Millisecond, 0, history.Record, history.NotExecuted, 0},
		"long after its cause":      {12100 * time.Millisecond, 0, history.Record, history.NotExecuted, 1},
		"unknown long after":        {12100 * time.Millisecond, 0, history.Record, history.Unknown, 1},
		"taken long after":          {12100 * time.Millisecond, 0, history.Record, history.Done, 0},
		"refused long after":        {12100 * time.Millisecond, 0, history.Record, history.Refused, 0},
		"a read long after":         {12100 * time.Millisecond, 0, history.Read, history.NotExecuted, 0},
		"until the next fault":      {19 * time.Second, time.Second, history.Record, history.Unknown, 0},
		"while its cause is there":  {24 * time.Second, 0, history.Record, history.Unknown, 0},
		"long after the last cause": {30 * time.Second, time.Second, history.Record, history.Unknown, 1},
	} {
		found := unhealthy(faults, []history.Operation{{Kind: test.kind, Outcome: test.outcome, Call: test.call, Return: test.call + test.took}})
		if len(found) != test.want {
			t.Errorf("%s: %d findings, want %d: %v", name, len(found), test.want, found)
		}
	}
}
