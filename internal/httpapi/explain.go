package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// kin-openapi's own messages hold the schema and the caller's values. What is said here is built from the
// place and the rule alone.

// explainBody turns what kin-openapi found wrong with a body into the error for the client.
func explainBody(err error) []detail {
	var details []detail
	for _, problem := range schemaErrors(err) {
		details = append(details, explainSchema(problem, strings.Join(problem.JSONPointer(), "/")))
	}
	return details
}

// explainParameter does the same for a parameter.
func explainParameter(parameter *openapi3.Parameter, err error) []detail {
	var details []detail
	for _, problem := range schemaErrors(err) {
		details = append(details, explainSchema(problem, parameter.Name))
	}
	var parse *openapi3filter.ParseError
	switch {
	case len(details) > 0:
		return details
	case errors.As(err, &parse):
		return []detail{{parameter.Name, "must be " + withArticle(parameter.Schema.Value.Type.Slice())}}
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		return []detail{{parameter.Name, "must not be empty"}}
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return []detail{{parameter.Name, "is required"}}
	default:
		return []detail{{parameter.Name, "is not valid"}}
	}
}

// schemaErrors finds the innermost schema errors in err. A oneOf wraps those of the variant that its
// discriminator chose.
func schemaErrors(err error) []*openapi3.SchemaError {
	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var found []*openapi3.SchemaError
		for _, inner := range e {
			found = append(found, schemaErrors(inner)...)
		}
		return found
	case *openapi3.SchemaError:
		if found := schemaErrors(e.Origin); len(found) > 0 {
			return found
		}
		return []*openapi3.SchemaError{e}
	default:
		return schemaErrors(errors.Unwrap(err))
	}
}

// explainSchema says how the value of field breaks a schema.
func explainSchema(problem *openapi3.SchemaError, field string) detail {
	if field == "" && problem.SchemaField != "discriminator" {
		return detail{"", "the body must be a JSON object"}
	}
	schema := problem.Schema
	one := func(issue string, args ...any) detail { return detail{field, fmt.Sprintf(issue, args...)} }
	switch problem.SchemaField {
	case "required":
		return one("is required")
	case "type":
		return one("must be %s", withArticle(schema.Type.Slice()))
	case "nullable":
		return one("must not be null")
	case "enum":
		return one("must be %s", oneOf(schema.Enum))
	case "pattern", "format":
		if issue, ok := schema.Extensions["x-issue"].(string); ok {
			return one("%s", issue)
		}
		return one("must match %s", schema.Pattern)
	case "minLength":
		if schema.MinLength == 1 {
			return one("must not be empty")
		}
		return one("must have at least %d characters", schema.MinLength)
	case "maxLength":
		return one("must have at most %d characters", *schema.MaxLength)
	case "minimum":
		return one("must be at least %v", *schema.Min)
	case "maximum":
		return one("must be at most %v", *schema.Max)
	case "maxItems":
		return one("must have at most %d items", *schema.MaxItems)
	case "uniqueItems":
		return one("must not name anything twice")
	case "discriminator":
		return explainDiscriminator(problem)
	default:
		return one("is not valid")
	}
}

// explainDiscriminator says what is wrong with the member that chooses the variant.
func explainDiscriminator(problem *openapi3.SchemaError) detail {
	discriminator := problem.Schema.Discriminator
	if problem.Value == nil {
		return detail{discriminator.PropertyName, "is required"}
	}
	values := make([]any, 0, len(discriminator.Mapping))
	for value := range discriminator.Mapping {
		values = append(values, value)
	}
	slices.SortFunc(values, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	return detail{discriminator.PropertyName, "must be " + oneOf(values)}
}

func oneOf(values []any) string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = fmt.Sprint(value)
	}
	if len(names) == 1 {
		return names[0]
	}
	return "one of " + strings.Join(names, ", ")
}

func withArticle(types []string) string {
	name := strings.Join(types, " or ")
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

// firstOfEachField keeps one issue a field: a value that is too long need not also hear that it breaks the
// pattern.
func firstOfEachField(details []detail) []detail {
	seen := make(map[string]bool)
	return slices.DeleteFunc(details, func(d detail) bool {
		repeated := seen[d.Field]
		seen[d.Field] = true
		return repeated
	})
}
