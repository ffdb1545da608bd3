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
// list: version, microseconds of the instant, the id's 16 bytes, 12 bytes of sum. A cursor that was altered,
// guessed, or taken from another list does not sum up. Whoever computes the sum gets no more than a position
// of their own choice in a list that they may read anyway, so it needs no key.
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
	recordedAt := time.UnixMicro(int64(binary.BigEndian.Uint64(position[1:9]))).UTC()
	if !bytes.Equal(sum, cursorSum(position, filters)) || recordedAt.Before(firstBound) || recordedAt.After(lastBound) {
		return nil
	}
	id := hex.EncodeToString(position[9:])
	return &delivery.Position{
		RecordedAt: recordedAt,
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
