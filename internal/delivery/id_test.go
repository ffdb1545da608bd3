package delivery

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"
)

// RFC 9562: version 7 in the high half of byte 6, variant 10 in the high bits of byte 8.
var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func madeID(t *testing.T, now time.Time) string {
	t.Helper()
	id, err := NewID(now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestNewAttemptID_IsAUUIDOfVersion7(t *testing.T) {
	for range 1000 { // the bits around version and variant are random
		if id := madeID(t, time.Now()); !uuid7.MatchString(id) {
			t.Fatalf("%s is no UUID of version 7 in lower case", id)
		}
	}
}

func TestNewAttemptID_BeginsWithTheMilliseconds(t *testing.T) {
	now := time.Date(2026, 3, 24, 3, 0, 0, 123999999, time.UTC)
	id := madeID(t, now)
	milliseconds := fmt.Sprintf("%012x", now.UnixMilli())
	if got := id[:8] + id[9:13]; got != milliseconds {
		t.Errorf("%s begins with %s, want %s", id, got, milliseconds)
	}
}

func TestNewAttemptID_SortsByTime(t *testing.T) {
	var ids []string
	// Each step carries into another digit.
	now := time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC)
	for _, step := range []time.Duration{time.Millisecond, 15 * time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour, 40000 * time.Hour} {
		now = now.Add(step)
		ids = append(ids, madeID(t, now))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("not in order of time: %v", ids)
	}
}

func TestNewAttemptID_IsUniqueWithinOneInstant(t *testing.T) {
	const n = 10_000
	now := time.Now()
	ids := map[string]bool{}
	for range n {
		ids[madeID(t, now)] = true
	}
	if len(ids) != n {
		t.Errorf("%d ids were made, %d of them different", n, len(ids))
	}
}

func TestNewAttemptID_HasAllItsOtherBitsRandom(t *testing.T) {
	now := time.Now()
	seen := make([]map[byte]bool, 36)
	for range 1000 {
		for i, digit := range []byte(madeID(t, now)) {
			if seen[i] == nil {
				seen[i] = map[byte]bool{}
			}
			seen[i][digit] = true
		}
	}
	for i, want := range map[int]int{14: 1, 19: 4, 13: 1, 18: 1, 23: 1} { // version, variant, hyphens
		if len(seen[i]) != want {
			t.Errorf("character %d takes %d values, want %d", i, len(seen[i]), want)
		}
	}
	for _, i := range []int{15, 16, 17, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35} {
		if len(seen[i]) != 16 {
			t.Errorf("character %d takes %d values, want 16", i, len(seen[i]))
		}
	}
}
