package httpapi_test

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/numora/delivery/internal/apikey"
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

// The routes that the server has are those that the contract has, and HEAD beside GET on the service routes.
func TestContract_ServerHasItsRoutesAndNoOthers(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	var served, declared []string
	parameter := regexp.MustCompile(`:(\w+)`) // as echo writes them
	for _, route := range a.api.Routes() {
		served = append(served, route.Method+" "+parameter.ReplaceAllString(route.Path, "{$1}"))
	}
	for path, item := range a.schema.Paths.Map() {
		for method, operation := range item.Operations() {
			declared = append(declared, method+" "+path)
			if method == http.MethodGet && slices.Contains(operation.Tags, "Service") {
				declared = append(declared, "HEAD "+path)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(declared)
	if !slices.Equal(served, declared) {
		t.Errorf("the server has  %v\nthe contract has %v", served, declared)
	}
}

// The scopes that keys can have are those that the contract demands, and each operation demands its own: a key with
// all the others is refused, a key with that one alone is not. Without a key nothing is done but what is open.
func TestContract_EachOperationDemandsItsScope(t *testing.T) {
	a := newAPI(t, storetest.SQLite(t), delivery.Settings{})
	demanded := map[apikey.Scope]bool{}
	for path, item := range a.schema.Paths.Map() {
		for method, operation := range item.Operations() {
			concrete := strings.NewReplacer("{id}", "x", "{attempt_id}", "x", "{execution_id}", "x", "{asset}", "swagger-ui.css").Replace(path)
			got := a.do(method, concrete, nil, with("Authorization"))
			if operation.Security != nil {
				got.isStatus(t, method+" "+path+" without a key", http.StatusOK)
				continue
			}
			got.isStatus(t, method+" "+path+" without a key", http.StatusUnauthorized)
			scope := apikey.Scope(operation.Extensions["x-required-scope"].(string))
			demanded[scope] = true
			if !strings.Contains(operation.Description, "Needs the scope `"+string(scope)+"`.") {
				t.Errorf("%s %s: the description does not name the scope %s", method, path, scope)
			}
			others := slices.DeleteFunc(apikey.Scopes(), func(s apikey.Scope) bool { return s == scope })
			a.do(method, concrete, nil, with("Authorization", "Bearer "+a.newKey(others, time.Time{}))).
				isStatus(t, method+" "+path+" with all other scopes", http.StatusForbidden)
			only := a.do(method, concrete, nil, with("Authorization", "Bearer "+a.newKey([]apikey.Scope{scope}, time.Time{})))
			if only.status == http.StatusForbidden || only.status == http.StatusUnauthorized {
				t.Errorf("%s %s: %d with its scope alone", method, path, only.status)
			}
		}
	}
	if all := slices.Sorted(slices.Values(apikey.Scopes())); !slices.Equal(all, slices.Sorted(maps.Keys(demanded))) {
		t.Errorf("keys can have %v, the contract demands %v", all, demanded)
	}
}

func (got answer) isStatus(t *testing.T, asked string, status int) {
	t.Helper()
	if got.status != status {
		t.Errorf("%s: %d, want %d: %s", asked, got.status, status, got.body)
	}
}
