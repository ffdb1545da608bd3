package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// instantLayout has a fixed width, so that SQLite, which compares instants as text, orders them rightly.
// PostgreSQL reads the same text into a timestamptz.
const instantLayout = "2006-01-02T15:04:05.000000Z"

// instant is a moment in a column of either engine; the zero value is NULL.
type instant struct{ time.Time }

// Value writes the instant the same way for both engines.
func (i instant) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.UTC().Format(instantLayout), nil
}

// Scan reads what either engine returns.
func (i *instant) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		i.Time = time.Time{}
	case time.Time:
		i.Time = v.UTC()
	case string:
		t, err := time.Parse(instantLayout, v)
		if err != nil {
			return fmt.Errorf("instant column: %w", err)
		}
		i.Time = t
	default:
		return fmt.Errorf("instant column holds a %T", value)
	}
	return nil
}
