package workers

import (
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/faults/history"
)

// data is what the contract compares of a report.
func data(t *testing.T, r history.Report) delivery.Report {
	t.Helper()
	at, err := time.Parse(time.RFC3339, r.AttemptedAt)
	if err != nil {
		t.Fatal(err)
	}
	return delivery.Report{
		DocumentID: r.DocumentID, Provider: r.Provider, Status: delivery.Status(r.Status), ExecutionID: r.ExecutionID, AttemptedAt: delivery.NewInstant(at),
		ExternalRecordID: r.ExternalRecordID, ExternalURL: r.ExternalURL, ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
	}
}

func TestReports_AgainIsTheSame_OtherIsNot(t *testing.T) {
	l := &Load{caller: &Caller{Origins: []string{""}}, seed: 1, world: &world{leased: []string{"elsewhere"}, open: []openDocument{{id: "here"}}}}
	c := newClient(l, 0)
	spelt, fields := 0, make(map[string]bool)
	for range 2000 {
		r := c.report("here", plainProvider, c.id("run"))
		again := c.again(r)
		if different := data(t, r).Differing(data(t, again)); len(different) > 0 {
			t.Fatalf("%v and %v differ in %s", r, again, different)
		}
		if again.AttemptedAt != r.AttemptedAt {
			spelt++
		}
		different := data(t, r).Differing(data(t, c.other(r)))
		if len(different) == 0 {
			t.Fatalf("nothing else than %v is sent", r)
		}
		for _, field := range different {
			fields[field] = true
		}
	}
	if spelt == 0 {
		t.Error("every instant was written the same again")
	}
	if len(fields) != 8 {
		t.Errorf("only %v are ever different", fields)
	}
}

// The same seed decides the same; another one does not.
func TestReports_FollowFromTheSeed(t *testing.T) {
	decide := func(seed uint64) (decided []string) {
		c := newClient(&Load{caller: &Caller{Origins: []string{""}}, seed: seed, world: new(world)}, 3)
		for range 50 {
			r := c.report("here", plainProvider, c.id("run"))
			decided = append(decided, r.ExecutionID+r.Status+r.ExternalURL)
		}
		return decided
	}
	a, b, other := decide(1), decide(1), decide(2)
	same := 0
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("%s and %s", a[i], b[i])
		}
		if a[i] == other[i] {
			same++
		}
	}
	if same == len(a) {
		t.Error("another seed decides just the same")
	}
}
