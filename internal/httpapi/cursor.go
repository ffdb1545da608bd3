package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
)

// A cursor is the position behind which a page begins, together with a sum over it and the filters of its
// list: version, microseconds of the instant, the id's 16 bytes, 12 bytes of sum. A cursor that was made
// up, altered, or taken from another list does not sum up. The sum is no secret: a position tells nothing
// that the list itself does not, and the list's own rules hold behind it.
const (
	cursorVersion  = 1
	cursorSumBytes = 12
	cursorBytes    = 1 + 8 + 16 + cursorSumBytes
)

func encodeCursor(position delivery.Position, filters string) string {
	id, err := hex.DecodeString(strings.ReplaceAll(position.AttemptID, "-", ""))
	if err != nil || len(id) != 16 {
		panic(fmt.Sprintf("attempt id %q is no UUID", position.AttemptID)) // ids are made by delivery.Service
	}
	cursor := []byte{cursorVersion}
	cursor = binary.BigEndian.AppendUint64(cursor, uint64(position.RecordedAt.UnixMicro()))
	cursor = append(cursor, id...)
	cursor = append(cursor, cursorSum(cursor, filters)...)
	return base64.RawURLEncoding.EncodeToString(cursor)
}

// decodeCursor returns nil when the cursor is not one that encodeCursor made for these filters.
func decodeCursor(text, filters string) *delivery.Position {
	cursor, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(cursor) != cursorBytes || cursor[0] != cursorVersion {
		return nil
	}
	position, sum := cursor[:cursorBytes-cursorSumBytes], cursor[cursorBytes-cursorSumBytes:]
	if subtle.ConstantTimeCompare(sum, cursorSum(position, filters)) != 1 {
		return nil
	}
	id := hex.EncodeToString(position[9:])
	return &delivery.Position{
		RecordedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(position[1:9]))).UTC(),
		AttemptID:  id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:],
	}
}

func cursorSum(position []byte, filters string) []byte {
	sum := sha256.New()
	sum.Write(position)
	sum.Write([]byte(filters))
	return sum.Sum(nil)[:cursorSumBytes]
}

// filtersOf writes what selects a list, without page size and position. No filter's value has a line end.
func filtersOf(q delivery.AttemptQuery) string {
	return fmt.Sprintf("document %s\nprovider %s\nstatus %s\nexecution %s\nsince %d\nuntil %d",
		q.DocumentID, q.Provider, q.Status, q.ExecutionID, microseconds(q.Since), microseconds(q.Until))
}

// microseconds writes an absent instant as none could be.
func microseconds(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 63
	}
	return t.UnixMicro()
}

// toAttemptQuery reads a list's parameters; the contract's default for limit is in place by now.
func toAttemptQuery(request deliveryapi.ListDocumentDeliveryRequestObject) (delivery.AttemptQuery, error) {
	p := request.Params
	query := delivery.AttemptQuery{
		DocumentID: request.ID, Provider: value(p.Provider), ExecutionID: value(p.ExecutionID), Limit: int(*p.Limit),
	}
	if p.Status != nil {
		query.Status = delivery.Status(*p.Status)
	}
	if p.Since != nil {
		query.Since = bound(*p.Since)
	}
	if p.Until != nil {
		query.Until = bound(*p.Until)
	}
	if p.Cursor != nil {
		query.After = decodeCursor(*p.Cursor, filtersOf(query))
		if query.After == nil {
			return delivery.AttemptQuery{}, errInvalidPayload(detail{"cursor", "is not a next_cursor of this list with these filters"})
		}
	}
	return query, nil
}

// Nothing was recorded before the first of these or will be after the second; beyond them the databases
// do not agree on what an instant is.
var (
	firstBound = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	lastBound  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// bound brings since or until to the microsecond without letting in what it leaves out: recorded instants
// are whole microseconds, so those at or after t are those at or after the next whole one.
func bound(t time.Time) time.Time {
	switch {
	case t.Before(firstBound):
		return firstBound
	case t.After(lastBound):
		return lastBound
	}
	whole := delivery.NewInstant(t)
	if whole.Before(t) {
		whole = whole.Add(time.Microsecond)
	}
	return whole
}
