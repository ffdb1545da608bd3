package httpapi_test

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
	"github.com/numora/delivery/openapi"
)

func TestContract_IsServedAsWritten(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	if got := a.get("/openapi.yaml", with("Authorization")); got.status != http.StatusOK || !bytes.Equal(got.body, openapi.YAML()) ||
		got.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("/openapi.yaml: %d %v", got.status, got.header)
	}
	got := a.get("/openapi.json", with("Authorization"))
	got.wants(t, http.StatusOK)
	contract, err := openapi3.NewLoader().LoadFromData(got.body)
	check(t, err)
	written, err := openapi.Load()
	check(t, err)
	a1, err := contract.MarshalJSON()
	check(t, err)
	a2, err := written.MarshalJSON()
	check(t, err)
	if !bytes.Equal(a1, a2) {
		t.Error("/openapi.json is not the contract")
	}
	if len(contract.Servers) == 0 {
		t.Error("/openapi.json has lost its servers")
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

// Every operation of the contract is served, and demands a key unless the contract says otherwise.
func TestContract_EveryOperationIsServed(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	for path, item := range a.schema.Paths.Map() {
		for method, operation := range item.Operations() {
			concrete := strings.NewReplacer("{id}", "x", "{attempt_id}", "x", "{asset}", "swagger-ui.css").Replace(path)
			got := a.do(method, concrete, nil, with("Authorization"))
			want := http.StatusUnauthorized
			if operation.Security != nil {
				want = http.StatusOK
			}
			if got.status != want {
				t.Errorf("%s %s: %d, want %d", method, path, got.status, want)
			}
		}
	}
}
