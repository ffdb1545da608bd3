package workers

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/numora/delivery/internal/faults/history"
)

// report makes a report that nobody has sent yet.
func (c *client) report(document, provider, execution string) history.Report {
	r := history.Report{
		DocumentID: document, Provider: provider, ExecutionID: execution,
		Status: []string{"succeeded", "failed", "skipped"}[c.random.IntN(3)],
	}
	// Some clocks are late, and some ahead: which attempt counts is not which came last.
	at := time.Now().UTC().Add(time.Duration(c.random.Int64N(int64(2*time.Minute))) - 90*time.Second).Truncate(time.Microsecond)
	r.AttemptedAt = c.spell(at)
	switch {
	case r.Status == "succeeded":
		r.ExternalRecordID = "row-" + execution
	case r.Status == "failed":
		r.ErrorCode, r.ErrorMessage = "crm_429", "Too many requests."
	}
	if c.chance(30) {
		r.ExternalURL = "https://crm.example/rows/" + execution
	}
	return r
}

// spell writes an instant in any of the ways that mean the same: in other zones, and with digits below the microsecond.
func (c *client) spell(at time.Time) string {
	zone := []*time.Location{time.UTC, time.FixedZone("", 5*3600+1800), time.FixedZone("", -3*3600)}[c.random.IntN(3)]
	if c.chance(50) {
		at = at.Add(time.Duration(c.random.IntN(1000)))
	}
	return at.In(zone).Format(time.RFC3339Nano)
}

// again is the same report, perhaps in another spelling.
func (c *client) again(r history.Report) history.Report {
	if at, err := time.Parse(time.RFC3339Nano, r.AttemptedAt); err == nil && c.chance(60) {
		r.AttemptedAt = c.spell(at.Truncate(time.Microsecond))
	}
	return r
}

// other is a report under the same id with other data: each field in turn is another one.
func (c *client) other(r history.Report) history.Report {
	r.AttemptedAt = c.again(r).AttemptedAt
	for {
		switch c.random.IntN(8) {
		case 0:
			if id, found := c.load.world.any(c.random); found && id != r.DocumentID {
				r.DocumentID = id
				return r
			}
		case 1:
			r.Provider = otherProvider
			return r
		case 2:
			if r.Status == "failed" {
				r.Status = "skipped"
			} else {
				r.Status = "failed"
			}
			return r
		case 3:
			if at, err := time.Parse(time.RFC3339Nano, r.AttemptedAt); err == nil {
				r.AttemptedAt = at.Add(time.Microsecond).Format(time.RFC3339Nano)
				return r
			}
		case 4:
			r.ExternalRecordID += "x"
			return r
		case 5:
			r.ExternalURL = toggle(r.ExternalURL, "https://crm.example/other")
			return r
		case 6:
			r.ErrorCode = toggle(r.ErrorCode, "crm_500")
			return r
		case 7:
			r.ErrorMessage = strings.TrimPrefix(r.ErrorMessage+" ", " ") + "It was something else."
			return r
		}
	}
}

// toggle empties a text or, where it is empty, is another.
func toggle(text, other string) string {
	if text != "" {
		return ""
	}
	return other
}

// document is where the next report goes: one that others report on too, or a new one.
func (c *client) document(ctx context.Context) (id string, found bool) {
	id, place, found := c.load.world.take(c.random)
	if found {
		return id, true
	}
	id = c.id("doc")
	if !c.register(ctx, id, plainProvider) {
		return "", false
	}
	c.load.world.put(place, id)
	return id, true
}

// reportOne records a report, and often sends it again at once, as a worker does that is not sure, or contradicts it.
func (c *client) reportOne(ctx context.Context) {
	document, found := c.document(ctx)
	if !found {
		return
	}
	r := c.report(document, plainProvider, c.id("run"))
	if c.record(ctx, r).Outcome != history.Done {
		return
	}
	if c.chance(8) {
		c.insist(ctx, recording(c.again(r)))
	}
	if c.chance(3) {
		c.insist(ctx, recording(c.other(r)))
	}
}

// replayOld sends again what was acknowledged some time ago, most often to another client.
func (c *client) replayOld(ctx context.Context) {
	if r, found := c.load.world.recall(c.random); found {
		c.insist(ctx, recording(c.again(r)))
	}
}

// contradictOld sends other data under an id that was acknowledged some time ago.
func (c *client) contradictOld(ctx context.Context) {
	if r, found := c.load.world.recall(c.random); found {
		c.insist(ctx, recording(c.other(r)))
	}
}

// twins has two clients send at once under the same new id: the same report or, where they are not alike, two that differ.
func (c *client) twins(ctx context.Context, alike bool) {
	document, found := c.document(ctx)
	if !found {
		return
	}
	first := c.report(document, plainProvider, c.id("twin"))
	second := c.again(first)
	if !alike {
		second = c.other(first)
	}
	helper := c.load.helper(c.number)
	var both sync.WaitGroup
	both.Go(func() { insist(ctx, c.load.caller, helper.random, helper.number, recording(second)) })
	answer := c.insist(ctx, recording(first))
	both.Wait()
	if answer.Outcome == history.Done {
		c.load.world.remember(first)
	}
}
