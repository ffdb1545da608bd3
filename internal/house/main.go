// Command house checks that this module keeps to its floor plan: which rooms there are and what each may
// import, what stands at the top level, how packages are named, that each module that it requires is required
// for a reason, that the tests which the README names are there, and that the whole stays small. The rules are in rules.go; "make lint" runs it as
//
//	go run ./internal/house
//
// from the module's root. It prints every violation there is and exits with 1 if there is any.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	surveyed, err := survey()
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
	violations := inspect(surveyed)
	for _, violation := range violations {
		fmt.Fprintln(os.Stderr, "house:", violation)
	}
	if len(violations) > 0 {
		os.Exit(1)
	}
}

var testFunctions = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// survey describes the module in the working directory.
func survey() (house, error) {
	listing, err := output("go", "list", "-json=Dir,ImportPath,Name,Module,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	if err != nil {
		return house{}, err
	}
	var surveyed house
	for decoder := json.NewDecoder(bytes.NewReader(listing)); ; {
		var listed listedPackage
		if err := decoder.Decode(&listed); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return house{}, fmt.Errorf("go list: %w", err)
		}
		described, err := listed.describe()
		if err != nil {
			return house{}, err
		}
		surveyed.module = listed.Module.Path
		surveyed.packages = append(surveyed.packages, described)
	}

	goMod, err := os.ReadFile("go.mod")
	if err != nil {
		return house{}, err
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return house{}, err
	}
	surveyed.goMod, surveyed.readme = string(goMod), string(readme)

	// Git knows what belongs to the repository: its files, and those that will be unless they are ignored.
	files, err := output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return house{}, err
	}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(files), "\x00"), "\x00") {
		top, _, _ := strings.Cut(file, "/")
		surveyed.topLevel = append(surveyed.topLevel, top)
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) { // it was removed, and Git has yet to be told
			continue
		}
		if err != nil {
			return house{}, err
		}
		for _, declared := range testFunctions.FindAllSubmatch(source, -1) {
			surveyed.tests = append(surveyed.tests, string(declared[1]))
		}
	}
	slices.Sort(surveyed.topLevel)
	surveyed.topLevel = slices.Compact(surveyed.topLevel)
	return surveyed, nil
}

// listedPackage is what "go list -json" tells of a package.
type listedPackage struct {
	Dir, ImportPath, Name                                        string
	Module                                                       struct{ Path string }
	GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
}

// describe reads the package's files, each for itself: "go list" knows the imports of this system's files
// only, and the rules are for the others' as well.
func (l listedPackage) describe() (goPackage, error) {
	described := goPackage{path: relative(l.ImportPath, l.Module.Path), name: l.Name}
	for _, name := range slices.Concat(l.GoFiles, l.CgoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles) {
		path := filepath.Join(l.Dir, name)
		source, err := os.ReadFile(path)
		if err != nil {
			return goPackage{}, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ImportsOnly)
		if err != nil {
			return goPackage{}, err
		}
		file := goFile{name: name, lines: bytes.Count(source, []byte("\n")), code: codeLines(source)}
		for _, imported := range parsed.Imports {
			importPath, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				return goPackage{}, fmt.Errorf("%s: %w", path, err)
			}
			file.imports = append(file.imports, importPath)
		}
		described.files = append(described.files, file)
	}
	return described, nil
}

// output runs a program and returns what it prints; its complaints become the error's text.
func output(program string, arguments ...string) ([]byte, error) {
	command := exec.Command(program, arguments...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	printed, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", program, arguments[0], err, &complaints)
	}
	return printed, nil
}

// codeLines counts the lines that are neither empty nor a comment alone.
func codeLines(source []byte) int {
	count := 0
	for line := range bytes.Lines(source) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("//")) {
			count++
		}
	}
	return count
}
