package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// good is a report whose members a test replaces or adds to, one at a time.
func good(executionID, members string) string {
	return fmt.Sprintf(`{"provider":"dynamics365","status":"failed","execution_id":%q,"attempted_at":"2026-03-24T03:00:00Z"%s}`, executionID, members)
}

// badURLs are as they stand in JSON.
var badURLs = []string{
	"", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "file:///etc/passwd", "ftp://crm.example/", "//crm.example/1",
	"/rows/1", "crm.example", "http:crm.example", "http:///rows", "https://", "https://?x", "https://user@crm.example/", "https://u:p@crm.example/",
	"https://crm.example\\\\@evil.example/", "https://crm.example/a b", "https://crm.example/\\n", "https://:80/", "https://crm.example:port/",
	"\\thttps://crm.example/", "https://crm\u202eelpmaxe/", "https://crm.example/\u2028", "h", "http:/x", "https://crm.example/" + strings.Repeat("x", 3000),
}

func TestBadBody_IsRefusedAndLeavesNothing(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth) }
	cases := []struct {
		name, body string
		fields     []string
	}{
		{"empty", "", nil},
		{"white space", " \n ", nil},
		{"null", "null", []string{""}},
		{"array", "[]", []string{""}},
		{"text", `"x"`, []string{""}},
		{"number", "1", []string{""}},
		{"true", "true", []string{""}},
		{"truncated", `{"provider":"dynamics365"`, nil},
		{"truncated in a string", `{"provider":"dyn`, nil},
		{"no JSON", "provider=dynamics365", nil},
		{"bytes after the object", good("one", "") + "x", nil},
		{"a second object", good("one", "") + "{}", nil},
		{"a comma too many", good("one", ","), nil},
		{"a byte order mark", "\ufeff" + good("one", ""), nil},
		{"UTF-16", "{\x00\"\x00", nil},
		{"duplicate member", good("one", `,"status":"failed"`), []string{"status"}},
		{"duplicate member, escaped", good("one", `,"\u0073tatus":"failed"`), []string{"status"}},
		{"member in other case", strings.Replace(good("one", ""), "execution_id", "Execution_ID", 1), []string{"Execution_ID", "execution_id"}},
		{"member that folds to another", strings.Replace(good("one", ""), `"status"`, `"ſtatus"`, 1), []string{"ſtatus", "status"}},
		{"the same beside the right one", good("one", `,"ſtatus":"succeeded"`), []string{"ſtatus"}},
		{"unknown member", good("one", `,"retry":true`), []string{"retry"}},
		{"empty member name", good("one", `,"":1`), []string{""}},
		{"U+0000 escaped", good("one", `,"error_message":"a\u0000b"`), []string{"error_message"}},
		{"U+0000 in a name", good("one", `,"a\u0000":1`), nil},
		{"raw control character", good("one", ",\"error_message\":\"a\x01b\""), nil},
		{"invalid UTF-8", good("one", ",\"error_message\":\"a\xffb\""), nil},
		{"overlong UTF-8", good("one", ",\"error_message\":\"\xc0\xaf\""), nil},
		{"lone surrogate", good("one", `,"error_message":"\ud800"`), nil},
		{"reversed surrogates", good("one", `,"error_message":"\udc00\ud800"`), nil},
		{"raw surrogate", good("one", ",\"error_message\":\"\xed\xa0\x80\""), nil},
		{"nested 33 deep", nested(33), nil},
		{"nested 100 deep", nested(100), nil},
		{"nested 10,001 deep", strings.Repeat("[", 10001), nil},
		{"number beyond float64", good("one", `,"error_message":1e400`), []string{"error_message"}},
		{"number for a string", strings.Replace(good("one", ""), `"one"`, "1", 1), []string{"execution_id"}},
		{"object for a string", good("one", `,"error_code":{}`), []string{"error_code"}},
		{"array for a string", good("one", `,"error_code":["a"]`), []string{"error_code"}},
		{"NaN", good("one", `,"error_code":NaN`), nil},
		{"an empty object", "{}", []string{"status"}},
		{"status of another case", strings.Replace(good("one", ""), `"failed"`, `"Failed"`, 1), []string{"status"}},
		{"status null", strings.Replace(good("one", ""), `"failed"`, "null", 1), []string{"status"}},
		{"status number", strings.Replace(good("one", ""), `"failed"`, "1", 1), []string{"status"}},
		{"execution_id empty", good("", ""), []string{"execution_id"}},
		{"execution_id 256 long", good(strings.Repeat("x", 256), ""), []string{"execution_id"}},
		{"execution_id with a space", good("a b", ""), []string{"execution_id"}},
		{"execution_id with a line end", strings.Replace(good("one", ""), `"one"`, `"one\n"`, 1), []string{"execution_id"}},
		{"execution_id with a control character", strings.Replace(good("one", ""), `"one"`, `"o\u007fne"`, 1), []string{"execution_id"}},
		{"execution_id beyond ASCII", good("é", ""), []string{"execution_id"}},
		{"provider empty", strings.Replace(good("one", ""), "dynamics365", "", 1), []string{"provider"}},
		{"provider in upper case", strings.Replace(good("one", ""), "dynamics365", "SAP", 1), []string{"provider"}},
		{"provider 65 long", strings.Replace(good("one", ""), "dynamics365", strings.Repeat("x", 65), 1), []string{"provider"}},
		{"provider null", strings.Replace(good("one", ""), `"dynamics365"`, "null", 1), []string{"provider"}},
		{"external_record_id empty", good("one", `,"external_record_id":""`), []string{"external_record_id"}},
		{"external_record_id 256 long", good("one", `,"external_record_id":"`+strings.Repeat("é", 256)+`"`), []string{"external_record_id"}},
		{"external_record_id with a control character", good("one", `,"external_record_id":"a\tb"`), []string{"external_record_id"}},
		{"external_record_id with a C1 control character", good("one", `,"external_record_id":"a\u0085b"`), []string{"external_record_id"}},
		{"error_code empty", good("one", `,"error_code":""`), []string{"error_code"}},
		{"error_code with a line end", good("one", `,"error_code":"a\n"`), []string{"error_code"}},
		{"error_message empty", good("one", `,"error_message":""`), []string{"error_message"}},
		{"error_message too long", good("one", `,"error_message":"`+strings.Repeat("x", 16385)+`"`), []string{"error_message"}},
		{"error_message too long, beyond ASCII", good("one", `,"error_message":"`+strings.Repeat("é", 16385)+`"`), []string{"error_message"}},
		{"succeeded without external_record_id", strings.Replace(good("one", ""), `"failed"`, `"succeeded"`, 1), []string{"external_record_id"}},
		{"succeeded with external_record_id null", strings.Replace(good("one", `,"external_record_id":null`), `"failed"`, `"succeeded"`, 1), []string{"external_record_id"}},
		{"many problems at once", `{"status":"succeeded","provider":"","x":1}`, []string{"provider", "x", "execution_id", "attempted_at", "external_record_id"}},
	}
	for _, member := range []string{"provider", "execution_id", "attempted_at"} {
		for _, status := range []string{"succeeded", "failed", "skipped"} {
			body := fmt.Sprintf(`{"provider":"p","status":%q,"execution_id":"e","attempted_at":"2026-03-24T03:00:00Z","external_record_id":"r"}`, status)
			missing := strings.Replace(body, fmt.Sprintf("%q:", member), `"error_code":"x","error_message":`, 1)
			cases = append(cases, struct {
				name, body string
				fields     []string
			}{status + " without " + member, missing, []string{member}})
		}
	}
	for _, instant := range []string{
		"", "2026-03-24", "2026-02-30T03:00:00Z", "2026-13-01T03:00:00Z", "2026-03-24T24:00:00Z", "2026-03-24T03:60:00Z",
		"2026-03-24T03:00:60Z", "2026-03-24T03:00:00", "2026-03-24T03:00:00+99:99", "2026-03-24T03:00:00+0100",
		"2026-03-24 03:00:00Z", "2026-03-24t03:00:00z", "2026-03-24T3:00:00Z", "2026-03-24T03:00:00,5Z", "2026-03-24T03:00:00.Z",
		"26-03-24T03:00:00Z", "12026-03-24T03:00:00Z", "-2026-03-24T03:00:00Z", " 2026-03-24T03:00:00Z", "1774321200", "now",
		"2026-03-24T03:00:00Z[Europe/Berlin]", "２０２６-03-24T03:00:00Z",
	} {
		cases = append(cases, struct {
			name, body string
			fields     []string
		}{"attempted_at " + instant, strings.Replace(good("one", ""), "2026-03-24T03:00:00Z", instant, 1), []string{"attempted_at"}})
	}
	for _, location := range badURLs {
		cases = append(cases, struct {
			name, body string
			fields     []string
		}{"external_url " + location[:min(len(location), 60)], good("one", `,"external_url":"`+location+`"`), []string{"external_url"}})
	}
	eachEngine(t, func(t *testing.T, a *api) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				a.report(c.body).wantsError(t, http.StatusBadRequest, "invalid_payload", c.fields...)
			})
		}
		if got := a.attempts(documentID); got != 0 {
			t.Errorf("bad reports left %d attempts", got)
		}
		if got := a.status(documentID); got != "reviewed" {
			t.Errorf("bad reports made the document %s", got)
		}
	})
}

// What a refusal costs must not grow faster than the body.
func TestManyUnknownMembers_CostLittle(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		var members strings.Builder
		for i := range 6000 {
			fmt.Fprintf(&members, `,"x%d":1`, i)
		}
		for name, send := range map[string]func() answer{
			"report":       func() answer { return a.report(good("one", members.String())) },
			"registration": func() answer { return a.put("x", `{"status":"reviewed"`+members.String()+`}`) },
			"providers": func() answer {
				return a.put("x", `{"status":"reviewed","providers":["`+strings.Repeat(`A","`, 12000)+`"]}`)
			},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := send()
			runtime.ReadMemStats(&after)
			got.wantsError(t, http.StatusBadRequest, "invalid_payload")
			if details := len(got.problem(t).Details); details > 32 {
				t.Errorf("%s: %d details", name, details)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 40<<20 {
				t.Errorf("%s: refusing %d members took %d MiB", name, 6000, spent>>20)
			}
		}
	})
}

func TestMeaninglessInstant_Is422AndLeavesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, instant := range []string{
			"1969-07-20T20:17:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
			"9999-12-31T23:59:59-23:59", time.Now().Add(25 * time.Hour).Format(time.RFC3339),
		} {
			body := strings.Replace(good("one", ""), "2026-03-24T03:00:00Z", instant, 1)
			a.report(body).wantsError(t, http.StatusUnprocessableEntity, "invalid_value", "attempted_at")
		}
		if got := a.attempts(documentID); got != 0 {
			t.Errorf("bad reports left %d attempts", got)
		}
		for i, instant := range []string{"2000-01-01T00:00:00Z", time.Now().Add(23 * time.Hour).Format(time.RFC3339)} {
			body := strings.Replace(good(fmt.Sprint("edge-", i), ""), "2026-03-24T03:00:00Z", instant, 1)
			a.report(body).wants(t, http.StatusCreated)
		}
	})
}

func TestGoodButUnusual_IsRecorded(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for i, members := range []string{
			`,"error_code":"M8 082"`, `,"external_url":"HTTPS://CRM.example:8443/main.aspx?etn=account&id={1}#top"`,
			`,"external_url":"https://[2001:db8::1]/rows/1"`, `,"external_url":"http://localhost"`, `,"external_url":"https://bücher.example/ä@b"`,
			`,"external_record_id":"` + strings.Repeat("é", 255) + `"`, `,"error_message":"` + strings.Repeat("x", 16384) + `"`,
			`,"external_record_id":"on a failed report"`,
		} {
			a.report(good(fmt.Sprint("good-", i), members)).wants(t, http.StatusCreated)
		}
		a.report(good("!~"+strings.Repeat("x", 253), "")).wants(t, http.StatusCreated)
		a.report(good("a", "")).wants(t, http.StatusCreated)
		a.report(good("A", "")).wants(t, http.StatusCreated)
		for _, id := range []string{"a", "A"} {
			if ids, _ := a.page(url.Values{"execution_id": {id}}); !slices.Equal(ids, []string{id}) {
				t.Errorf("%s finds %v", id, ids)
			}
		}
		a.report(strings.Replace(reportBody("code"), `"status"`, `"error_code":"on succeeded","status"`, 1)).wants(t, http.StatusCreated)
	})
}

func TestBadMediaType_Is415(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, contentType := range [][]string{
			{}, {""}, {"text/plain"}, {"application/x-www-form-urlencoded"}, {"application/yaml"}, {"application/vnd.api+json"},
			{"application/json; charset=utf-16"}, {"application/json;charset"}, {"application/json", "application/json"}, {"json"},
		} {
			a.report(reportBody("one"), with("Content-Type", contentType...)).wantsError(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		for _, encoding := range []string{"gzip", "identity", "br"} {
			a.report(reportBody("one"), with("Content-Encoding", encoding)).wantsError(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		if got := a.attempts(documentID); got != 0 {
			t.Errorf("bad reports left %d attempts", got)
		}
		for i, contentType := range []string{"application/json; charset=utf-8", "Application/JSON;charset=UTF-8", `application/json; charset="utf-8"`} {
			a.report(reportBody(fmt.Sprint("good-", i)), with("Content-Type", contentType)).wants(t, http.StatusCreated)
		}
	})
}

func TestLargeBody_Is413(t *testing.T) {
	padded := func(executionID string, size int) string {
		body := good(executionID, "")
		return strings.Repeat(" ", size-len(body)) + body
	}
	chunked := func(r *http.Request) { r.ContentLength, r.GetBody = -1, nil }
	eachEngine(t, func(t *testing.T, a *api) {
		for _, size := range []int{64<<10 + 1, 128 << 10, 2 << 20} {
			a.report(padded("one", size)).wantsError(t, http.StatusRequestEntityTooLarge, "payload_too_large")
			a.report(padded("one", size), chunked).wantsError(t, http.StatusRequestEntityTooLarge, "payload_too_large")
		}
		a.report(padded("announced", 64<<10)).wants(t, http.StatusCreated)
		a.report(padded("chunked", 64<<10), chunked).wants(t, http.StatusCreated)
		for _, operation := range guarded[1:] {
			large := []byte(operation.body + strings.Repeat(" ", 64<<10))
			if operation.body != "" {
				a.do(operation.method, operation.path, large).wantsError(t, http.StatusRequestEntityTooLarge, "payload_too_large")
			}
		}
	})
}

func TestBadDocumentID_Is400Or404_OnAllDatabasesAlike(t *testing.T) {
	first := map[string]int{} // answers, by request, of the database that was asked first
	eachEngine(t, func(t *testing.T, a *api) {
		for _, id := range []string{
			"%2F", "a%2Fb", "..", "%2e%2e", ".", "%00", "a%00b", "a%20b", "%C3%A9", "%ff", "a%252Fb", "-a", strings.Repeat("a", 129),
			strings.Repeat("a", 10<<10), "a;b", "a%0Ab", "",
		} {
			for _, request := range []struct{ method, path, body string }{
				{http.MethodPost, "/v1/documents/" + id + "/delivery", reportBody("one")},
				{http.MethodGet, "/v1/documents/" + id + "/delivery", ""},
				{http.MethodGet, "/v1/documents/" + id, ""},
				{http.MethodPut, "/v1/documents/" + id, `{"status":"reviewed"}`},
				{http.MethodPost, "/v1/documents/" + id + "/actions/retry-push", `{"provider":"dynamics365"}`},
				{http.MethodGet, "/v1/delivery/attempts/" + id, ""},
				{http.MethodGet, "/v1/delivery/attempts?limit=1&document_id=" + id, ""},
			} {
				got := a.do(request.method, request.path, []byte(request.body))
				if got.status != http.StatusBadRequest && got.status != http.StatusNotFound {
					t.Errorf("%s %.60s: %d %s", request.method, request.path, got.status, got.body)
				}
				asked := request.method + " " + request.path
				if status, known := first[asked]; known && status != got.status {
					t.Errorf("%.60s: %d, and %d on another database", asked, got.status, status)
				}
				first[asked] = got.status
			}
		}
		// Escapes that change nothing are the same id.
		a.get("/v1/documents/%34be38121%2D3791-4856-80d5-c57dbec2cf78").wants(t, http.StatusOK)
	})
}

func TestBadQuery_Is400(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=-1": "limit", "limit=101": "limit", "limit=abc": "limit", "limit=0x10": "limit", "limit=": "limit",
			"limit=1.5": "limit", "limit=1e1": "limit", "limit=99999999999999999999": "limit", "limit=10&limit=20": "limit", "limit=%00": "limit",
			"provider=SAP": "provider", "provider=": "provider", "provider=a%00": "provider", "status=done": "status", "status=Failed": "status",
			"execution_id=": "execution_id", "execution_id=a%20b": "execution_id", "execution_id=%ff": "execution_id",
			"since=yesterday": "since", "since=2026-02-30T00:00:00Z": "since", "since=2026-03-24T03:00:00+01:00": "since", "until=2026-03-24": "until",
			"cursor=": "cursor", "cursor=forged": "cursor", "cursor=%00": "cursor", "cursor=AAAA": "cursor", "page=2": "page", "Limit=2": "Limit",
		} {
			t.Run(query, func(t *testing.T) {
				a.get("/v1/documents/"+documentID+"/delivery?"+query).wantsError(t, http.StatusBadRequest, "invalid_payload", field)
			})
		}
		// All that is wrong is said at once, always in the same words.
		for range 5 {
			got := a.get("/v1/documents/" + documentID + "/delivery?d=1&c=2&b=3&limit=0&a=4")
			got.wantsError(t, http.StatusBadRequest, "invalid_payload", "a", "b", "c", "d", "limit")
			if message := got.problem(t).Message; !strings.HasPrefix(message, "The request was refused: a is not a query parameter") {
				t.Errorf("the message is %s", message)
			}
		}
		a.get("/livez?probe=1").wants(t, http.StatusOK)
		a.get("/v1/documents/"+documentID+"/delivery?limit=%zz").wantsError(t, http.StatusBadRequest, "invalid_payload", "")
		// Instants that no database keeps select all or nothing.
		for _, query := range []string{
			"since=0000-01-01T00:00:00Z", "until=9999-12-31T23:59:59-23:59", "since=9999-12-31T23:59:59Z", "until=0001-01-01T00:00:00Z",
			"since=2026-03-24T03:00:00%2B01:00&until=2026-03-24T03:00:00.123456789Z",
		} {
			a.get("/v1/documents/"+documentID+"/delivery?"+query).wants(t, http.StatusOK)
		}
	})
}

func TestBadLimitOrCursor_Is400OnEveryList(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, list := range []string{
			"/v1/documents/" + documentID + "/delivery?", "/v1/delivery/attempts?", "/v1/deliveries?", "/v1/delivery/outbox?provider=dynamics365&",
		} {
			for query, field := range map[string]string{
				"limit=0": "limit", "limit=-1": "limit", "limit=101": "limit", "limit=abc": "limit", "limit=0x10": "limit", "limit=": "limit",
				"limit=+1": "limit", "limit=1_0": "limit", "limit=1.0": "limit", "limit=1e1": "limit", "limit=%D9%A1": "limit",
				"limit=9223372036854775808": "limit", "limit=18446744073709551617": "limit", "limit=null": "limit", "limit=1&limit=1": "limit",
				"cursor=": "cursor", "cursor=forged": "cursor", "cursor=AAAA": "cursor", "cursor=%00": "cursor", "cursor=%ff": "cursor",
				"cursor=null": "cursor", "cursor=0": "cursor", "cursor=' OR 1=1 --": "cursor", "cursor=" + strings.Repeat("A", 512): "cursor",
				"cursor=" + strings.Repeat("A", 513): "cursor", "cursor=" + strings.Repeat("A", 8<<10): "cursor",
			} {
				t.Run((list + query)[:min(len(list+query), 80)], func(t *testing.T) {
					a.get(list+strings.ReplaceAll(query, " ", "%20")).wantsError(t, http.StatusBadRequest, "invalid_payload", field)
				})
			}
			a.get(list+"limit=1").wants(t, http.StatusOK)
			a.get(list+"limit=100").wants(t, http.StatusOK)
		}
	})
}

func TestRouting(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		anonymous := with("Authorization")
		for path, allow := range map[string]string{
			"/v1/documents/x/delivery": "GET, POST", "/v1/documents/x": "GET, PUT", "/v1/delivery/attempts/x": "GET",
			"/v1/delivery/attempts": "GET", "/v1/delivery/claims": "POST", "/v1/delivery/claims/x/release": "POST", "/v1/deliveries": "GET",
			"/v1/audit/checkpoint": "GET",
			"/livez":               "GET, HEAD", "/docs/": "GET, HEAD", "/openapi.yaml": "GET, HEAD",
		} {
			for _, method := range []string{http.MethodDelete, http.MethodOptions, http.MethodPatch, "BREW"} {
				got := a.do(method, path, nil, anonymous)
				got.wantsError(t, http.StatusMethodNotAllowed, "method_not_allowed")
				if got.header.Get("Allow") != allow {
					t.Errorf("%s %s: Allow is %q, want %q", method, path, got.header.Get("Allow"), allow)
				}
			}
		}
		if got := a.do(http.MethodHead, "/v1/documents/x", nil); got.status != http.StatusMethodNotAllowed || len(got.body) > 0 {
			t.Errorf("HEAD of a document: %d %s", got.status, got.body)
		}
		for _, path := range []string{
			"/", "/v1", "/v1/documents/x/delivery/", "/v1/documents/x/", "/v1/documents/", "/v2/documents/x", "/V1/documents/x", "/livez/",
			"/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55/", "/v1/delivery/attempts/x/y", "/v1/delivery/attempts/",
			"/v1/delivery/claims/", "/v1/delivery/claims/x", "/v1/delivery/claims/x/", "/v1/documents/x/actions",
			"/v1/documents/x/actions/", "/v1/deliveries/", "/v1/deliveries/x", "/v1/audit", "/v1/audit/checkpoint/",
			"/docs/a/b", "/docs", "/favicon.ico", "//livez",
		} {
			got := a.get(path, anonymous)
			got.wantsError(t, http.StatusNotFound, "not_found")
			if location := got.header.Get("Location"); location != "" {
				t.Errorf("%s redirects to %s", path, location)
			}
		}
		a.do(http.MethodOptions, "/nothing", nil, anonymous).wantsError(t, http.StatusNotFound, "not_found")
	})
}

func TestLargeHeaders_Are431(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		large := with("X-Padding", strings.Repeat("x", 16<<10))
		a.report(reportBody("one"), large).wantsError(t, http.StatusRequestHeaderFieldsTooLarge, "header_too_large")
		a.get("/nothing", large).wantsError(t, http.StatusRequestHeaderFieldsTooLarge, "header_too_large")
		a.report(reportBody("one"), with("X-Padding", strings.Repeat("x", 15<<10))).wants(t, http.StatusCreated)
	})
}

// What Go's own client would not send.
func TestRequestID_WithLineEnds_IsOurs(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for i, field := range []string{"a\r\n b", "a\n\tSet-Cookie: b", "a\r\n \r\n b"} {
			body := reportBody(fmt.Sprint("run-", i))
			connection, from := a.sendHead(reportPath, a.key, fmt.Sprintf("X-Request-Id: %s\r\nContent-Length: %d\r\n", field, len(body)))
			_, err := io.WriteString(connection, body)
			check(t, err)
			got := readAnswer(t, from)
			id, _ := got.wants(t, http.StatusCreated)["request_id"].(string)
			if id == "" || strings.Contains("a b Set-Cookie", id) || id != got.header.Get("x-request-id") || got.header.Get("Set-Cookie") != "" {
				t.Errorf("%q: headers %v, body %s", field, got.header, got.body)
			}
			if line := a.lastLine(); line["request_id"] != id {
				t.Errorf("%q: the log has %v, want %s", field, line["request_id"], id)
			}
		}
	})
}

func TestRequestID_IsTheClientsWhenWellFormed(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for i, id := range []string{"delivery-callback-success-001", strings.Repeat("a", 128)} {
			got := a.report(reportBody(fmt.Sprint("good-", i)), with("x-request-id", id))
			if got.wants(t, http.StatusCreated)["request_id"] != id || got.header.Get("x-request-id") != id {
				t.Errorf("%s: header %s, body %s", id, got.header.Get("x-request-id"), got.body)
			}
		}
		for i, ids := range [][]string{{""}, {`"quoted"`}, {"a b"}, {strings.Repeat("a", 129)}, {strings.Repeat("a", 10<<10)}, {"é"}, {"one", "two"}, {"a%0d%0ab"}} {
			got := a.report(reportBody(fmt.Sprint("bad-", i)), with("x-request-id", ids...))
			id := got.wants(t, http.StatusCreated)["request_id"]
			if id == ids[0] || id == "" || id != got.header.Get("x-request-id") {
				t.Errorf("%.40q: header %s, body %s", ids, got.header.Get("x-request-id"), got.body)
			}
		}
	})
}
