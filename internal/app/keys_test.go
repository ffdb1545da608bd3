package app_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/apikey"
)

func TestKeys_WorkBesideARunningServer(t *testing.T) {
	onAnyDatabase(t, func(t *testing.T, databaseURL, key string) {
		s := start(t, databaseURL, key).heldToContract()
		environment := []string{"NUMORA_DATABASE_URL=" + databaseURL}
		s.wants(http.StatusCreated, http.MethodPut, "/v1/documents/"+documentID, `{"status":"reviewed"}`)

		stdout, stderr, code := run(t, t.TempDir(), environment, "keys", "create", "--name", "crm worker", "--scopes", "delivery:write", "--expires-in", "1h")
		if code != 0 {
			t.Fatalf("keys create: %s", stderr)
		}
		worker := *s
		worker.key = strings.TrimSpace(stdout)
		if strings.Count(stdout, "\n") != 1 || !strings.HasPrefix(worker.key, "sk_live_") {
			t.Errorf("keys create printed %d lines", strings.Count(stdout, "\n"))
		}
		worker.wants(http.StatusCreated, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
		worker.wants(http.StatusForbidden, http.MethodGet, "/v1/documents/"+documentID, "")

		stdout, _, code = run(t, t.TempDir(), environment, "keys", "list", "--json")
		var listed []struct {
			ID, Name  string
			ExpiresAt *string `json:"expires_at"`
			RevokedAt *string `json:"revoked_at"`
		}
		check(t, json.Unmarshal([]byte(stdout), &listed))
		if code != 0 || len(listed) != 2 || listed[1].Name != "crm worker" || listed[1].ExpiresAt == nil || listed[0].ExpiresAt != nil {
			t.Fatalf("keys list --json: %s", stdout)
		}
		if strings.Contains(stdout, worker.key[len("sk_live_")+17:]) {
			t.Error("keys list shows a secret")
		}
		if _, stderr, code := run(t, t.TempDir(), environment, "keys", "revoke", listed[1].ID); code != 0 {
			t.Fatalf("keys revoke: %s", stderr)
		}
		waitRevoked(t, &worker)
		s.wants(http.StatusOK, http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))

		stdout, _, code = run(t, t.TempDir(), environment, "keys", "list")
		if code != 0 || !strings.Contains(stdout, "revoked") || !strings.Contains(stdout, "usable") {
			t.Errorf("keys list: %s", stdout)
		}
		if _, stderr, code := run(t, t.TempDir(), environment, "keys", "revoke", "nobody"); code != 1 || !strings.Contains(stderr, "keys list") {
			t.Errorf("keys revoke of an unknown key: exit code %d: %s", code, stderr)
		}
	})
}

// waitRevoked waits until a server does not take a revoked key any more, for as long as that may be.
func waitRevoked(t *testing.T, worker *server) {
	t.Helper()
	for limit := time.Now().Add(apikey.MaxAge + 2*time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, _, err := worker.send(http.MethodPost, "/v1/documents/"+documentID+"/delivery", report("one"))
		if status == http.StatusUnauthorized {
			return
		}
		if err != nil || status != http.StatusOK || time.Now().After(limit) {
			t.Fatalf("a report with a revoked key: %d, error %v", status, err)
		}
	}
}

func TestKeys_WithoutADatabase_SayWhatToDo(t *testing.T) {
	folder := t.TempDir()
	for name, c := range map[string]struct{ path, wants string }{
		"no file":   {"missing.db", "missing.db"},
		"no schema": {"empty.db", "numora-delivery migrate"},
	} {
		if name == "no schema" {
			check(t, os.WriteFile(filepath.Join(folder, c.path), nil, 0o600))
		}
		_, stderr, code := run(t, folder, []string{"NUMORA_DATABASE_URL=sqlite:" + c.path}, "keys", "list")
		if code != 1 || !strings.Contains(stderr, c.wants) || strings.Contains(stderr, "SQL") {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "missing.db")); err == nil {
		t.Error("a key command made a database")
	}
}
