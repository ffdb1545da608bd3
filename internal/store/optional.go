package store

import (
	"database/sql/driver"
	"fmt"
)

// optional is text in a column that is NULL when there is none; the domain knows no empty optional text.
type optional string

// Value writes NULL for the empty text.
func (o optional) Value() (driver.Value, error) {
	if o == "" {
		return nil, nil
	}
	return string(o), nil
}

// Scan reads NULL as the empty text.
func (o *optional) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*o = ""
	case string:
		*o = optional(v)
	case []byte:
		*o = optional(v)
	default:
		return fmt.Errorf("optional text column holds a %T", value)
	}
	return nil
}
