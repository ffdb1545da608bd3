package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// columns are those of a model, for the statements that are shaped by hand.
type columns []*schema.Field

// columnsOf reads a model's declaration. A model that cannot be read is a mistake in this package.
func columnsOf(model any) columns {
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(fmt.Sprintf("model %T: %v", model, err))
	}
	return parsed.Fields
}

// where returns the columns that a condition holds of.
func (c columns) where(condition func(*schema.Field) bool) columns {
	return slices.DeleteFunc(slices.Clone(c), func(field *schema.Field) bool { return !condition(field) })
}

// list writes each column as format says of its name.
func (c columns) list(format string) string {
	parts := make([]string, len(c))
	for i, field := range c {
		parts[i] = strings.ReplaceAll(format, "%", field.DBName)
	}
	return strings.Join(parts, ", ")
}

// unnested writes a table of values, one array for each column, see arrays. What else it is to have comes in pairs: the
// parameter and the column's name.
func (c columns) unnested(alias string, more ...string) string {
	parts, names := make([]string, len(c)), c.list("%")
	for i, field := range c {
		switch field.FieldType {
		case reflect.TypeFor[bool]():
			parts[i] = "?::boolean[]"
		case reflect.TypeFor[int]():
			parts[i] = "?::integer[]"
		case reflect.TypeFor[instant]():
			parts[i] = "?::timestamptz[]"
		default:
			parts[i] = "?::text[]"
			if field.DataType == "uuid" {
				parts[i] += "::uuid[]"
			}
		}
	}
	for i := 0; i < len(more); i += 2 {
		parts, names = append(parts, more[i]), names+", "+more[i+1]
	}
	return "unnest(" + strings.Join(parts, ", ") + ") AS " + alias + " (" + names + ")"
}

// numbered numbers the parameters of a statement as PostgreSQL does.
func numbered(statement string) string {
	var text strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			text.WriteString("$" + strconv.Itoa(i))
		}
		text.WriteString(part)
	}
	return text.String()
}

// rowsOf runs a statement whose parameters are numbered: gorm would look for them, one character after another.
func rowsOf(db *gorm.DB, statement string, arguments ...any) (*sql.Rows, error) {
	db = db.Raw("")
	db.Statement.SQL.WriteString(statement)
	db.Statement.Vars = arguments
	return db.Rows()
}

// array is an argument that is one value to gorm, which would make a list of a slice, and an array to pgx.
type array struct{ elements any }

// Value implements driver.Valuer.
func (a array) Value() (driver.Value, error) { return a.elements, nil }

// arrays returns the values of rows, an array for each column.
func arrays[Row any](c columns, rows []Row) []any {
	values := reflect.ValueOf(rows)
	arrays := make([]any, len(c))
	for i, field := range c {
		switch field.FieldType {
		case reflect.TypeFor[bool]():
			arrays[i] = arrayOf(field, values, func(v bool) bool { return v })
		case reflect.TypeFor[int]():
			arrays[i] = arrayOf(field, values, func(v int) int { return v })
		case reflect.TypeFor[string]():
			arrays[i] = arrayOf(field, values, func(v string) string { return v })
		case reflect.TypeFor[optional]():
			arrays[i] = arrayOf(field, values, optional.pointer)
		case reflect.TypeFor[instant]():
			arrays[i] = arrayOf(field, values, instant.pointer)
		default:
			panic("a column of the type " + field.FieldType.String())
		}
	}
	return arrays
}

func arrayOf[Value, Element any](field *schema.Field, rows reflect.Value, element func(Value) Element) array {
	elements := make([]Element, rows.Len())
	for i := range elements {
		value, _ := field.ValueOf(context.Background(), rows.Index(i))
		elements[i] = element(value.(Value))
	}
	return array{elements}
}

// destinations returns where the columns of a row are to be scanned to, NULL as the zero value.
func destinations[Row any](c columns, row *Row) []any {
	value := reflect.ValueOf(row).Elem()
	destinations := make([]any, len(c))
	for i, field := range c {
		switch destination := field.ReflectValueOf(context.Background(), value).Addr().Interface().(type) {
		case *string:
			destinations[i] = orZero[string]{destination}
		case *bool:
			destinations[i] = orZero[bool]{destination}
		case *int:
			destinations[i] = orZero[int]{destination}
		default:
			destinations[i] = destination // reads NULL by itself
		}
	}
	return destinations
}

// values returns the values of a row by column, NULL as nil.
func values[Row any](c columns, row *Row) map[string]any {
	value := reflect.ValueOf(row).Elem()
	values := make(map[string]any, len(c))
	for _, field := range c {
		v, _ := field.ValueOf(context.Background(), value)
		if valuer, is := v.(driver.Valuer); is {
			v, _ = valuer.Value() // of a column's types none fails
		}
		values[field.DBName] = v
	}
	return values
}

// each calls use for every row of a query, after scan has read it to the destinations. What cannot be read is for use to know.
func each(query *gorm.DB, destinations []any, use func(unreadable error) error) error {
	rows, err := query.Rows()
	if err != nil {
		return err
	}
	defer rows.Close() // its error is that of rows.Err
	for rows.Next() {
		if err := use(rows.Scan(destinations...)); err != nil {
			return err
		}
	}
	return rows.Err()
}

// scanAll reads the rows of a query for all columns of a model, in their order, at a fraction of what it costs gorm.
func scanAll[Row any](c columns, query *gorm.DB) (all []Row, err error) {
	var row Row // each is read over the one before
	err = each(query, destinations(c, &row), func(unreadable error) error {
		all = append(all, row)
		return unreadable
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// orZero reads NULL as the zero value.
type orZero[Value any] struct{ destination *Value }

// Scan implements sql.Scanner.
func (z orZero[Value]) Scan(value any) error {
	if v, is := value.(Value); is {
		*z.destination = v
		return nil
	}
	var read sql.Null[Value]
	err := read.Scan(value)
	*z.destination = read.V
	return err
}

// pointer returns nil for NULL.
func (o optional) pointer() *string {
	if o == "" {
		return nil
	}
	return (*string)(&o)
}

// pointer returns nil for NULL.
func (i instant) pointer() *time.Time {
	if i.IsZero() {
		return nil
	}
	return &i.Time
}
