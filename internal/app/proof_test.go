package app_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/store/storetest"
)

// What the README has to check a proof without any of our programs comes to the same as they do.
func TestAuditProve_IsCheckedByTheLinesOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	check(t, err)
	found := regexp.MustCompile("(?s)\n```python\n(.*?)```\n").FindSubmatch(readme)
	if found == nil {
		t.Fatal("the README has no lines of Python")
	}
	program := string(found[1])
	if lines := strings.Count(program, "\n"); lines > 30 {
		t.Errorf("they are %d lines, and 30 are promised", lines)
	}
	storetest.Engines(t, func(t *testing.T, databaseURL string) {
		h := sealed(t, databaseURL, newKey(t, databaseURL))
		checks := func(proof string) (said string, ok bool) {
			t.Helper()
			c := exec.CommandContext(t.Context(), "python3", "-c", program, written(t, proof))
			output, err := c.CombinedOutput()
			if c.ProcessState == nil {
				t.Fatalf("python3: %v", err)
			}
			return string(output), err == nil
		}
		for _, execution := range []string{"one", "two", "three"} {
			proof, stderr, code := h.run(t, "audit", "prove", execution)
			if code != 0 {
				t.Fatalf("audit prove: %s", stderr)
			}
			said, ok := checks(proof)
			if !ok || !strings.Contains(said, "of the 5 that numora.example/test,1 had sealed") || !strings.Contains(said, `"execution_id":"`+execution+`"`) {
				t.Errorf("%s: %s", execution, said)
			}
			for what, changed := range map[string]string{
				"another outcome": strings.Replace(proof, `"status":"failed"`, `"status":"skipped"`, 1),
				"another number":  regexp.MustCompile(`"leaf":\d`).ReplaceAllString(proof, `"leaf":0`),
				"another size":    strings.Replace(proof, `\n5\n`, `\n4\n`, 1),
				"a longer path":   strings.Replace(proof, `"path":[`, `"path":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",`, 1),
			} {
				if said, ok := checks(changed); changed == proof || ok {
					t.Errorf("%s with %s passes: %s", execution, what, said)
				}
			}
		}
	})
}
