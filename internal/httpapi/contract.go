package httpapi

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"github.com/numora/delivery/internal/apikey"
)

// operation is what the server needs of one operation of the contract, prepared once.
type operation struct {
	id         string
	route      string       // its path in the contract
	scope      apikey.Scope // empty when no key is needed
	parameters []*openapi3.Parameter
	query      []string         // names of the query parameters
	body       *openapi3.Schema // nil when the operation takes none
	members    map[string]bool  // that its body may have
}

// newOperations prepares the contract's operations, by operationId. An operation that demands a key must
// name a scope that keys can have, and the other way round.
func newOperations(contract *openapi3.T) (map[string]*operation, error) {
	operations := make(map[string]*operation)
	for path, item := range contract.Paths.Map() {
		for method, declared := range item.Operations() {
			o := &operation{id: declared.OperationID, route: path}
			name, _ := declared.Extensions["x-required-scope"].(string)
			o.scope = apikey.Scope(name)
			open := declared.Security != nil && len(*declared.Security) == 0
			if open != (name == "") || !open && !slices.Contains(apikey.Scopes(), o.scope) {
				return nil, fmt.Errorf("contract: %s %s: security and x-required-scope %q do not fit", method, path, name)
			}
			for _, parameter := range slices.Concat(item.Parameters, declared.Parameters) {
				o.parameters = append(o.parameters, parameter.Value)
				if parameter.Value.In == openapi3.ParameterInQuery {
					o.query = append(o.query, parameter.Value.Name)
				}
			}
			if declared.RequestBody != nil {
				o.body = declared.RequestBody.Value.Content.Get(echo.MIMEApplicationJSON).Schema.Value
				o.members = membersOf(o.body)
			}
			operations[o.id] = o
		}
	}
	return operations, nil
}

// membersOf names the members that a closed object may have, in whichever of its variants.
func membersOf(schema *openapi3.Schema) map[string]bool {
	members := make(map[string]bool)
	for _, variant := range schema.OneOf {
		maps.Copy(members, membersOf(variant.Value))
	}
	for name := range schema.Properties {
		members[name] = true
	}
	return members
}

// note leaves word of the operation for the stations that a request has behind it.
func (o *operation) note(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		callOf(c.Request().Context()).operation = o.id
		return next(c)
	}
}

// validate holds a request against the contract. Its body, if the operation takes one, is decoded once and
// strictly; the value that was validated is the one that is bound, see validatedBinder.
func (o *operation) validate(bodies bodyReader, tracer trace.Tracer) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			var data []byte
			if o.body == nil && c.Request().ContentLength != 0 {
				// Nobody reads it, and while the connection is to be kept net/http waits for it before it answers.
				c.Response().Header().Set(echo.HeaderConnection, "close")
			}
			if o.body != nil {
				var err error
				if data, err = bodies.read(c); err != nil {
					return err
				}
			}
			_, span := tracer.Start(c.Request().Context(), "validate")
			err := o.validateRequest(c, data)
			span.End()
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}

func (o *operation) validateRequest(c echo.Context, data []byte) error {
	if err := o.validateParameters(c); err != nil || o.body == nil {
		return err
	}
	return o.validateBody(c, data)
}

// validateBody decodes a body, holds it against the contract, and leaves it for validatedBinder.
func (o *operation) validateBody(c echo.Context, data []byte) error {
	body, err := decodeStrict(data)
	if err != nil {
		return err
	}
	details := o.removeUnknown(body.value)
	if err := o.body.VisitJSON(body.value, validationOptions...); err != nil {
		details = append(details, explainBody(err)...)
	}
	if len(details) > 0 {
		return errInvalidPayload(firstOfEachField(details)...)
	}
	callOf(c.Request().Context()).body = body
	return nil
}

// removeUnknown takes the members out of a body that it may not have, and says so of each, sorted by name.
// kin-openapi would find them too, but at a cost that grows with the square of their number.
func (o *operation) removeUnknown(body any) []detail {
	object, _ := body.(map[string]any)
	var unknown []string
	for name := range object {
		if !o.members[name] {
			unknown = append(unknown, name)
			delete(object, name)
		}
	}
	slices.Sort(unknown)
	var details []detail
	for _, name := range unknown[:min(len(unknown), maxDetails)] {
		details = append(details, detail{name, "is not a member of this body; names are case-sensitive"})
	}
	return details
}

// validationOptions make kin-openapi find every problem of a body.
var validationOptions = []openapi3.SchemaValidationOption{
	openapi3.MultiErrors(),
	openapi3.DisableSchemaErrorDetails(), // nobody reads kin-openapi's own words, and they are costly
}

// Instants are checked as instants. As an option this would have kin-openapi make a map for each value.
func init() {
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewCallbackValidator(checkInstant))
}

// checkInstant knows the calendar, which the contract's pattern for instants does not.
func checkInstant(text string) error {
	_, err := time.Parse(time.RFC3339, text)
	return err
}

var parameterOptions = &openapi3filter.Options{SchemaValidationOptions: validationOptions}

// validateParameters holds path, query and header against the contract, and puts its defaults in place.
func (o *operation) validateParameters(c echo.Context) error {
	request := c.Request()
	query, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return errInvalidPayload(detail{"", "the query is not well formed"})
	}
	path, err := pathParameters(c)
	if err != nil {
		return err
	}
	details := o.checkQuery(query)
	input := &openapi3filter.RequestValidationInput{
		Request: request, PathParams: path, QueryParams: query, Options: parameterOptions,
	}
	for _, parameter := range o.parameters {
		if err := openapi3filter.ValidateParameter(context.Background(), input, parameter); err != nil {
			details = append(details, explainParameter(parameter, err)...)
		}
	}
	if len(details) > 0 {
		return errInvalidPayload(firstOfEachField(details)...)
	}
	return nil
}

// checkQuery finds what is misspelt or ambiguous, sorted by name. Probes may carry any query.
func (o *operation) checkQuery(query url.Values) []detail {
	if o.scope == "" {
		return nil
	}
	var details []detail
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(o.query, name) {
			details = append(details, detail{name, "is not a query parameter of this operation"})
		} else if len(query[name]) > 1 {
			details = append(details, detail{name, "is given more than once"})
		} else if !utf8.ValidString(query.Get(name)) { // which no pattern says
			details = append(details, detail{name, "must be UTF-8"})
		}
	}
	return details
}

// pathParameters returns the path's parameters unescaped, as the generated code binds them. echo hands
// them out as they came when the path has escapes that matter.
func pathParameters(c echo.Context) (map[string]string, error) {
	values := make(map[string]string)
	for _, name := range c.ParamNames() {
		value := c.Param(name)
		if c.Request().URL.RawPath != "" {
			unescaped, err := url.PathUnescape(value)
			if err != nil {
				return nil, errInvalidPayload(detail{name, "is not well escaped"})
			}
			value = unescaped
		}
		values[name] = value
	}
	return values, nil
}
