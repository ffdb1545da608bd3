package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
)

// situation is how an answer comes about: what the server has seen or suffers from, and in what the request
// differs from the contract's examples.
type situation struct {
	settings delivery.Settings
	prepare  func(a *api, e example)
	like     string               // the body's example that is sent, where none has the answer's name
	body     func(map[string]any) // alters it
	instead  map[string]string    // of the parameters' examples
	changes  []change
}

var situations = map[string]situation{
	"recordDelivery 201 succeeded":       {prepare: register},
	"recordDelivery 201 failed":          {prepare: register},
	"recordDelivery 201 skipped":         {prepare: register},
	"recordDelivery 200 succeeded":       {prepare: record("succeeded")},
	"recordDelivery 200 failed":          {prepare: record("failed")},
	"recordDelivery 200 skipped":         {prepare: record("skipped")},
	"recordDelivery 409 failed":          {prepare: record("succeeded")},
	"recordDelivery 409 skipped":         {prepare: record("succeeded")},
	"recordDelivery 404 not_found":       {},
	"recordDelivery 400 invalid_payload": {prepare: register, like: "succeeded", body: without("external_record_id")},
	"recordDelivery 422 invalid_value":   {prepare: register, body: set("attempted_at", "1999-12-31T23:59:59Z")},

	"listDocumentDelivery 200 page":            {prepare: recordAnswer},
	"listDocumentDelivery 404 not_found":       {},
	"listDocumentDelivery 400 invalid_payload": {prepare: register, instead: map[string]string{"limit": "101"}},
	"getDeliveryAttempt 200 attempt":           {prepare: recordAnswer},
	"getDeliveryAttempt 404 not_found":         {},
	"getDeliveryAttempt 400 invalid_payload":   {instead: map[string]string{"attempt_id": "1"}},

	"listDeliveryAttempts 200 page":            {prepare: recordAnswer},
	"listDeliveryAttempts 400 invalid_payload": {instead: map[string]string{"limit": "101"}},

	"listOutbox 200 page":                 {prepare: put("reviewed")},
	"listOutbox 400 invalid_payload":      {instead: map[string]string{"limit": "101"}},
	"claimDeliveries 200 one":             {prepare: put("reviewed")},
	"claimDeliveries 200 several":         {prepare: put("reviewed")},
	"claimDeliveries 200 nothing":         {},
	"claimDeliveries 400 invalid_payload": {body: set("lease_seconds", 9)},
	"claimDeliveries 422 invalid_value":   {settings: delivery.Settings{Providers: []string{"odoo", "sap"}}},
	"extendClaim 200 extended":            {prepare: claim},
	"extendClaim 400 invalid_payload":     {body: set("lease_seconds", 9)},
	"extendClaim 404 not_found":           {},
	"extendClaim 409 claim_over":          {prepare: after(claim, release)},
	"releaseClaim 200 released":           {prepare: claim},
	"releaseClaim 400 invalid_payload":    {instead: map[string]string{"execution_id": "n8n-1"}},
	"releaseClaim 404 not_found":          {},
	"releaseClaim 409 claim_over":         {prepare: after(claim, settle)},
	"retryPush 200 retry":                 {prepare: record("failed")},
	"retryPush 200 again":                 {prepare: record("succeeded")},
	"retryPush 400 invalid_payload":       {body: without("provider")},
	"retryPush 404 not_found":             {},
	"retryPush 404 other_provider":        {prepare: put("minimal")},
	"retryPush 409 leased":                {prepare: claim},
	"retryPush 409 delivered":             {prepare: record("succeeded"), like: "retry"},
	"listDeliveries 200 page":             {prepare: record("failed")},
	"listDeliveries 400 invalid_payload":  {instead: map[string]string{"limit": "101"}},

	"getAuditCheckpoint 200 checkpoint":      {prepare: seal},
	"getAuditCheckpoint 404 not_found":       {},
	"getAuditCheckpoint 400 invalid_payload": {changes: []change{func(r *http.Request) { r.URL.RawQuery = "size=1" }}},

	"putDocument 201 reviewed":        {},
	"putDocument 201 minimal":         {},
	"putDocument 200 reviewed":        {prepare: put("reviewed")},
	"putDocument 200 minimal":         {prepare: put("minimal")},
	"putDocument 400 invalid_payload": {body: without("status")},
	"putDocument 422 invalid_value":   {settings: delivery.Settings{Providers: []string{"odoo", "sap"}}, like: "reviewed"},
	"getDocument 200 delivered":       {prepare: record("succeeded")},
	"getDocument 200 claimed":         {prepare: claim},
	"getDocument 404 not_found":       {},
	"getDocument 400 invalid_payload": {instead: map[string]string{"id": "-"}},

	"getLiveness 200 ok":               {},
	"getReadiness 200 ok":              {},
	"getReadiness 503 unavailable":     {prepare: notReady},
	"getDocs 404 not_found":            {prepare: withoutDocs},
	"getDocsAsset 404 not_found":       {instead: map[string]string{"asset": "nothing.js"}},
	"getDocsAsset 400 invalid_payload": {instead: map[string]string{"asset": "_"}},
}

// anywhere are the situations of answers that come about in the same way wherever they are documented.
var anywhere = map[string]situation{
	"200 file":                   {},
	"401 unauthorized":           {changes: []change{with("Authorization")}},
	"403 forbidden":              {prepare: lackScope},
	"413 payload_too_large":      {body: set("filling", strings.Repeat("x", 64<<10))},
	"415 unsupported_media_type": {changes: []change{with("Content-Type", "text/plain")}},
	"429 rate_limited":           {prepare: limitKeys},
	"429 without_valid_key":      {prepare: limitAddresses, changes: []change{with("Authorization")}},
	"431 header_too_large":       {changes: []change{with("Filling", strings.Repeat("x", 16<<10))}},
	"500 internal_error":         {prepare: failByMistake},
	"503 unavailable":            {prepare: loseStore},
}

// What a situation's request has instead.

func without(member string) func(map[string]any) {
	return func(body map[string]any) { delete(body, member) }
}

func set(member string, value any) func(map[string]any) {
	return func(body map[string]any) { body[member] = value }
}

// What a situation's server has seen.

func register(a *api, _ example) {
	a.put(documentID, `{"status":"reviewed","schema":"invoice","providers":["dynamics365"]}`).wants(a.t, http.StatusCreated)
}

// record returns what registers the document and records a report like the contract's example of this name.
func record(name string) func(*api, example) {
	return func(a *api, e example) {
		register(a, e)
		a.sendExample("recordDelivery 201 "+name).wants(a.t, http.StatusCreated)
	}
}

// put returns what registers a document like the contract's example of this name.
func put(name string) func(*api, example) {
	return func(a *api, _ example) { a.sendExample("putDocument 201 "+name).wants(a.t, http.StatusCreated) }
}

// claim registers the document and claims its delivery, like the contract's example.
func claim(a *api, e example) {
	register(a, e)
	claimed := a.sendExample("claimDeliveries 200 several").wants(a.t, http.StatusOK)["data"].([]any)
	a.claimed = claimed[0].(map[string]any)["execution_id"].(string)
}

func release(a *api, _ example) { a.sendExample("releaseClaim 200 released").wants(a.t, http.StatusOK) }

// settle reports under the claim's execution id.
func settle(a *api, _ example) { a.report(reportBody(a.claimed)).wants(a.t, http.StatusCreated) }

func after(steps ...func(*api, example)) func(*api, example) {
	return func(a *api, e example) {
		for _, step := range steps {
			step(a, e)
		}
	}
}

func (a *api) sendExample(key string) answer {
	a.t.Helper()
	for _, e := range examplesOf(a.t, a.schema) {
		if e.key() == key {
			return a.ask(e, situation{})
		}
	}
	a.t.Fatalf("the contract has no example %s", key)
	return answer{}
}

// recordAnswer records the attempt that the example shows, under the id that it shows.
func recordAnswer(a *api, e example) {
	register(a, e)
	encoded, err := json.Marshal(e.value)
	check(a.t, err)
	var shown deliveryapi.DeliveryAttemptPage
	check(a.t, json.Unmarshal(encoded, &shown))
	if shown.Data == nil { // it is no page
		shown.Data = make([]deliveryapi.DeliveryAttempt, 1)
		check(a.t, json.Unmarshal(encoded, &shown.Data[0]))
	}
	for _, s := range shown.Data {
		_, err := a.store.Record(a.t.Context(), []delivery.Attempt{{
			ID: s.ID, RequestID: s.RequestID, RecordedBy: delivery.Principal{KeyID: s.RecordedBy.KeyID, Name: s.RecordedBy.Name},
			Report: delivery.Report{
				DocumentID: s.DocumentID, Provider: s.Provider, Status: delivery.Status(s.Status), ExecutionID: s.ExecutionID,
				AttemptedAt: s.AttemptedAt, ExternalRecordID: text(s.ExternalRecordID), ExternalURL: text(s.ExternalURL),
				ErrorCode: text(s.ErrorCode), ErrorMessage: text(s.ErrorMessage),
			},
		}}, nil)
		check(a.t, err)
	}
}

// seal makes the checkpoint that the example shows the latest.
func seal(a *api, e example) {
	encoded, err := json.Marshal(e.value)
	check(a.t, err)
	var shown deliveryapi.AuditCheckpoint
	check(a.t, json.Unmarshal(encoded, &shown))
	root, err := base64.StdEncoding.DecodeString(shown.Root)
	check(a.t, err)
	a.seal(delivery.Checkpoint{Origin: shown.Origin, Size: shown.Size, Root: [32]byte(root), SealedAt: shown.SealedAt, Note: shown.Note})
}

func text(optional *string) string {
	if optional == nil {
		return ""
	}
	return *optional
}

// What a situation's server suffers from.

func lackScope(a *api, e example) {
	scope, _ := e.operation.Extensions["x-required-scope"].(string)
	others := slices.DeleteFunc(apikey.Scopes(), func(s apikey.Scope) bool { return string(s) == scope })
	a.key = a.newKey(others, time.Time{})
}

func notReady(a *api, _ example) {
	a.serve(a.service(), a.store, func(context.Context) error { return errors.New("not ready") })
}

func loseStore(a *api, _ example) {
	broken := brokenStore{err: delivery.Unavailable(errors.New("away"))}
	a.serve(delivery.NewService(broken, delivery.Settings{}, time.Now), a.store, a.store.Ready)
}

// limitKeys has the key use up its rate limit.
func limitKeys(a *api, _ example) {
	a.limitRates(httpapi.RateLimits{Key: 1, Address: 1})
	a.get("/v1/documents/nobody").wants(a.t, http.StatusNotFound)
}

// limitAddresses has a request without a key use up what this address may send of those.
func limitAddresses(a *api, _ example) {
	a.limitRates(httpapi.RateLimits{Key: 1, Address: 1})
	a.get("/v1/documents/nobody", with("Authorization")).wants(a.t, http.StatusUnauthorized)
}

func (a *api) limitRates(limits httpapi.RateLimits) {
	a.configure = append(a.configure, func(config *httpapi.Config) { config.RateLimits = limits })
	a.serve(a.service(), a.store, a.store.Ready)
}

func withoutDocs(a *api, _ example) {
	a.configure = append(a.configure, func(config *httpapi.Config) { config.WithoutDocs = true })
	a.serve(a.service(), a.store, a.store.Ready)
}

// failByMistake makes any request end in a panic.
func failByMistake(a *api, _ example) {
	a.configure = append(a.configure, func(config *httpapi.Config) { config.Tracer = panickingTracer{} })
	a.serve(a.service(), a.store, a.store.Ready)
}

type panickingTracer struct{ noop.Tracer }

func (panickingTracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if name == "validate" {
		panic("a mistake")
	}
	return noop.Tracer{}.Start(ctx, name, options...)
}

func (a *api) service() *delivery.Service {
	return delivery.NewService(a.store, delivery.Settings{}, time.Now)
}
