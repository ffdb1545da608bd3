package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/httpapi"
	"github.com/numora/delivery/internal/store/storetest"
)

// lastLine parses the newest line of the server's log.
func (a *api) lastLine() map[string]any {
	a.t.Helper()
	lines := strings.Split(strings.TrimSpace(a.logs.String()), "\n")
	var line map[string]any
	check(a.t, json.Unmarshal([]byte(lines[len(lines)-1]), &line))
	return line
}

func TestLog_SaysWhatBecameOfAReport(t *testing.T) {
	eachEngine(t, func(t *testing.T, a *api) {
		secret := `,"error_message":"a secret message","external_record_id":"a secret row"`
		for _, step := range []struct {
			what    string
			send    func() answer
			outcome any
			level   string
			status  int
			fields  any
		}{
			{"a new report", func() answer { return a.report(good("one", secret)) }, "created", "INFO", http.StatusCreated, nil},
			{"a replay", func() answer { return a.report(good("one", secret)) }, "replayed", "INFO", http.StatusOK, nil},
			{"a conflict", func() answer { return a.report(good("one", `,"error_code":"a secret code"`)) }, "conflict", "WARN", http.StatusConflict,
				"external_record_id,error_code,error_message"},
			{"a meaningless instant", func() answer { return a.report(strings.Replace(good("two", secret), "2026", "1969", 1)) }, "refused", "INFO",
				http.StatusUnprocessableEntity, nil},
		} {
			if got := step.send(); got.status != step.status {
				t.Fatalf("%s: %d %s", step.what, got.status, got.body)
			}
			line := a.lastLine()
			for member, want := range map[string]any{
				"level": step.level, "msg": "request", "operation": "recordDelivery", "status": float64(step.status), "document_id": documentID,
				"provider": "dynamics365", "outcome": step.outcome, "fields": step.fields, "client": "127.0.0.1",
			} {
				if line[member] != want {
					t.Errorf("%s: the log's %s is %v, want %v", step.what, member, line[member], want)
				}
			}
			for _, member := range []string{"request_id", "duration_ms", "key_id", "execution_id"} {
				if line[member] == nil || line[member] == "" {
					t.Errorf("%s: the log does not say %s", step.what, member)
				}
			}
		}
		a.get("/v1/documents/"+documentID).wants(t, http.StatusOK)
		if line := a.lastLine(); line["outcome"] != nil {
			t.Errorf("a read is logged with the outcome %v", line["outcome"])
		}
		if logs := a.logs.String(); strings.Contains(logs, "secret") || strings.Contains(logs, a.key) {
			t.Errorf("the log tells more than it should: %s", logs)
		}
	})
}

func TestLog_TellsTheClassOfAFailure(t *testing.T) {
	for want, err := range map[string]error{
		"not_executed":    &delivery.UnavailableError{Outcome: delivery.NotExecuted, Cause: errors.New("away")},
		"outcome_unknown": &delivery.UnavailableError{Outcome: delivery.OutcomeUnknown, Cause: errors.New("away")},
		"bug":             errors.New("a bug"),
	} {
		a := broken(t, err)
		a.get("/readyz")
		if line := a.lastLine(); line["class"] != "not_ready" || line["level"] != "ERROR" {
			t.Errorf("the log of a probe says %v", line)
		}
		a.report(reportBody("one"))
		if line := a.lastLine(); line["class"] != want || line["level"] != "ERROR" || line["error"] == nil {
			t.Errorf("the log says %v, want the class %s", line, want)
		}
		a.report("{").wantsError(t, http.StatusBadRequest, "invalid_payload")
		if line := a.lastLine(); line["class"] != nil || line["error"] != nil {
			t.Errorf("the log of a refusal says %v", line)
		}
	}
}

// Whoever looks for a report must find it, however it ended.
func TestLog_ABugOrPanic_StillTellsWhichReport(t *testing.T) {
	for _, err := range []error{errors.New("a bug"), nil} { // without an error it panics
		a := broken(t, err)
		a.report(reportBody("one"))
		line := a.lastLine()
		if line["execution_id"] != "one" || line["document_id"] != documentID || line["outcome"] != "outcome_unknown" || line["class"] != "bug" {
			t.Errorf("the log says %v", line)
		}
	}
}

func TestLog_ClientAddress_IsBelievedFromTrustedProxiesOnly(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		proxies   []netip.Prefix
		forwarded []string
		want      string
	}{
		{nil, []string{"203.0.113.9"}, "127.0.0.1"},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []string{"203.0.113.9"}, "127.0.0.1"},
		{loopback, nil, "127.0.0.1"},
		{loopback, []string{"203.0.113.9"}, "203.0.113.9"},
		{loopback, []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"}, // what the client says of itself is not believed
		{loopback, []string{"198.51.100.1", "203.0.113.9, 127.0.0.7"}, "203.0.113.9"},
		{loopback, []string{"2001:db8::7"}, "2001:db8::7"},
		{loopback, []string{"<script>, nonsense"}, "127.0.0.1"},
		{append(loopback, netip.MustParsePrefix("2001:db8::/32")), []string{"203.0.113.9, 2001:db8::7"}, "203.0.113.9"},
	} {
		a := newAPI(t, storetest.SQLite(t), delivery.Settings{}, func(config *httpapi.Config) { config.TrustedProxies = c.proxies })
		a.get("/livez", func(r *http.Request) {
			for _, line := range c.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
		})
		if got := a.lastLine()["client"]; got != c.want {
			t.Errorf("proxies %v, X-Forwarded-For %q: the log says %v, want %s", c.proxies, c.forwarded, got, c.want)
		}
	}
}
