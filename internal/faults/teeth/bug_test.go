package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBugs plants each bug in the server as it is today: it must apply, change every file that it is about, and build.
func TestBugs(t *testing.T) {
	module, err := moduleFolder(t.Context())
	check(t, err)
	all, err := bugs()
	check(t, err)
	if len(all) == 0 {
		t.Fatal("there are none")
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			folder := t.TempDir()
			overlay, err := b.plant(t.Context(), module, folder)
			check(t, err)
			for _, file := range b.files {
				before, err := os.ReadFile(filepath.Join(module, file))
				check(t, err)
				after, err := os.ReadFile(filepath.Join(folder, file))
				check(t, err)
				if string(before) == string(after) {
					t.Errorf("%s is as it was", file)
				}
			}
			// The server but for its main package, whose linking would take longer than all the rest.
			check(t, build(t.Context(), module, "-overlay", overlay, "./internal/app"))
		})
	}
}

// TestBugDoesNotApply has the code change under a bug: that must not pass for a server without it.
func TestBugDoesNotApply(t *testing.T) {
	module := t.TempDir()
	check(t, os.WriteFile(filepath.Join(module, "file.go"), []byte("package other\n"), 0o600))
	b := bug{name: "rotten", files: []string{"file.go"}, patch: []byte("What it is.\n\ndiff --git a/file.go b/file.go\n" +
		"--- a/file.go\n+++ b/file.go\n@@ -1,1 +1,1 @@\n-package main\n+package wrong\n")}
	if _, err := b.plant(t.Context(), module, t.TempDir()); err == nil {
		t.Error("a patch for other code was applied")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
