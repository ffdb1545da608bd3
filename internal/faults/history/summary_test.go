package history

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRun_Valid(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Run)
		want   string
	}{
		"Valid":       {func(*Run) {}, ""},
		"Slow":        {func(r *Run) { r.Lasted = time.Second }, "17 operations a second, of at least 100"},
		"FewClients":  {func(r *Run) { r.Clients = 7 }, "7 clients, of at least 8"},
		"NoReplays":   {func(r *Run) { r.Operations[replay].HTTP = 201 }, "no report was replayed"},
		"NoConflicts": {func(r *Run) { r.Operations[conflict].HTTP = 404 }, "no report was refused as a conflict"},
		"NoLeases":    {func(r *Run) { r.Operations[claimErp].Leases, r.Operations[claimCrm].Leases = nil, nil }, "no lease was handed out"},
		"NoExtends":   {func(r *Run) { r.Operations[extendErp].Outcome = Unknown }, "no extend was answered"},
		"NoReads":     {func(r *Run) { r.Operations[readD].Outcome = NotExecuted }, "no read was answered"},
	} {
		t.Run(name, func(t *testing.T) {
			run := newSmallHistory()
			test.change(run)
			why := run.Valid()
			if test.want == "" && len(why) > 0 || test.want != "" && !slices.Equal(why, []string{test.want}) {
				t.Errorf("got %q, want %q", why, test.want)
			}
		})
	}
}

func TestRun_Summarize(t *testing.T) {
	s := newSmallHistory().Summarize()
	if s.Operations != 20 || s.Acknowledged != 3 || s.Replayed != 1 || s.Conflicts != 1 || s.Leased != 3 || s.PerSecond != 425 {
		t.Errorf("got %+v", s)
	}
	if s.Counts[Record][Done] != 4 || s.Counts[Record][Unknown] != 1 || s.Counts[Read][NotExecuted] != 1 {
		t.Errorf("got %+v", s.Counts)
	}
	for _, part := range []string{"not_executed", "outbox", "3 reports acknowledged, 1 replays, 1 conflicts, 3 leases"} {
		if !strings.Contains(s.String(), part) {
			t.Errorf("%q is not in:\n%s", part, s)
		}
	}
}
