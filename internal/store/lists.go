package store

import (
	"strings"

	"gorm.io/gorm"
)

// filter is a text column that must have a value; an empty value does not filter.
type filter struct{ column, value string }

// list is one page of rows in an order that indexes have behind each of their first columns.
type list struct {
	selected *gorm.DB
	filters  []filter // the one whose index finds fewest first
	kind     string   // a column with an index of this order, where nothing else is filtered
	kinds    []string // all values that it has; nil where the selection has an index of its own
	order    string
	limit    int
}

// find reads the page into rows.
func (s *Store) find(l list, rows any) error { return s.page(l).Scan(rows).Error }

// page is the query for the page. An index of all rows in this order does not exist, and not only for what it would
// cost: PostgreSQL would take it for filters too, and read all that was recorded since the last row that fits.
func (s *Store) page(l list) *gorm.DB {
	filtered := false
	for _, f := range l.filters {
		if f.value == "" {
			continue
		}
		condition := s.engine.equals(f.column)
		if filtered {
			// Neither engine uses an index for this. Without statistics SQLite would take any for as good as another;
			// and how often a value occurs, which PostgreSQL knows, says nothing of where it does.
			condition = "(" + condition + ") IS TRUE"
		}
		l.selected = l.selected.Where(condition, f.value)
		filtered = true
	}
	if filtered || l.kinds == nil {
		return l.selected.Order(l.order).Limit(l.limit)
	}
	var parts []string
	var arguments []any
	for _, kind := range l.kinds {
		part := l.selected.Session(&gorm.Session{}).Where(s.engine.equals(l.kind), kind)
		parts, arguments = append(parts, "SELECT * FROM (?) AS part"), append(arguments, part.Order(l.order).Limit(l.limit))
	}
	union := strings.Join(parts, " UNION ALL ") + " ORDER BY " + l.order + " LIMIT ?"
	return l.selected.Session(&gorm.Session{NewDB: true}).Raw(union, append(arguments, l.limit)...)
}
