package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
)

func TestKey_MissingOrUnusable_IsOneIdentical401(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		expired := a.newKey(apikey.Scopes(), time.Now().Add(-time.Second))
		revoked := a.newKey(apikey.Scopes(), time.Time{})
		revokedID, _ := apikey.ParseID(revoked)
		check(t, a.store.RevokeKey(t.Context(), revokedID, time.Now(), "tests"))
		_, unknown, err := apikey.New(apikey.Live, "nobody", apikey.Scopes(), time.Now(), time.Time{})
		check(t, err)

		var first []byte
		for name, change := range map[string]change{
			"none":                    with("Authorization"),
			"empty":                   with("Authorization", ""),
			"no scheme":               with("Authorization", a.key),
			"Basic":                   with("Authorization", "Basic dXNlcjpwYXNzd29yZA=="),
			"malformed":               with("Authorization", "Bearer sk_live_nonsense"),
			"mistyped":                with("Authorization", "Bearer "+a.key[:len(a.key)-1]),
			"unknown":                 with("Authorization", "Bearer "+unknown),
			"expired":                 with("Authorization", "Bearer "+expired),
			"revoked":                 with("Authorization", "Bearer "+revoked),
			"two":                     with("Authorization", "Bearer "+a.key, "Bearer "+a.key),
			"two in one":              with("Authorization", "Bearer "+a.key+", Bearer "+a.key),
			"in the query":            func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "api_key=" + a.key },
			"hostile":                 with("Authorization", "Bearer ' OR 1=1 --"),
			"without reading a body":  func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Content-Type", "text/plain") },
			"before a bad body":       func(r *http.Request) { r.Header.Set("Authorization", "x"); r.Body = http.NoBody; r.ContentLength = 0 },
			"scheme without anything": with("Authorization", "Bearer"),
		} {
			got := a.report(reportBody("one"), change, with("x-request-id", "the-same"))
			got.wantsError(t, http.StatusUnauthorized, "unauthorized")
			if got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s: WWW-Authenticate is %q", name, got.header.Get("WWW-Authenticate"))
			}
			if first == nil {
				first = got.body
			}
			if !bytes.Equal(got.body, first) {
				t.Errorf("%s: the body differs: %s", name, got.body)
			}
		}
		if got := a.attempts(documentID); got != 0 {
			t.Errorf("refused requests left %d attempts", got)
		}
		for _, scheme := range []string{"bearer ", "BEARER ", "Bearer  "} {
			a.get("/v1/documents/"+documentID, with("Authorization", scheme+a.key)).wants(t, http.StatusOK)
		}
		if logs := a.logs.String(); strings.Contains(logs, a.key) || strings.Contains(logs, expired) {
			t.Error("a key is in the log")
		}
	})
}

// guarded are the operations that need a key, with requests that are answered 2xx, or say that there is nothing.
var guarded = []struct {
	scope              apikey.Scope
	method, path, body string
}{
	{apikey.DeliveryWrite, http.MethodPost, "/v1/documents/" + documentID + "/delivery", reportBody("one")},
	{apikey.DeliveryRead, http.MethodGet, "/v1/documents/" + documentID + "/delivery", ""},
	{apikey.DeliveryRead, http.MethodGet, "/v1/delivery/attempts/019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55", ""},
	{apikey.DeliveryRead, http.MethodGet, "/v1/delivery/attempts", ""},
	{apikey.DeliveryRead, http.MethodGet, "/v1/deliveries", ""},
	{apikey.DeliveryRead, http.MethodGet, "/v1/delivery/outbox?provider=dynamics365", ""},
	{apikey.DeliveryRead, http.MethodGet, "/v1/audit/checkpoint", ""},
	{apikey.DeliveryWrite, http.MethodPost, "/v1/delivery/claims", `{"provider":"sap"}`},
	{apikey.DeliveryWrite, http.MethodPost, "/v1/delivery/claims/" + unknownClaim + "/extend", `{}`},
	{apikey.DeliveryWrite, http.MethodPost, "/v1/delivery/claims/" + unknownClaim + "/release", ""},
	{apikey.DeliveryRequeue, http.MethodPost, "/v1/documents/" + documentID + "/actions/retry-push", `{"provider":"dynamics365","force":true}`},
	{apikey.DocumentsRead, http.MethodGet, "/v1/documents/" + documentID, ""},
	{apikey.DocumentsWrite, http.MethodPut, "/v1/documents/" + documentID, `{"status":"reviewed"}`},
}

func TestGuarded_AreAllThatTheContractHas(t *testing.T) {
	schema, err := contract()
	check(t, err)
	scoped := 0
	for _, item := range schema.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.Extensions["x-required-scope"] != nil {
				scoped++
			}
		}
	}
	if scoped != len(guarded) {
		t.Errorf("%d operations need a key, %d are tested", scoped, len(guarded))
	}
}

func TestKey_Missing_Is401WhateverIsAsked(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, operation := range guarded {
			t.Run(operation.method+" "+operation.path, func(t *testing.T) {
				a.do(operation.method, operation.path, []byte(operation.body), with("Authorization")).wantsError(t, http.StatusUnauthorized, "unauthorized")
			})
		}
	})
}

func TestScope_Missing_Is403NamingIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		for _, operation := range guarded {
			var others []apikey.Scope
			for _, scope := range apikey.Scopes() {
				if scope != operation.scope {
					others = append(others, scope)
				}
			}
			without := with("Authorization", "Bearer "+a.newKey(others, time.Time{}))
			got := a.do(operation.method, operation.path, []byte(operation.body), without)
			got.wantsError(t, http.StatusForbidden, "forbidden")
			if message := got.problem(t).Message; !strings.Contains(message, string(operation.scope)) {
				t.Errorf("%s %s: the message does not name %s: %s", operation.method, operation.path, operation.scope, message)
			}
			// The scope is checked before the request is looked at any closer.
			a.do(operation.method, operation.path+"?x=y", []byte("{"), without).wantsError(t, http.StatusForbidden, "forbidden")
			only := with("Authorization", "Bearer "+a.newKey([]apikey.Scope{operation.scope}, time.Time{}))
			if got := a.do(operation.method, operation.path, []byte(operation.body), only); got.status == http.StatusForbidden {
				t.Errorf("%s %s: %s is not enough", operation.method, operation.path, operation.scope)
			}
		}
		if got := a.status(documentID); got != "push_pending" { // it was requeued after the one report that was allowed
			t.Errorf("status is %s", got)
		}
	})
}

func TestAttempt_CarriesWhoRecordedIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		key := a.newKey([]apikey.Scope{apikey.DeliveryWrite}, time.Time{})
		id, _ := apikey.ParseID(key)
		by := a.report(reportBody("one"), with("Authorization", "Bearer "+key)).wants(t, http.StatusCreated)["recorded_by"].(map[string]any)
		if by["key_id"] != id || by["name"] != "crm-worker" {
			t.Errorf("recorded by %v, want %s", by, id)
		}
	})
}
