package httpapi_test

import (
	"net/http"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store/storetest"
)

// limited is a server with these rate limits.
func limited(t *testing.T, databaseURL string, limits httpapi.RateLimits, configure ...func(*httpapi.Config)) *api {
	t.Helper()
	configure = append(configure, func(config *httpapi.Config) { config.RateLimits = limits })
	return newAPI(t, databaseURL, delivery.Settings{}, configure...)
}

// remaining is what an answer says that is left; -1 when it says nothing.
func (got answer) remaining(t *testing.T) int {
	t.Helper()
	text := got.header.Get("X-Rate-Limit-Remaining")
	if text == "" {
		return -1
	}
	n, err := strconv.Atoi(text)
	check(t, err)
	return n
}

// Whatever a request with a valid key is answered, the answer says what is left of the key's limit.
func TestRateLimit_IsToldInEachAnswerToAValidKey(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		a := limited(t, databaseURL, httpapi.RateLimits{Key: 1000, Address: 1000})
		a.register(documentID)
		reader := with("Authorization", "Bearer "+a.newKey([]apikey.Scope{apikey.DocumentsRead}, time.Time{}))
		for name, c := range map[string]struct {
			status int
			got    answer
		}{
			"created":            {http.StatusCreated, a.report(reportBody("one"))},
			"replayed":           {http.StatusOK, a.report(reportBody("one"))},
			"conflict":           {http.StatusConflict, a.report(failedBody("one"))},
			"broken body":        {http.StatusBadRequest, a.report(`{`)},
			"no JSON":            {http.StatusUnsupportedMediaType, a.report(reportBody("two"), with("Content-Type", "text/plain"))},
			"unknown document":   {http.StatusNotFound, a.get("/v1/documents/nobody")},
			"scope missing":      {http.StatusForbidden, a.report(reportBody("two"), reader)},
			"read":               {http.StatusOK, a.get("/v1/documents/" + documentID)},
			"meaningless":        {http.StatusUnprocessableEntity, a.report(futureBody("two"))},
			"nothing to release": {http.StatusNotFound, a.do(http.MethodPost, "/v1/delivery/claims/clm_AAAAAAAAAAAAAAAAAAAAAAAAAA/release", nil)},
		} {
			if c.got.status != c.status {
				t.Errorf("%s: got %d, want %d: %s", name, c.got.status, c.status, c.got.body)
			}
			if left := c.got.remaining(t); left < 900 || left > 999 || c.got.header.Get("X-Rate-Limit-Limit") != "1000" || c.got.header.Get("X-Rate-Limit-Reset") != "1" {
				t.Errorf("%s: told %v", name, c.got.header)
			}
		}
		for name, got := range map[string]answer{
			"without a key": a.get("/v1/documents/"+documentID, with("Authorization")),
			"no operation":  a.get("/v1/nothing"), "probe": a.get("/livez"), "contract": a.get("/openapi.yaml"),
		} {
			if got.remaining(t) != -1 {
				t.Errorf("%s: told %v", name, got.header)
			}
		}
	})
}

func failedBody(executionID string) string {
	return `{"provider":"dynamics365","status":"failed","execution_id":"` + executionID + `","attempted_at":"2026-03-24T03:00:00.000Z"}`
}

func futureBody(executionID string) string {
	return `{"provider":"dynamics365","status":"failed","execution_id":"` + executionID + `","attempted_at":"2999-03-24T03:00:00.000Z"}`
}

func TestRateLimit_KeyThatSendsTooMuch_Is429AndLeavesNothingBehind(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		a := limited(t, databaseURL, httpapi.RateLimits{Key: 2, Address: 1})
		other := with("Authorization", "Bearer "+a.newKey(apikey.Scopes(), time.Time{}))
		a.register(documentID)
		a.report(reportBody("one")).wants(t, http.StatusCreated)
		got := a.report(reportBody("two"))
		got.wantsError(t, http.StatusTooManyRequests, "rate_limited")
		if got.header.Get("Retry-After") != "30" || got.header.Get("X-Rate-Limit-Reset") != "60" || got.remaining(t) != 0 {
			t.Errorf("told %v", got.header)
		}
		if listed := a.get("/v1/documents/"+documentID+"/delivery", other).wants(t, http.StatusOK)["data"].([]any); len(listed) != 1 {
			t.Errorf("%d attempts, want the one that was acknowledged", len(listed))
		}
		// A missing scope is said first.
		lacking := with("Authorization", "Bearer "+a.newKey([]apikey.Scope{apikey.DocumentsRead}, time.Time{}))
		for range 3 {
			a.report(reportBody("two"), lacking).wantsError(t, http.StatusForbidden, "forbidden")
		}
	})
}

// An address that sends wrong keys is told to wait, and right keys pass from there all the while.
func TestRateLimit_AddressWithoutAValidKey(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		a := limited(t, databaseURL, httpapi.RateLimits{Key: 1000, Address: 3})
		a.register(documentID)
		unknown, _, err := apikey.New(apikey.Live, "nobody", apikey.Scopes(), time.Now(), time.Time{})
		check(t, err)
		wrong := []change{
			with("Authorization"), with("Authorization", "Basic abc"), with("Authorization", "Bearer sk_live_"+unknown.ID),
			with("Authorization", "Bearer "+a.newKey(apikey.Scopes(), time.Now().Add(-time.Hour))), with("Authorization"),
		}
		for i, c := range wrong {
			got := a.report(reportBody("one"), c)
			if i < 3 {
				got.wantsError(t, http.StatusUnauthorized, "unauthorized")
			} else {
				got.wantsError(t, http.StatusTooManyRequests, "rate_limited")
				if got.header.Get("Retry-After") != "20" {
					t.Errorf("Retry-After %s", got.header.Get("Retry-After"))
				}
			}
		}
		a.report(reportBody("one")).wants(t, http.StatusCreated)
		fresh := with("Authorization", "Bearer "+a.newKey(apikey.Scopes(), time.Time{}))
		a.report(reportBody("one"), fresh).wants(t, http.StatusOK)
	})
}

// X-Forwarded-For tells who is limited only where it comes from a trusted proxy.
func TestRateLimit_AddressBehindAProxy(t *testing.T) {
	from := func(client string) change { return with("X-Forwarded-For", client) }
	for name, test := range map[string]struct {
		trusted []netip.Prefix
		want    int // of the second address
	}{
		"NotBelieved": {nil, http.StatusTooManyRequests},
		"Trusted":     {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			a := limited(t, storetest.SQLite(t), httpapi.RateLimits{Key: 1, Address: 1}, func(config *httpapi.Config) { config.TrustedProxies = test.trusted })
			a.get("/v1/documents/nobody", with("Authorization"), from("192.0.2.1")).wants(t, http.StatusUnauthorized)
			a.get("/v1/documents/nobody", with("Authorization"), from("192.0.2.1")).wants(t, http.StatusTooManyRequests)
			a.get("/v1/documents/nobody", with("Authorization"), from("192.0.2.2")).wants(t, test.want)
		})
	}
}
