package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/numora/delivery/internal/store/storetest"
	"github.com/numora/delivery/openapi"
)

// The contract's examples are promises too. Each example of an answer is brought about on a fresh database, by a
// request made of the contract's own examples of parameters and bodies, and the server has to answer just that.
// Names tie the two: a body's example "failed" is what the answer's example "failed" answers.

// example is one example of an answer.
type example struct {
	id, method, path string // of its operation
	operation        *openapi3.Operation
	parameters       openapi3.Parameters
	status           int
	answer           *openapi3.Response
	name             string
	value            any // as decoded from JSON
}

func (e example) key() string { return fmt.Sprintf("%s %d %s", e.id, e.status, e.name) }

func TestContract_EveryExampleIsWhatTheServerAnswers(t *testing.T) {
	contract, err := openapi.Load()
	check(t, err)
	examples, unused := examplesOf(t, contract), maps.Clone(situations)
	maps.Copy(unused, anywhere)
	sent := map[string]bool{}
	application := applicationURL(t)
	for _, e := range examples {
		s, known := situations[e.key()]
		delete(unused, e.key())
		if !known {
			general := fmt.Sprintf("%d %s", e.status, e.name)
			s, known = anywhere[general]
			delete(unused, general)
		}
		if !known {
			t.Errorf("%s: the contract has an example that no situation here brings about", e.key())
			continue
		}
		if e.status < http.StatusBadRequest {
			sent[e.id+" "+e.name] = true
		}
		t.Run(e.key(), func(t *testing.T) {
			t.Parallel() // they mostly wait for a database to be made
			t.Run("sqlite", func(t *testing.T) { bringAbout(t, newAPI(t, storetest.SQLite(t), s.settings), e, s) })
			t.Run(asApplication, func(t *testing.T) { bringAbout(t, newAPI(t, storetest.Copy(t, application), s.settings), e, s) })
		})
	}
	for key := range unused {
		t.Errorf("%s: the contract has no such example", key)
	}
	for _, e := range examples {
		if e.operation.RequestBody == nil {
			continue
		}
		for name := range bodies(e.operation) {
			if !sent[e.id+" "+name] {
				t.Errorf("%s: no answer's example says what the body's example %q is answered with", e.id, name)
			}
		}
	}
}

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func bringAbout(t *testing.T, a *api, e example, s situation) {
	if s.prepare != nil {
		s.prepare(a, e)
	}
	got := a.ask(e, s)
	if got.status != e.status {
		t.Fatalf("got %d, want %d: %s", got.status, e.status, got.body)
	}
	for name, header := range e.answer.Headers {
		value := got.header.Get(name)
		if value == "" {
			t.Errorf("the documented header %s is missing", name)
		}
		if strings.EqualFold(name, "x-request-id") {
			if value != requestIDOf(e) {
				t.Errorf("%s is %q, want %q", name, value, requestIDOf(e))
			}
		} else if shown, _ := header.Value.Example.(string); shown != "" && anyID.ReplaceAllString(value, "ID") != anyID.ReplaceAllString(shown, "ID") {
			t.Errorf("%s is %q, want something like %q", name, value, shown)
		}
	}
	if e.name == wholeFile {
		return
	}
	var body any
	check(t, json.Unmarshal(got.body, &body))
	if got, want := mask(body), mask(e.value); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// files are the operations that answer with a file, which nobody shows in an example.
var files = []string{"getContractYaml", "getContractJson", "getDocs", "getDocsAsset"}

const wholeFile = "file"

// Examples stand where they are executed: at parameters and headers, one each, and at the media of bodies by name.
func TestContract_HasNoExampleThatNobodyExecutes(t *testing.T) {
	contract, err := openapi.Load()
	check(t, err)
	for _, item := range contract.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, parameter := range slices.Concat(item.Parameters, operation.Parameters) {
				if _, text := parameter.Value.Example.(string); !text && parameter.Value.Example != nil || parameter.Value.Examples != nil {
					t.Errorf("%s: parameter %s has another example than one text", operation.OperationID, parameter.Value.Name)
				}
			}
			for status, answer := range operation.Responses.Map() {
				for name, header := range answer.Value.Headers {
					if header.Value.Examples != nil {
						t.Errorf("%s %s: header %s has more than one example", operation.OperationID, status, name)
					}
					if shown := header.Value.Example; shown != nil {
						if err := header.Value.Schema.Value.VisitJSON(shown); err != nil {
							t.Errorf("%s %s: the example of header %s: %v", operation.OperationID, status, name, err)
						}
					}
				}
				for kind, media := range answer.Value.Content {
					if media.Example != nil {
						t.Errorf("%s %s: the example of %s has no name", operation.OperationID, status, kind)
					}
				}
			}
		}
	}
	text, err := contract.MarshalJSON()
	check(t, err)
	var whole struct {
		Components struct{ Schemas any }
	}
	check(t, json.Unmarshal(text, &whole))
	schemas, err := json.Marshal(whole.Components.Schemas)
	check(t, err)
	if strings.Contains(string(schemas), `"example":`) {
		t.Error("a schema has an example")
	}
}

// examplesOf returns the examples of all answers, and one for each file. An answer without any is an error.
func examplesOf(t *testing.T, contract *openapi3.T) []example {
	t.Helper()
	var examples []example
	for path, item := range contract.Paths.Map() {
		for method, operation := range item.Operations() {
			for code, answer := range operation.Responses.Map() {
				status, err := strconv.Atoi(code)
				check(t, err)
				e := example{
					id: operation.OperationID, method: method, path: path, operation: operation,
					parameters: slices.Concat(item.Parameters, operation.Parameters),
					status:     status, answer: answer.Value, name: wholeFile,
				}
				if slices.Contains(files, e.id) && status == http.StatusOK {
					examples = append(examples, e)
					continue
				}
				shown := answer.Value.Content.Get("application/json").Examples
				if len(shown) == 0 {
					t.Errorf("%s %d: the answer has no named example", e.id, status)
				}
				for name, one := range shown {
					e.name, e.value = name, one.Value.Value
					examples = append(examples, e)
				}
			}
		}
	}
	slices.SortFunc(examples, func(a, b example) int { return strings.Compare(a.key(), b.key()) })
	return examples
}

// bodies returns the examples of an operation's body.
func bodies(operation *openapi3.Operation) openapi3.Examples {
	return operation.RequestBody.Value.Content.Get("application/json").Examples
}

// ask sends the request that the contract's examples make, as the situation alters it.
func (a *api) ask(e example, s situation) answer {
	a.t.Helper()
	path, query := e.path, url.Values{}
	changes := []change{with("x-request-id", requestIDOf(e))}
	for _, parameter := range e.parameters {
		value, _ := parameter.Value.Example.(string)
		if instead, given := s.instead[parameter.Value.Name]; given {
			value = instead
		} else if parameter.Value.Name == "execution_id" && a.claimed != "" {
			value = a.claimed
		}
		switch {
		case parameter.Value.In == "path":
			path = strings.ReplaceAll(path, "{"+parameter.Value.Name+"}", value)
		case parameter.Value.In == "query" && value != "":
			query.Set(parameter.Value.Name, value)
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var body []byte
	if e.operation.RequestBody != nil {
		body = bodyLike(a.t, e, s)
	}
	return a.do(e.method, path, body, append(changes, s.changes...)...)
}

func bodyLike(t *testing.T, e example, s situation) []byte {
	t.Helper()
	given := bodies(e.operation)
	name := e.name
	if given[name] == nil {
		name = s.like
	}
	if name == "" { // any will do
		name = slices.Min(slices.Collect(maps.Keys(given)))
	}
	body := maps.Clone(given[name].Value.Value.(map[string]any))
	if s.body != nil {
		s.body(body)
	}
	text, err := json.Marshal(body)
	check(t, err)
	return text
}

// requestIDOf returns the request id that an example tells or, where it tells none, the operation's example of one.
func requestIDOf(e example) string {
	var told struct {
		RequestID string `json:"request_id"`
		Error     struct {
			RequestID string `json:"request_id"`
		}
	}
	if text, err := json.Marshal(e.value); err == nil && json.Unmarshal(text, &told) == nil && told.RequestID+told.Error.RequestID != "" {
		return told.RequestID + told.Error.RequestID
	}
	for _, parameter := range e.parameters {
		if parameter.Value.Name == "x-request-id" {
			return parameter.Value.Example.(string)
		}
	}
	return "any-id"
}

var made = []string{"created_at", "updated_at", "recorded_at", "at", "due_at", "lease_expires_at", "released_at", "key_id", "delivery_key"}

// mask hides what the server makes itself; that it is of the documented form is checked with the whole answer.
func mask(value any) any {
	switch value := value.(type) {
	case map[string]any:
		masked := map[string]any{}
		for name, member := range value {
			_, isAttempt := value["execution_id"]
			_, isClaim := value["delivery_key"]
			if member != nil && slices.Contains(made, name) || name == "id" && isAttempt || name == "execution_id" && isClaim {
				masked[name] = "made by the server"
			} else {
				masked[name] = mask(member)
			}
		}
		return masked
	case []any:
		masked := []any{}
		for _, element := range value {
			masked = append(masked, mask(element))
		}
		return masked
	default:
		return value
	}
}
