package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/openapi"
)

// refusedBodies are some that lenient decoders take.
var refusedBodies = []string{
	`{"a":1,"a":2}`, `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, "\ufeff{}", `{}{}`, `1e400`, `{"a":1,}`, strings.Repeat("[", 40),
}

// isRefusal tells whether an error is one for the client.
func isRefusal(err error) bool {
	var refusal *apiError
	return errors.As(err, &refusal) && refusal.status == http.StatusBadRequest
}

// Whatever the strict decoder takes, a lenient one takes for the same.
func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range append(refusedBodies, benchedReport, `{"a":[1,-0.5e3,true,null,"\u00e9\n",{"b":{}}]}`, ` [ ] `, `"x"`, `12345678901234567891`) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := decodeStrict(data)
		if err != nil {
			if !isRefusal(err) {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		var lenient any
		if err := json.Unmarshal(data, &lenient); err != nil || !reflect.DeepEqual(lenient, body.value) {
			t.Errorf("%q is %#v, and to others %#v, %v", data, body.value, lenient, err)
		}
		for _, m := range body.members {
			var value any
			object, _ := body.value.(map[string]any)
			if err := json.Unmarshal(m.value, &value); err != nil || !reflect.DeepEqual(value, object[m.name]) {
				t.Errorf("%q: the member %q came as %q", data, m.name, m.value)
			}
		}
	})
}

// reader reads reports from bodies as the server does.
type reader struct{ operation *operation }

func (r reader) read(data []byte) (delivery.Report, error) {
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	request = request.WithContext(contextWith(request.Context(), &call{}))
	c := echo.New().NewContext(request, httptest.NewRecorder())
	if err := r.operation.validateBody(c, data); err != nil {
		return delivery.Report{}, err
	}
	var body deliveryapi.RecordDeliveryJSONRequestBody
	if err := (validatedBinder{}).Bind(&body, c); err != nil {
		return delivery.Report{}, err
	}
	return toReport("doc_1", body), nil
}

// A report that is written anew, in another zone, with other escapes and null for what is not there, is the same.
func FuzzNormalise(f *testing.F) {
	for _, seed := range append(refusedBodies, benchedReport,
		`{"status":"failed","provider":"p","execution_id":"e","attempted_at":"2026-03-24T04:00:00.1+01:00","error_code":"M8 082","error_message":"<\u0001>"}`,
		`{"status":"skipped","provider":"p","execution_id":"e","attempted_at":"2026-03-24T03:00:00.123456789Z","external_url":"HTTPS://[::1]:80/?a=b&c","error_code":null}`) {
		f.Add([]byte(seed))
	}
	r := reader{recordOperation(f)}
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := r.read(data)
		if err != nil {
			if !isRefusal(err) {
				t.Errorf("%q: %v", data, err)
			}
			return
		}
		if year := report.AttemptedAt.Year(); year < 1 || year > 9998 {
			return // it has no other zone, and is refused later
		}
		optional := func(text string) any {
			if text == "" {
				return nil
			}
			return text
		}
		again, err := json.Marshal(map[string]any{
			"provider": report.Provider, "status": report.Status, "execution_id": report.ExecutionID,
			"attempted_at":       report.AttemptedAt.In(time.FixedZone("", -(3*60+30)*60)).Format(time.RFC3339Nano),
			"external_record_id": optional(report.ExternalRecordID), "external_url": optional(report.ExternalURL),
			"error_code": optional(report.ErrorCode), "error_message": optional(report.ErrorMessage),
		})
		if err != nil {
			t.Fatal(err)
		}
		same, err := r.read(again)
		if differing := report.Differing(same); err != nil || len(differing) > 0 {
			t.Errorf("%q and %q differ in %v; %v", data, again, differing, err)
		}
	})
}

// What is taken for an external_url leads to a web site, and hides nobody's name or password.
func FuzzExternalURL(f *testing.F) {
	for _, seed := range []string{
		"https://crm.example/rows/1?a=1#x", "HTTP://[::1]:8080", "https://müller.example", "javascript:alert(1)", "https://user:password@crm.example",
		"http:/x", "//x", "https://x\\@y", "https://x/\u202e", "data:text/html,x", "https://:80", "https://x:99999",
	} {
		f.Add(seed)
	}
	contract, err := openapi.Load()
	if err != nil {
		f.Fatal(err)
	}
	schema := contract.Components.Schemas["ExternalUrl"].Value
	f.Fuzz(func(t *testing.T, text string) {
		if schema.VisitJSON(text, validationOptions...) != nil || !utf8.ValidString(text) {
			return
		}
		scheme, rest, found := strings.Cut(text, "://")
		host, _, _ := strings.Cut(strings.NewReplacer("?", "/", "#", "/").Replace(rest), "/")
		switch {
		case !found || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
			t.Errorf("%q is no URL of the web", text)
		case host == "" || strings.ContainsAny(host, `@\% `):
			t.Errorf("%q leads to %q", text, host)
		case utf8.RuneCountInString(text) > 2048:
			t.Errorf("%d characters", utf8.RuneCountInString(text))
		case strings.ContainsFunc(text, unicode.IsControl) || strings.ContainsFunc(text, unicode.IsSpace) && !strings.ContainsAny(text, "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"):
			t.Errorf("%q has control characters or white space", text)
		}
	})
}

// A cursor that is taken is the one that was given out, to the letter.
func FuzzCursor(f *testing.F) {
	filters := filtersOf(delivery.AttemptQuery{Provider: "p"})
	position := delivery.Position{RecordedAt: time.Date(2026, 3, 24, 3, 0, 0, 123456000, time.UTC), AttemptID: "019d1d1a-7f00-7c1b-8a52-0123456789ab"}
	given := *encodeCursor(position, filters)
	for _, seed := range []string{given, given + "=", given[:len(given)-1], "", "AQ", *encodePlace(place{position.RecordedAt, []string{"doc_1", "p"}}, filters)} {
		f.Add(seed, filters)
	}
	f.Fuzz(func(t *testing.T, text, filters string) {
		if decoded, err := decodeCursor(text, filters); err == nil {
			if again := *encodeCursor(*decoded, filters); again != text {
				t.Errorf("%q is taken for %q", text, again)
			}
		} else if !isRefusal(err) {
			t.Errorf("%q: %v", text, err)
		}
		if decoded, err := decodePlace(text, filters, 2); err == nil {
			if again := *encodePlace(decoded, filters); again != text {
				t.Errorf("%q is taken for %q", text, again)
			}
		} else if !isRefusal(err) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
