package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/config"
)

func TestServe_Audit_IsReadFromTheEnvironment(t *testing.T) {
	environment(t, map[string]string{
		"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_AUDIT_KEY_FILE": "audit.key", "NUMORA_AUDIT_SEAL_EVERY": "100ms", "NUMORA_AUDIT_SEAL_ENTRIES": "1",
		"NUMORA_AUDIT_CHECKPOINT_FILE": "checkpoints", "NUMORA_AUDIT_CHECKPOINT_STDOUT": "true",
	})
	s := parse(t)
	wantsProblem(t, s, "")
	want := config.Audit{
		KeyFile: "audit.key", SealEvery: config.Duration{Duration: 100 * time.Millisecond}, SealEntries: config.Count{N: 1},
		CheckpointFile: "checkpoints", CheckpointStdout: config.Switch{On: true},
	}
	if s.Audit != want {
		t.Errorf("got %+v, want %+v", s.Audit, want)
	}
}

func TestServe_Check_NamesTheAuditSettingThatIsWrong(t *testing.T) {
	for variable, want := range map[string]string{
		"NUMORA_AUDIT_SEAL_EVERY=99ms":          "NUMORA_AUDIT_SEAL_EVERY must be between 100ms and 1h0m0s, not 99ms",
		"NUMORA_AUDIT_SEAL_EVERY=61m":           "NUMORA_AUDIT_SEAL_EVERY must be between 100ms and 1h0m0s, not 1h1m0s",
		"NUMORA_AUDIT_SEAL_EVERY=60":            `NUMORA_AUDIT_SEAL_EVERY must be a duration such as 5s, not "60"`,
		"NUMORA_AUDIT_SEAL_ENTRIES=0":           "NUMORA_AUDIT_SEAL_ENTRIES must be between 1 and 1000000, not 0",
		"NUMORA_AUDIT_SEAL_ENTRIES=1000001":     "NUMORA_AUDIT_SEAL_ENTRIES must be between 1 and 1000000, not 1000001",
		"NUMORA_AUDIT_SEAL_ENTRIES=many":        "NUMORA_AUDIT_SEAL_ENTRIES must be a whole number",
		"NUMORA_AUDIT_CHECKPOINT_STDOUT=true":   "set NUMORA_AUDIT_KEY_FILE, too: without a key there are no checkpoints to keep",
		"NUMORA_AUDIT_CHECKPOINT_FILE=anything": "set NUMORA_AUDIT_KEY_FILE, too: without a key there are no checkpoints to keep",
		"NUMORA_AUDIT_KEY=" + secret:            "NUMORA_AUDIT_KEY is no setting",
	} {
		name, value, _ := strings.Cut(variable, "=")
		environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", name: value})
		_, err := parse(t).Check(anyURL)
		if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: got %q, want %q", variable, got, want)
		}
	}
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_AUDIT_KEY_FILE": "audit.key", "NUMORA_AUDIT_CHECKPOINT_STDOUT": "maybe"})
	wantsProblem(t, parse(t), `NUMORA_AUDIT_CHECKPOINT_STDOUT must be true or false, not "maybe"`)
}

func TestAudit_ReadKey(t *testing.T) {
	if key, err := (config.Audit{}).ReadKey(); key != "" || err != nil {
		t.Errorf("without a file: got %q, error %v", key, err)
	}
	if key, err := (config.Audit{KeyFile: file(t, "a key\r\n")}).ReadKey(); key != "a key" || err != nil {
		t.Errorf("got %q, error %v", key, err)
	}
	// The name may be the key itself, in the wrong place.
	missing := filepath.Join(t.TempDir(), secret)
	if key, err := (config.Audit{KeyFile: missing}).ReadKey(); key != "" || err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("without that file: got %q, error %v", key, err)
	}
}
