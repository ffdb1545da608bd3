package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/numora/delivery/internal/delivery"
)

// A cursor is the position behind which a page begins, together with a sum over it and the filters of its
// list: version, microseconds of the instant, what orders those of one instant, 12 bytes of sum. A cursor that was
// altered, guessed, or taken from another list does not sum up. Whoever computes the sum gets no more than a position
// of their own choice in a list that they may read anyway, so it needs no key.
const (
	attemptVersion = 1 // the attempt's id, 16 bytes
	placeVersion   = 2 // names, each in a line
	cursorHead     = 1 + 8
	cursorSumBytes = 12
)

var errCursor = errInvalidPayload(detail{"cursor", "is not a next_cursor of this list with these filters"})

func encodeCursor(position delivery.Position, filters string) *string {
	id, err := hex.DecodeString(strings.ReplaceAll(position.AttemptID, "-", ""))
	if err != nil || len(id) != 16 {
		panic(fmt.Sprintf("attempt id %q is no UUID", position.AttemptID)) // ids are made by delivery.Service
	}
	return seal(attemptVersion, position.RecordedAt, id, filters)
}

// decodeCursor refuses a cursor that is not one that encodeCursor made for these filters.
func decodeCursor(text, filters string) (*delivery.Position, error) {
	recordedAt, uuid, err := unseal(attemptVersion, text, filters)
	if err != nil || len(uuid) != 16 {
		return nil, errCursor
	}
	id := hex.EncodeToString(uuid)
	return &delivery.Position{
		RecordedAt: recordedAt,
		AttemptID:  id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:],
	}, nil
}

// place is a position in a list of deliveries: an instant, and the names that order those of one instant.
type place struct {
	at    time.Time
	names []string
}

func encodePlace(p place, filters string) *string {
	return seal(placeVersion, p.at, []byte(strings.Join(p.names, "\n")), filters)
}

// decodePlace refuses a cursor that is not one that encodePlace made for so many names and these filters.
func decodePlace(text, filters string, names int) (place, error) {
	at, joined, err := unseal(placeVersion, text, filters)
	p := place{at, strings.Split(string(joined), "\n")}
	if err != nil || len(p.names) != names {
		return place{}, errCursor
	}
	for _, name := range p.names {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return place{}, errCursor // not even an id; the databases do not agree on where it would be
		}
	}
	return p, nil
}

func seal(version byte, at time.Time, within []byte, filters string) *string {
	cursor := binary.BigEndian.AppendUint64([]byte{version}, uint64(at.UnixMicro()))
	cursor = append(cursor, within...)
	cursor = append(cursor, cursorSum(cursor, filters)...)
	text := base64.RawURLEncoding.EncodeToString(cursor)
	return &text
}

func unseal(version byte, text, filters string) (at time.Time, within []byte, err error) {
	cursor, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") || len(cursor) < cursorHead+cursorSumBytes || cursor[0] != version {
		return time.Time{}, nil, errCursor
	}
	position, sum := cursor[:len(cursor)-cursorSumBytes], cursor[len(cursor)-cursorSumBytes:]
	at = time.UnixMicro(int64(binary.BigEndian.Uint64(position[1:cursorHead]))).UTC() // #nosec G115 -- the bits that seal wrote; times out of bounds are refused below
	if !bytes.Equal(sum, cursorSum(position, filters)) || at.Before(firstBound) || at.After(lastBound) {
		return time.Time{}, nil, errCursor
	}
	return at, position[cursorHead:], nil
}

func cursorSum(position []byte, filters string) []byte {
	sum := sha256.New()
	sum.Write(position)
	sum.Write([]byte(filters))
	return sum.Sum(nil)[:cursorSumBytes]
}

// filtersOf writes what selects a list of attempts, without page size and position. No filter's value has a line end.
func filtersOf(q delivery.AttemptQuery) string {
	filters := fmt.Sprintf("document %s\nprovider %s\nstatus %s\nexecution %s\nsince %d\nuntil %d",
		q.DocumentID, q.Provider, q.Status, q.ExecutionID, microseconds(q.Since), microseconds(q.Until))
	if q.OfDocument {
		return filters
	}
	return filters + fmt.Sprintf("\nrecord %s\nerror %s\nrequest %s", q.ExternalRecordID, q.ErrorCode, q.RequestID)
}

// microseconds writes an absent instant as none could be.
func microseconds(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 63
	}
	return t.UnixMicro()
}
