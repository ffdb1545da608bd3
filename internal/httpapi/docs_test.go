package httpapi_test

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store/storetest"
)

func TestDocs_Policy_AllowsNothingButThisServersOwn(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	page := a.get("/docs/", with("Authorization"))
	got := map[string]string{}
	for directive := range strings.SplitSeq(page.header.Get("Content-Security-Policy"), "; ") {
		name, sources, _ := strings.Cut(directive, " ")
		got[name] = sources
	}
	want := map[string]string{
		"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:", "connect-src": "'self'",
		"base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the policy is %v, want %v", got, want)
	}
	if got := page.header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy is %q", got)
	}
}

func TestDocs_NeedNothingFromElsewhere(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	page := a.get("/docs/", with("Authorization"))
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
		t.Fatalf("/docs/: %d %v", page.status, page.header)
	}
	if bytes.Contains(page.body, []byte("http://")) || bytes.Contains(page.body, []byte("https://")) {
		t.Errorf("the page names another host: %s", page.body)
	}
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.body, -1) {
		got := a.get("/docs/"+string(match[1]), with("Authorization"))
		if got.status != http.StatusOK || len(got.body) == 0 {
			t.Errorf("/docs/%s: %d with %d bytes", match[1], got.status, len(got.body))
		}
		if head := a.do(http.MethodHead, "/docs/"+string(match[1]), nil); head.status != http.StatusOK || len(head.body) > 0 {
			t.Errorf("HEAD /docs/%s: %d with %d bytes", match[1], head.status, len(head.body))
		}
	}
	a.get("/docs/nothing.js").wantsError(t, http.StatusNotFound, "not_found")
}

// What the policy refuses, the page does not try.
func TestDocs_Page_HasNothingInline(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	page := string(a.get("/docs/", with("Authorization")).body)
	for what, pattern := range map[string]string{
		"a script of its own":             `(?is)<script[^>]*>[^<]+`,
		"a script that is nowhere":        `(?i)<script\s*>`,
		"a style of its own":              `(?i)<style|\sstyle\s*=`,
		"a handler":                       `(?i)\son[a-z]+\s*=`,
		"a script as an address":          `(?i)javascript:`,
		"a policy beside the header's":    `(?i)http-equiv`,
		"another place to start from":     `(?i)<base`,
		"a frame, an object or a picture": `(?i)<(iframe|frame|object|embed|img|svg)`,
	} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %s: %s", what, found)
		}
	}
}

// Switched off, the documentation is as if it had never been there; the contract stays.
func TestDocs_SwitchedOff(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{}, func(c *httpapi.Config) { c.WithoutDocs = true })
	nothing := a.get("/nothing")
	nothing.wantsError(t, http.StatusNotFound, "not_found")
	if message := nothing.problem(t).Message; strings.Contains(message, "/docs") || !strings.Contains(message, "/openapi.yaml") {
		t.Errorf("the way out that it shows is %q", message)
	}
	for _, path := range []string{"/docs/", "/docs/swagger-ui.css", "/docs/start.js", "/docs/nothing.js", "/docs/Not%20A%20Name", "/docs"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			got := a.do(method, path, nil, with("Authorization"))
			got.wantsError(t, http.StatusNotFound, "not_found")
			if got.problem(t).Message != nothing.problem(t).Message || got.header.Get("Allow") != "" {
				t.Errorf("%s %s is not as any unknown path: %v %s", method, path, got.header, got.body)
			}
		}
		if head := a.do(http.MethodHead, path, nil); head.status != http.StatusNotFound {
			t.Errorf("HEAD %s: %d", path, head.status)
		}
	}
	for _, path := range []string{"/openapi.yaml", "/openapi.json"} {
		if got := a.get(path, with("Authorization")); got.status != http.StatusOK || len(got.body) == 0 {
			t.Errorf("%s: %d with %d bytes", path, got.status, len(got.body))
		}
	}
}
