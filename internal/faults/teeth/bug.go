package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed bugs/*.patch
var patches embed.FS

// bug is a mistake that can be planted in the server.
type bug struct {
	name  string
	says  string // what it is, in one sentence
	patch []byte
	files []string // that it changes, below the module
}

// bugs are all, by their names.
func bugs() (all []bug, err error) {
	names, err := fs.Glob(patches, "bugs/*.patch")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		patch, err := patches.ReadFile(name)
		if err != nil {
			return nil, err
		}
		b := bug{name: strings.TrimSuffix(path.Base(name), ".patch"), patch: patch}
		said, _, _ := strings.Cut(string(patch), "\n")
		if b.says = said; said == "" || strings.HasPrefix(said, "diff ") {
			return nil, fmt.Errorf("%s does not say in its first line what the bug is", name)
		}
		for line := range strings.Lines(string(patch)) {
			if file, is := strings.CutPrefix(line, "--- a/"); is {
				b.files = append(b.files, strings.TrimSpace(file))
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// plant writes the files that the bug changes, with it, below folder, and returns a list of them that "go build" takes for
// its -overlay: so the module itself stays as it is, and is not copied either.
func (b bug) plant(ctx context.Context, module, folder string) (overlay string, err error) {
	replace := make(map[string]string, len(b.files))
	for _, file := range b.files {
		original, planted := filepath.Join(module, file), filepath.Join(folder, file)
		text, err := os.ReadFile(original)
		if err != nil {
			return "", err
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(planted), 0o700), os.WriteFile(planted, text, 0o600)); err != nil { // #nosec G703 -- as the patch, which is of this program, names it
			return "", err
		}
		replace[original] = planted
	}
	if err := b.apply(ctx, folder); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(folder, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// apply applies the patch to what is below folder.
func (b bug) apply(ctx context.Context, folder string) error {
	command := exec.CommandContext(ctx, "git", "apply", "-")
	command.Dir, command.Stdin = folder, bytes.NewReader(b.patch)
	// In a folder of a repository git would pass over, without a word, what is not below that folder.
	command.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GIT_") }),
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(folder))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the patch of %s does not apply: %w\n%s", b.name, err, output)
	}
	return nil
}

// moduleFolder is where the module is that this is run in.
func moduleFolder(ctx context.Context) (string, error) {
	file, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(file))), nil
}

// build runs "go build" in the module.
func build(ctx context.Context, module string, arguments ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"build", "-buildvcs=false"}, arguments...)...)
	command.Dir, command.Env = module, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return nil
}
