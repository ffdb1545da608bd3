package httpapi

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// bucketsAt are buckets by a clock that the test moves.
func bucketsAt(perMinute int) (b *buckets, clock *time.Time) {
	now := time.Date(2026, time.March, 24, 3, 0, 0, 0, time.UTC)
	b = newBuckets(perMinute, func() time.Time { return now })
	return b, &now
}

func TestBuckets_ToldAsTheyEmptyAndFill(t *testing.T) {
	b, clock := bucketsAt(3) // one each 20 seconds
	for i, step := range []struct {
		later time.Duration
		want  level
	}{
		{0, level{remaining: 2, reset: 20}},
		{0, level{remaining: 1, reset: 40}},
		{0, level{remaining: 0, reset: 60}},
		{0, level{remaining: 0, reset: 60, retryAfter: 20}},
		{19*time.Second + 999*time.Millisecond, level{remaining: 0, reset: 41, retryAfter: 1}},
		{time.Millisecond, level{remaining: 0, reset: 60}}, // who waits for Retry-After gets through
		{time.Hour, level{remaining: 2, reset: 20}},        // and no more is saved up than the limit
	} {
		*clock = clock.Add(step.later)
		got := b.take("key")
		if got.remaining != step.want.remaining || got.reset != step.want.reset || got.retryAfter != step.want.retryAfter || got.limit[0] != "3" {
			t.Errorf("step %d: got %+v, want %+v", i, got, step.want)
		}
	}
}

func TestBuckets_EachNameHasItsOwn(t *testing.T) {
	b, _ := bucketsAt(1)
	for _, name := range []string{"one", "other"} {
		if got := b.take(name); got.retryAfter != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestBuckets_HighLimit_TellsWholeSeconds(t *testing.T) {
	b, _ := bucketsAt(600_000)
	if got := b.take("key"); got.remaining != 599_999 || got.reset != 1 {
		t.Errorf("got %+v", got)
	}
}

// However many names there are, so many buckets and no more; whoever has none of their own shares one.
func TestBuckets_AreBounded(t *testing.T) {
	b, clock := bucketsAt(2)
	for i := range maxBuckets {
		b.take(strconv.Itoa(i))
	}
	for i, wantRefused := range []bool{false, false, true} {
		if got := b.take(fmt.Sprint("late ", i)); (got.retryAfter > 0) != wantRefused {
			t.Errorf("the %d. without room: got %+v, want refused %t", i+1, got, wantRefused)
		}
	}
	if got := b.take("0"); got.retryAfter != 0 {
		t.Errorf("who has a bucket of their own: got %+v", got)
	}
	if len(b.each) != maxBuckets {
		t.Errorf("%d buckets", len(b.each))
	}
	*clock = clock.Add(time.Minute) // all are full again, but for one
	b.take("1")
	b.take("late 0")
	if len(b.each) > 2 {
		t.Errorf("%d buckets after those that are full were dropped", len(b.each))
	}
}

func TestNeighbourhood(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.7":          "192.0.2.7",
		"::ffff:192.0.2.7":   "::ffff:192.0.2.7",
		"2001:db8:1:2:3::4":  "2001:db8:1:2::/64",
		"2001:db8:1:2::":     "2001:db8:1:2::/64",
		"fe80::1%eth0":       "fe80::/64",
		"":                   "",
		"no address":         "no address",
		"2001:db8:1:2:3:4::": "2001:db8:1:2::/64",
	} {
		if got := neighbourhood(client); got != want {
			t.Errorf("%s: got %s, want %s", client, got, want)
		}
	}
}
