package httpapi

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// Even a sum that is right does not let an instant through that no database keeps.
func TestCursor_OutOfRange_IsRefused(t *testing.T) {
	const id, filters = "019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55", "document x"
	for recordedAt, accepted := range map[time.Time]bool{
		time.UnixMicro(-1 << 62):                     false,
		time.UnixMicro(1 << 62):                      false,
		time.UnixMicro(-1):                           false,
		time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC): true,
	} {
		position := delivery.Position{RecordedAt: recordedAt.UTC(), AttemptID: id}
		decoded, err := decodeCursor(*encodeCursor(position, filters), filters)
		if (err == nil) != accepted || accepted && *decoded != position {
			t.Errorf("%v: decoded %v, accepted should be %v", recordedAt, decoded, accepted)
		}
		where := place{recordedAt.UTC(), []string{id, "sap"}}
		if got, err := decodePlace(*encodePlace(where, filters), filters, 2); (err == nil) != accepted || accepted && !same(got, where) {
			t.Errorf("%v: decoded %v, accepted should be %v", recordedAt, got, accepted)
		}
	}
}

func same(a, b place) bool { return a.at.Equal(b.at) && slices.Equal(a.names, b.names) }

// Nor does it let through what no name has: the databases would not take it, or not in the same way.
func TestCursor_OfOtherNames_IsRefused(t *testing.T) {
	at := time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC)
	for name, names := range map[string][]string{
		"TooFew": {"doc"}, "TooMany": {"doc", "sap", "odoo"}, "Empty": {"doc", ""}, "U+0000": {"doc\x00", "sap"}, "NoUTF8": {"doc\xff", "sap"},
		"Space": {"do c", "sap"}, "None": nil,
	} {
		if got, err := decodePlace(*encodePlace(place{at, names}, "x"), "x", 2); err == nil {
			t.Errorf("%s: decoded %v", name, got)
		}
	}
}

// The longest names there are fit into what the contract lets a cursor be, and each kind of cursor is none of the other.
func TestCursor_OfTheLongestNames_FitsTheContract(t *testing.T) {
	where := place{time.Date(2026, 3, 24, 3, 0, 0, 0, time.UTC), []string{strings.Repeat("d", 128), strings.Repeat("p", 64)}}
	cursor := *encodePlace(where, "x")
	if got, err := decodePlace(cursor, "x", 2); err != nil || !same(got, where) || len(cursor) > 512 {
		t.Errorf("%d characters, decoded %v, %v", len(cursor), got, err)
	}
	if _, err := decodeCursor(*encodePlace(place{where.at, []string{"sixteen-letters."}}, "x"), "x"); err == nil {
		t.Error("a place was taken for an attempt's position")
	}
}
