package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

// bodied are the operations that take a body. In it a test replaces the value of one member, %s.
var bodied = []struct {
	name, method, path, body, member, value string
	accepted                                int // what the body is answered with when nothing is wrong with it
}{
	{"report", http.MethodPost, reportPath, `{"status":%s,"provider":"dynamics365","execution_id":"one","attempted_at":"2026-03-24T03:00:00Z"}`,
		"status", `"failed"`, http.StatusCreated},
	{"registration", http.MethodPut, "/v1/documents/doc_1", `{"status":%s,"providers":["sap"]}`, "status", `"reviewed"`, http.StatusCreated},
	{"refresh", http.MethodPut, "/v1/documents/" + documentID, `{"schema":%s,"status":"reviewed"}`, "schema", `"invoice"`, http.StatusOK},
	{"requeue", http.MethodPost, "/v1/documents/" + documentID + "/actions/retry-push", `{"reason":%s,"provider":"dynamics365"}`, "reason", `"by hand"`, http.StatusOK},
	{"claim", http.MethodPost, "/v1/delivery/claims", `{"lease_seconds":%s,"provider":"dynamics365"}`, "lease_seconds", "60", http.StatusOK},
	{"extension", http.MethodPost, "/v1/delivery/claims/" + unknownClaim + "/extend", `{"lease_seconds":%s}`, "lease_seconds", "60", http.StatusNotFound},
}

func TestMalformedBody_IsRefusedByEveryOperation(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, operation := range bodied {
			body := fmt.Sprintf(operation.body, operation.value)
			valued := func(value string) string { return fmt.Sprintf(operation.body, value) }
			and := func(member string) string { return "{" + member + "," + body[1:] }
			upper, folded := strings.ToUpper(operation.member), strings.Replace(operation.member, "s", "ſ", 1)
			for claim, c := range map[string]struct{ body, field string }{
				"Empty":                   {"", ""},
				"WhiteSpace":              {"\r\n\t ", ""},
				"Null":                    {"null", ""},
				"Array":                   {"[]", ""},
				"ArrayOfIt":               {"[" + body + "]", ""},
				"Text":                    {`"x"`, ""},
				"Number":                  {"1", ""},
				"True":                    {"true", ""},
				"Truncated":               {body[:len(body)-1], ""},
				"TruncatedInAName":        {body[:5], ""},
				"TruncatedInAnEscape":     {`{"x":"\u00`, ""},
				"BytesAfterIt":            {body + "x", ""},
				"SecondObject":            {body + body, ""},
				"CommaTooMany":            {body[:len(body)-1] + ",}", ""},
				"Comment":                 {body + "// x", ""},
				"ByteOrderMark":           {"\ufeff" + body, ""},
				"UTF16":                   {"\xff\xfe{\x00}\x00", ""},
				"DuplicateMember":         {and(`"` + operation.member + `":` + operation.value), operation.member},
				"DuplicateMember_Escaped": {and(fmt.Sprintf(`"\u%04x%s":%s`, operation.member[0], operation.member[1:], operation.value)), operation.member},
				"DuplicateMember_Null":    {and(`"` + operation.member + `":null`), operation.member},
				"OtherCase":               {and(`"` + upper + `":` + operation.value), upper},
				"FoldsToAnother":          {and(`"` + folded + `":` + operation.value), folded},
				"UnknownMember":           {and(`"retry_at":null`), "retry_at"},
				"EmptyName":               {and(`"":1`), ""},
				"NULInAName":              {and(`"a\u0000":1`), ""},
				"NULInAValue":             {valued(`"a\u0000"`), operation.member},
				"RawNUL":                  {valued("\"a\x00\""), ""},
				"InvalidUTF8InAName":      {and("\"a\xff\":1"), ""},
				"InvalidUTF8InAValue":     {valued("\"a\xff\""), ""},
				"LoneSurrogateInAName":    {and(`"\ud800":1`), ""},
				"LoneSurrogateInAValue":   {valued(`"\udfff"`), ""},
				"BeyondFloat64":           {valued("1e400"), operation.member},
				"BelowFloat64":            {valued("-1e400"), operation.member},
				"NaN":                     {valued("NaN"), ""},
				"Object":                  {valued("{}"), operation.member},
				"ArrayOfTheValue":         {valued("[" + operation.value + "]"), operation.member},
				"Nested100Deep":           {valued(nested("[", "]", 100)), ""},
				"Nested10001Deep":         {valued(nested("[", "]", 10_001)), ""},
			} {
				t.Run(operation.name+"/"+claim, func(t *testing.T) {
					a.do(operation.method, operation.path, []byte(c.body)).wantsError(t, http.StatusBadRequest, "invalid_payload", c.field)
				})
			}
			for claim, change := range map[string]change{
				"NoBody":          func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
				"NoBody, chunked": func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1 },
			} {
				t.Run(operation.name+"/"+claim, func(t *testing.T) {
					a.do(operation.method, operation.path, []byte(body), change).wantsError(t, http.StatusBadRequest, "invalid_payload")
				})
			}
			t.Run(operation.name+"/OtherMediaType", func(t *testing.T) {
				for _, media := range [][]string{nil, {"text/plain"}, {"application/x-www-form-urlencoded"}, {"application/yaml"}, {"application/json; charset=utf-16"}} {
					a.do(operation.method, operation.path, []byte(body), with("Content-Type", media...)).wantsError(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
				}
			})
		}
		for _, operation := range bodied {
			got := a.do(operation.method, operation.path, fmt.Appendf(nil, operation.body, operation.value))
			if got.status != operation.accepted {
				t.Errorf("%s: with nothing wrong it is %d %s", operation.name, got.status, got.body)
			}
		}
	})
}

// A request that has neither a body nor a word of how long one would be.
func TestAbsentBody_Is400(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		a.leavingNothing("no body", func() answer {
			_, from := a.sendHead(reportPath, a.key, "")
			got := readAnswer(t, from)
			got.wantsError(t, http.StatusBadRequest, "invalid_payload")
			return got
		})
	})
}

// nested returns a value within a value, so many times.
func nested(opening, closing string, depth int) string {
	return strings.Repeat(opening, depth) + "1" + strings.Repeat(closing, depth)
}

var reportMembers = []string{"provider", "status", "execution_id", "attempted_at", "external_record_id", "external_url", "error_code", "error_message"}

// reportWith is a report with every member, one of which has this value.
func reportWith(member, value string) string {
	values := map[string]string{
		"provider": `"dynamics365"`, "status": `"succeeded"`, "execution_id": `"one"`, "attempted_at": `"2026-03-24T03:00:00Z"`,
		"external_record_id": `"crm-row-001"`, "external_url": `"https://crm.example/1"`, "error_code": `"none"`, "error_message": `"all well"`,
	}
	values[member] = value
	var members []string
	for _, name := range reportMembers {
		members = append(members, fmt.Sprintf("%q:%s", name, values[name]))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestBadValue_OfAnyMember_Is400(t *testing.T) {
	values := map[string]struct {
		value string
		named bool // the error names the member
	}{
		"NUL": {`"\u0000"`, true}, "NUL_WithinText": {`"2026-03-24T03:00:00Z\u0000"`, true}, "RawNUL": {"\"\x00\"", false},
		"InvalidUTF8": {"\"\xff\"", false}, "OverlongUTF8": {"\"\xc0\x80\"", false}, "RawSurrogate": {"\"\xed\xa0\x80\"", false},
		"LoneSurrogate": {`"\ud800"`, false}, "LoneSurrogate_BeforeText": {`"\udbffx"`, false}, "ReversedSurrogates": {`"\udc00\ud800"`, false},
		"Number": {"1", true}, "BeyondFloat64": {"1e400", true}, "True": {"true", true}, "Object": {"{}", true}, "Array": {`["a"]`, true}, "Empty": {`""`, true},
		"Nested100Deep": {nested(`{"a":`, "}", 100), false}, "Nested10001Deep": {nested("[", "]", 10_001), false},
	}
	eachEngine(t, func(t *testing.T, a *api) {
		for _, member := range reportMembers {
			for claim, c := range values {
				t.Run(member+"/"+claim, func(t *testing.T) {
					got := a.report(reportWith(member, c.value))
					if got.wantsError(t, http.StatusBadRequest, "invalid_payload"); c.named {
						got.wantsError(t, http.StatusBadRequest, "invalid_payload", member)
					}
				})
			}
		}
		a.report(reportWith("error_message", `"all well"`)).wants(t, http.StatusCreated)
	})
}

// What a body could be made to hold costs nothing unless it is accepted: neither its depth nor what it would inflate to.
func TestCostlyBody_IsRefusedForLittle(t *testing.T) {
	var bomb bytes.Buffer
	inflates := gzip.NewWriter(&bomb)
	_, err := io.WriteString(inflates, good("one", `,"error_message":"`+strings.Repeat("x", 32<<20)+`"`))
	check(t, err)
	check(t, inflates.Close())
	const deep = 1_000_000
	gzipped := with("Content-Encoding", "gzip")
	chunked := func(r *http.Request) { r.ContentLength, r.GetBody = -1, nil }
	eachEngine(t, func(t *testing.T, a *api) {
		for claim, c := range map[string]struct {
			body   string
			change change
			status int
			code   string
		}{
			"Objects100Deep":           {nested(`{"a":`, "}", 100), nil, http.StatusBadRequest, "invalid_payload"},
			"Objects10001Deep":         {nested(`{"a":`, "}", 10_001), nil, http.StatusBadRequest, "invalid_payload"},
			"Arrays10001Deep":          {nested("[", "]", 10_001), nil, http.StatusBadRequest, "invalid_payload"},
			"ArraysAsDeepAsABodyHolds": {strings.Repeat("[", 64<<10), nil, http.StatusBadRequest, "invalid_payload"},
			"InAMember10001Deep":       {good("one", `,"error_message":`+nested("[", "]", 10_001)), nil, http.StatusBadRequest, "invalid_payload"},
			"AMillionDeep":             {nested("[", "]", deep), nil, http.StatusRequestEntityTooLarge, "payload_too_large"},
			"AMillionDeep_Chunked":     {nested("[", "]", deep), chunked, http.StatusRequestEntityTooLarge, "payload_too_large"},
			"Gzip":                     {bomb.String(), gzipped, http.StatusUnsupportedMediaType, "unsupported_media_type"},
			"Gzip_Twice":               {bomb.String(), with("Content-Encoding", "gzip", "gzip"), http.StatusUnsupportedMediaType, "unsupported_media_type"},
			"Gzip_InOneWithIdentity":   {bomb.String(), with("Content-Encoding", "gzip, identity"), http.StatusUnsupportedMediaType, "unsupported_media_type"},
			"Gzip_ThatNobodyAnnounced": {bomb.String(), nil, http.StatusBadRequest, "invalid_payload"},
		} {
			if c.change == nil {
				c.change = func(*http.Request) {}
			}
			t.Run(claim, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				got := a.report(c.body, c.change)
				runtime.ReadMemStats(&after)
				got.wantsError(t, c.status, c.code)
				if spent := after.TotalAlloc - before.TotalAlloc; spent > 4<<20 {
					t.Errorf("refusing %d bytes took %d KiB", len(c.body), spent>>10)
				}
				if before.StackSys+1<<20 < after.StackSys {
					t.Errorf("refusing %d bytes took %d KiB of stack", len(c.body), (after.StackSys-before.StackSys)>>10)
				}
			})
		}
	})
}
