package httpapi

import (
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
		decoded := decodeCursor(encodeCursor(position, filters), filters)
		if (decoded != nil) != accepted || accepted && *decoded != position {
			t.Errorf("%v: decoded %v, accepted should be %v", recordedAt, decoded, accepted)
		}
	}
}
