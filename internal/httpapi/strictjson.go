package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is how deep a body may be nested.
const maxDepth = 32

// jsonBody is a decoded JSON body.
type jsonBody struct {
	value   any      // nil, bool, float64, string, []any or map[string]any
	members []member // of the outermost object, in order
}

// member is a member of an object, its value as it came.
type member struct {
	name  string
	value json.RawMessage
}

// member returns the value of a member of the outermost object, as it came; nil when there is none.
func (b *jsonBody) member(name string) json.RawMessage {
	for _, m := range b.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// decodeStrict decodes one JSON value. It refuses what lenient decoders disagree about: bytes after the
// value, duplicate members, invalid UTF-8, lone surrogates, a byte order mark, numbers beyond float64; and
// U+0000 and deep nesting, which databases and stacks do not take. The error is the one for the client.
func decodeStrict(data []byte) (*jsonBody, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errInvalidPayload(detail{"", "the body is empty"})
	}
	d := strictDecoder{Decoder: jsontext.NewDecoder(bytes.NewReader(data)), data: data}
	value, err := d.decode()
	if err == nil {
		_, err = d.ReadToken()
		switch err {
		case io.EOF:
			return &jsonBody{value: value, members: d.members}, nil
		case nil:
			err = problemAt("", "the body goes on after its JSON value")
		}
	}
	return nil, explainJSON(err)
}

type strictDecoder struct {
	*jsontext.Decoder
	data    []byte
	members []member
}

// jsonProblem is something in a well-formed body that is refused all the same.
type jsonProblem struct{ detail }

func (p jsonProblem) Error() string { return p.Issue }

func problemAt(field, issue string) error { return jsonProblem{detail{field, issue}} }

// explainJSON says what is wrong with the JSON, for people.
func explainJSON(err error) error {
	var problem jsonProblem
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &problem):
		return errInvalidPayload(problem.detail)
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return errInvalidPayload(detail{fieldName(syntax.JSONPointer), "is given more than once"})
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errInvalidPayload(detail{"", "the body ends in the middle of its JSON value"})
	case errors.As(err, &syntax):
		return errInvalidPayload(detail{"", fmt.Sprintf("the body is not valid JSON in UTF-8 at byte %d", syntax.ByteOffset)})
	default:
		return errInvalidPayload(detail{"", "the body is not valid JSON in UTF-8"})
	}
}

// fieldName writes a JSON pointer as details do: without the leading slash.
func fieldName(pointer jsontext.Pointer) string { return strings.TrimPrefix(string(pointer), "/") }

func (d *strictDecoder) decode() (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if d.StackDepth() > maxDepth {
		return nil, problemAt("", fmt.Sprintf("the body is nested more than %d deep", maxDepth))
	}
	switch token.Kind() {
	case '{':
		return d.decodeObject()
	case '[':
		return d.decodeArray()
	case '"':
		text := token.String()
		if strings.ContainsRune(text, 0) {
			return nil, problemAt(fieldName(d.StackPointer()), holdsNUL)
		}
		return text, nil
	case '0':
		number, err := strconv.ParseFloat(token.String(), 64)
		if err != nil {
			return nil, problemAt(fieldName(d.StackPointer()), "is a number out of range")
		}
		return number, nil
	case 't', 'f':
		return token.Bool(), nil
	default:
		return nil, nil
	}
}

const holdsNUL = "must not contain U+0000, nor may a name in it"

func (d *strictDecoder) decodeObject() (map[string]any, error) {
	object := make(map[string]any)
	outermost := d.StackDepth() == 1
	if outermost {
		d.members = make([]member, 0, 10) // as many as a report has, and two
	}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if strings.ContainsRune(name, 0) {
			return nil, problemAt(fieldName(d.StackPointer().Parent()), holdsNUL)
		}
		begin := d.InputOffset()
		value, err := d.decode()
		if err != nil {
			return nil, err
		}
		object[name] = value
		if outermost {
			d.members = append(d.members, member{name, bytes.TrimLeft(d.data[begin:d.InputOffset()], ": \t\r\n")})
		}
	}
	_, err := d.ReadToken()
	return object, err
}

func (d *strictDecoder) decodeArray() ([]any, error) {
	array := []any{}
	for d.PeekKind() != ']' {
		value, err := d.decode()
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.ReadToken()
	return array, err
}
