package apikey

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is what a key may be used for; the contract names the scope of each operation.
type Scope string

// All scopes that the contract uses.
const (
	DeliveryWrite   Scope = "delivery:write"
	DeliveryRead    Scope = "delivery:read"
	DeliveryRequeue Scope = "delivery:requeue"
	DocumentsRead   Scope = "documents:read"
	DocumentsWrite  Scope = "documents:write"
)

// Scopes lists every scope.
func Scopes() []Scope {
	return []Scope{DeliveryRead, DeliveryRequeue, DeliveryWrite, DocumentsRead, DocumentsWrite}
}

// ParseScopes turns names into scopes, sorted and without duplicates. An unknown name, or none at all, is
// an error that lists the known ones.
func ParseScopes(names []string) ([]Scope, error) {
	var scopes []Scope
	for _, name := range names {
		if !slices.Contains(Scopes(), Scope(name)) {
			return nil, fmt.Errorf("unknown scope %q; the scopes are %s", name, JoinScopes(Scopes(), ", "))
		}
		scopes = append(scopes, Scope(name))
	}
	if len(scopes) == 0 {
		return nil, fmt.Errorf("a key needs at least one scope of %s", JoinScopes(Scopes(), ", "))
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

// JoinScopes writes scopes with a separator between them.
func JoinScopes(scopes []Scope, separator string) string {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	return strings.Join(names, separator)
}
