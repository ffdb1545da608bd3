//go:build faults

package alone

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var program string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "faults-alone-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(folder, "numora-delivery")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, "github.com/numora/delivery/cmd/numora-delivery")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		panic(string(output))
	}
	code := m.Run()
	if err := os.RemoveAll(folder); err != nil {
		panic(err)
	}
	os.Exit(code)
}

func options(t *testing.T) Options { return Options{Program: program, Directory: t.TempDir()} }

// clean makes sure that a proof found nothing.
func clean(t *testing.T, r Result, err error) {
	t.Helper()
	check(t, err)
	for _, f := range r.Findings {
		t.Error(f)
	}
	t.Logf("%d acknowledged, %d faults, recovered within %s", r.Acknowledged, r.Faults, r.Recovery)
}
