package store

import (
	"slices"
	"strings"
)

// selection is a query that is being put together, as text: gorm's own way to do so takes a tenth of what a page costs.
type selection struct {
	head       string // up to WHERE
	conditions []string
	arguments  []any
}

// where narrows a selection down.
func (s selection) where(condition string, arguments ...any) selection {
	s.conditions = append(slices.Clip(s.conditions), condition)
	s.arguments = append(slices.Clip(s.arguments), arguments...)
	return s
}

// text writes the query with what stands behind its conditions.
func (s selection) text(behind string) string {
	text := s.head
	if len(s.conditions) > 0 {
		text += " WHERE " + strings.Join(s.conditions, " AND ")
	}
	return text + " " + behind
}

// filter is a text column that must have a value; an empty value does not filter.
type filter struct{ column, value string }

// list is one page of rows in an order that indexes have behind each of their first columns.
type list struct {
	selection
	filters []filter // the one whose index finds fewest first
	kind    string   // a column with an index of this order, where nothing else is filtered
	kinds   []string // all values that it has; nil where the selection has an index of its own
	order   string
	limit   int
}

// page is the query for the page. An index of all rows in this order does not exist, and not only for what it would
// cost: PostgreSQL would take it for filters too, and read all that was recorded since the last row that fits.
func (s *Store) page(l list) (text string, arguments []any) {
	selected, filtered := l.selection, false
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
		selected = selected.where(condition, f.value)
		filtered = true
	}
	ordered := "ORDER BY " + l.order + " LIMIT ?"
	if filtered || l.kinds == nil {
		return selected.text(ordered), append(selected.arguments, l.limit)
	}
	var parts []string
	for _, kind := range l.kinds {
		part := selected.where(s.engine.equals(l.kind), kind)
		parts, arguments = append(parts, "SELECT * FROM ("+part.text(ordered)+") AS part"), append(append(arguments, part.arguments...), l.limit)
	}
	return strings.Join(parts, " UNION ALL ") + " " + ordered, append(arguments, l.limit)
}
