package httpapi_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store/storetest"
)

func TestSecurityHeaders_AreOnEveryAnswer(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.register(documentID)
	for name, got := range map[string]answer{
		"created":          a.report(reportBody("one")),
		"read":             a.get("/v1/documents/" + documentID),
		"unauthorized":     a.get("/v1/documents/"+documentID, with("Authorization")),
		"invalid":          a.report("{"),
		"no route":         a.get("/"),
		"no method":        a.do(http.MethodDelete, "/v1/documents/"+documentID, nil),
		"options":          a.do(http.MethodOptions, "/v1/documents/"+documentID, nil),
		"too many headers": a.get("/livez", with("Filling", strings.Repeat("x", 16<<10))),
		"probe":            a.get("/livez"),
		"contract":         a.get("/openapi.yaml"),
		"docs":             a.get("/docs/"),
		"script of docs":   a.get("/docs/start.js"),
	} {
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
			"Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Strict-Transport-Security": "",
		} {
			if value := strings.Join(got.header.Values(header), "|"); value != want {
				t.Errorf("%s: %s is %q, want %q", name, header, value, want)
			}
		}
		if kind := got.header.Get("Content-Type"); kind == "" || strings.HasPrefix(kind, "text/") && !strings.HasSuffix(kind, "; charset=utf-8") {
			t.Errorf("%s: Content-Type is %q", name, kind)
		}
		policies := got.header.Values("Content-Security-Policy")
		if len(policies) != 1 || !strings.Contains(policies[0], "default-src 'none'") || !strings.Contains(policies[0], "frame-ancestors 'none'") {
			t.Errorf("%s: Content-Security-Policy is %q", name, policies)
		}
	}
}

func crossOriginHeaders(header http.Header) (names []string) {
	for name := range header {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestCrossOrigin_WithoutOrigins_NobodyIsLetIn(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.register(documentID)
	origin := with("Origin", "https://console.example")
	got := a.get("/v1/documents/"+documentID, origin)
	got.wants(t, http.StatusOK)
	preflight := a.do(http.MethodOptions, "/v1/documents/"+documentID, nil, origin, with("Access-Control-Request-Method", "PUT"))
	preflight.wantsError(t, http.StatusMethodNotAllowed, "method_not_allowed")
	if names := append(crossOriginHeaders(got.header), crossOriginHeaders(preflight.header)...); len(names) > 0 {
		t.Errorf("answers have %v", names)
	}
}

func TestCrossOrigin_PagesOfItsOriginsAlone(t *testing.T) {
	const console = "https://console.example"
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{}, func(config *httpapi.Config) { config.Origins = []string{console} })
	path := "/v1/documents/" + documentID
	send := func(method, path, origin string, changes ...change) answer {
		t.Helper()
		got, _, err := a.send(method, path, nil, append(changes, with("Origin", origin))...)
		check(t, err)
		return got
	}
	asks := with("Access-Control-Request-Method", "PUT")

	got := send(http.MethodGet, path, console)
	if got.status != http.StatusNotFound || got.header.Get("Access-Control-Allow-Origin") != console || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a request: %d, %v", got.status, got.header)
	}
	for _, name := range []string{"x-request-id", "Retry-After", "Idempotent-Replayed", "Location", "x-rate-limit-remaining"} {
		if !strings.Contains(strings.ToLower(got.header.Get("Access-Control-Expose-Headers")), strings.ToLower(name)) {
			t.Errorf("pages may not read %s", name)
		}
	}
	got = send(http.MethodOptions, path, console, asks, with("Authorization"))
	if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != console || !strings.Contains(got.header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Authorization") || got.header.Get("X-Request-Id") == "" {
		t.Errorf("a preflight: %d, %v", got.status, got.header)
	}
	for name, c := range map[string]struct {
		got    answer
		status int
	}{
		"another origin":           {send(http.MethodGet, path, "https://console.example.attacker.example"), http.StatusNotFound},
		"origin null":              {send(http.MethodGet, path, "null"), http.StatusNotFound},
		"other scheme":             {send(http.MethodGet, path, "http://console.example"), http.StatusNotFound},
		"preflight of another":     {send(http.MethodOptions, path, "https://attacker.example", asks), http.StatusMethodNotAllowed},
		"options, no preflight":    {send(http.MethodOptions, path, console), http.StatusMethodNotAllowed},
		"preflight beyond a path":  {send(http.MethodOptions, path+"/delivery/more", console, asks), http.StatusNotFound},
		"preflight of nothing":     {send(http.MethodOptions, "/v1/nothing", console, asks), http.StatusNotFound},
		"options without a origin": {send(http.MethodOptions, path, "", asks), http.StatusMethodNotAllowed},
	} {
		if names := crossOriginHeaders(c.got.header); c.got.status != c.status || len(names) > 0 {
			t.Errorf("%s: %d with %v, want %d", name, c.got.status, names, c.status)
		}
	}
}

// What a worker reports as external_url, and a document's result_url, is for people to follow. The server does not.
func TestURLs_AreNeverFetched(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var fetched atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			fetched.Add(1)
			_ = connection.Close()
		}
	}()
	eachEngine(t, func(t *testing.T, a *api) {
		url := "http://" + listener.Addr().String() + "/internal"
		a.put(documentID, `{"status":"reviewed","result_url":"`+url+`","providers":["dynamics365"]}`).wants(t, http.StatusOK)
		a.report(`{"provider":"dynamics365","status":"failed","execution_id":"one","external_url":"`+url+`","attempted_at":"2026-03-24T03:00:00Z"}`).
			wants(t, http.StatusCreated)
		for _, path := range []string{"/v1/documents/" + documentID, "/v1/documents/" + documentID + "/delivery", "/v1/delivery/attempts", "/v1/deliveries"} {
			if got := a.get(path); got.status != http.StatusOK || !strings.Contains(string(got.body), url) && path != "/v1/deliveries" {
				t.Errorf("%s: %d %s", path, got.status, got.body)
			}
		}
	})
	// Whoever had connected has been accepted before this connection is.
	own, err := net.Dial("tcp", listener.Addr().String())
	check(t, err)
	_, _ = own.Read(make([]byte, 1)) // until it is closed
	check(t, own.Close())
	check(t, listener.Close())
	<-ended
	if n := fetched.Load(); n != 1 {
		t.Errorf("%d connections besides this test's own", n-1)
	}
}

// A key that stands where a request's id should is not taken for one: it would be stored, and logged.
func TestRequestID_ThatIsAKey_IsNotUsed(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		_, text, err := apikey.New(apikey.Live, "somebody", apikey.Scopes(), time.Now(), time.Time{})
		check(t, err)
		got := a.report(reportBody("one"), with("x-request-id", text))
		got.wants(t, http.StatusCreated)
		if strings.Contains(string(got.body)+got.header.Get("X-Request-Id")+a.logs.String(), text[len("sk_live_"):]) {
			t.Errorf("the key is used: %v %s", got.header, got.body)
		}
	})
}

// chunk is a body in one chunk.
func chunk(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// Where one request ends and the next begins is never a matter of opinion.
func TestMessageBoundaries(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	a.register(documentID)
	for name, test := range map[string]struct {
		headers string
		want    []string // the beginnings of what is answered, one after the other
	}{
		"chunks and a length":  {"Transfer-Encoding: chunked\r\nContent-Length: 100\r\n\r\n" + chunk(reportBody("one")), []string{"HTTP/1.1 201", "HTTP/1.1 200"}},
		"two lengths":          {"Content-Length: 0\r\nContent-Length: 5\r\n\r\n", []string{"HTTP/1.1 400"}},
		"other than chunks":    {"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", []string{"HTTP/1.1 501"}},
		"length with a sign":   {"Content-Length: +0\r\n\r\n", []string{"HTTP/1.1 400"}},
		"space before colon":   {"Content-Length : 0\r\n\r\n", []string{"HTTP/1.1 400"}},
		"a length that is one": {fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(reportBody("two")), reportBody("two")), []string{"HTTP/1.1 201", "HTTP/1.1 200"}},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", strings.TrimPrefix(a.url, "http://"))
			check(t, err)
			defer func() { _ = connection.Close() }()
			check(t, connection.SetDeadline(time.Now().Add(settled)))
			_, err = connection.Write([]byte("POST /v1/documents/" + documentID + "/delivery HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + a.key + "\r\n" + test.headers + "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
			check(t, err)
			text, err := io.ReadAll(connection)
			check(t, err)
			var got []string
			for _, part := range strings.Split(string(text), "HTTP/1.1 ")[1:] {
				got = append(got, "HTTP/1.1 "+part[:3])
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("answered %q, want %q", got, test.want)
			}
		})
	}
}
