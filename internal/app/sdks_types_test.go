//go:build sdks

package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever reports a success without saying as which record does not get as far as running it.
func TestSDKs_SucceededWithoutItsRecord_DoesNotCompile(t *testing.T) {
	for _, language := range []string{"typescript", "python"} {
		t.Run(language, func(t *testing.T) {
			must(t, root, nil, filepath.Join("openapi", "sdk", language, "check"))
		})
	}
	t.Run("go", func(t *testing.T) {
		const program = "package main\n\nimport (\n\t\"time\"\n\n\t\"" + goModule + "/gen/deliveryclient\"\n)\n\nfunc main() { _ = deliveryclient.Succeeded(\"sap\", \"one\", time.Now()) }\n"
		whole, err := filepath.Abs(root)
		check(t, err)
		project := t.TempDir()
		check(t, os.WriteFile(filepath.Join(project, "main.go"), []byte(program), 0o600))
		copyFile(t, filepath.Join(root, "go.sum"), filepath.Join(project, "go.sum"))
		must(t, project, nil, "go", "mod", "init", "worker.example/wrong")
		must(t, project, nil, "go", "mod", "edit", "-require="+goModule+"@v0.0.0", "-replace="+goModule+"="+whole)
		if got := whatItRefuses(t, project, "go", "build", "-mod=mod", "./..."); !strings.Contains(got, "not enough arguments in call to deliveryclient.Succeeded") {
			t.Errorf("the compiler says %q", got)
		}
	})
	// A contract that does not want the record's id any more is not one that the layer fits.
	t.Run("go, by a loosened contract", func(t *testing.T) {
		contract, err := os.ReadFile(filepath.Join(root, "openapi", "delivery.yaml"))
		check(t, err)
		const wanted = "required: [provider, status, execution_id, attempted_at, external_record_id]"
		if strings.Count(string(contract), wanted) != 1 {
			t.Fatalf("the contract has not one %q", wanted)
		}
		loosened, client := filepath.Join(t.TempDir(), "loosened.yaml"), filepath.Join(t.TempDir(), "client")
		check(t, os.WriteFile(loosened, []byte(strings.Replace(string(contract), wanted, "required: [provider, status, execution_id, attempted_at]", 1)), 0o600))
		check(t, os.Mkdir(client, 0o700))
		copyFile(t, filepath.Join(root, "go.mod"), filepath.Join(client, "go.mod"))
		copyFile(t, filepath.Join(root, "go.sum"), filepath.Join(client, "go.sum"))
		settings, err := os.ReadFile(filepath.Join(root, "openapi", "client.cfg.yaml"))
		check(t, err)
		elsewhere := filepath.Join(t.TempDir(), "client.cfg.yaml")
		check(t, os.WriteFile(elsewhere, []byte(strings.Replace(string(settings), "../gen/deliveryclient", client, 1)), 0o600))
		must(t, root, nil, "go", "run", "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen", "-config", elsewhere, loosened)
		layer, err := filepath.Glob(filepath.Join(root, "gen", "deliveryclient", "*.gen.go"))
		check(t, err)
		for _, file := range layer {
			if name := filepath.Base(file); name != "deliveryclient.gen.go" {
				copyFile(t, file, filepath.Join(client, name))
			}
		}
		if got := whatItRefuses(t, client, "go", "build", "."); !strings.Contains(got, "caller.gen.go") || !strings.Contains(got, "externalRecordID") {
			t.Errorf("the compiler says %q", got)
		}
	})
}

// whatItRefuses runs a command that has to fail, and returns what it says.
func whatItRefuses(t *testing.T, folder string, command ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Dir = folder
	output, err := c.CombinedOutput()
	if err == nil {
		t.Errorf("%v: it did not fail", command)
	}
	return string(output)
}
