package apikey

import (
	"slices"
	"strings"
	"testing"
)

func TestParseScopes(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		want  []Scope
	}{
		"One":        {[]string{"documents:write"}, []Scope{DocumentsWrite}},
		"All":        {[]string{"documents:write", "documents:read", "delivery:write", "delivery:read"}, []Scope{DeliveryRead, DeliveryWrite, DocumentsRead, DocumentsWrite}},
		"Duplicates": {[]string{"delivery:write", "delivery:read", "delivery:write"}, []Scope{DeliveryRead, DeliveryWrite}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseScopes(test.names)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, error %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestParseScopes_RefusalListsTheKnownOnes(t *testing.T) {
	for name, test := range map[string]struct {
		names   []string
		culprit string
	}{
		"None":                 {nil, ""},
		"Unknown":              {[]string{"delivery:requeue-all"}, `"delivery:requeue-all"`},
		"UnknownAmongKnown":    {[]string{"delivery:read", "everything"}, `"everything"`},
		"OtherCase":            {[]string{"Delivery:Read"}, `"Delivery:Read"`},
		"Empty":                {[]string{""}, `""`},
		"SeveralInOneArgument": {[]string{"delivery:read,delivery:write"}, `"delivery:read,delivery:write"`},
	} {
		t.Run(name, func(t *testing.T) {
			scopes, err := ParseScopes(test.names)
			if err == nil {
				t.Fatalf("got %v, want an error", scopes)
			}
			for _, want := range []string{test.culprit, "delivery:read", "delivery:write", "documents:read", "documents:write"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %s", err, want)
				}
			}
		})
	}
}

func TestScopes_CannotBeChangedByACaller(t *testing.T) {
	Scopes()[0] = "everything"
	if slices.Contains(Scopes(), "everything") {
		t.Error("a caller changed the list of scopes")
	}
}
