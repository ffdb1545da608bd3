package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
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
