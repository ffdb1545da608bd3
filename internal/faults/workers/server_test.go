package workers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServer_ThatEndsByItself_IsFound(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	servers, err := Servers(Program(path), Prepared{}, newJournal(), directory, "postgres://nowhere")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := servers[0].Start(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("its start: %v", err)
	}
	if strange := servers[0].Strange(); len(strange) != 1 || !strings.Contains(strange[0], "ended by itself") {
		t.Errorf("what it did: %q", strange)
	}
}
