package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// house is a module as the rules see it.
type house struct {
	module   string
	packages []goPackage
	topLevel []string
	goMod    string // the text of go.mod
	readme   string
	tests    []string // the names of all test functions, whatever their build tags
}

type goPackage struct {
	path  string // below the module, "" for its root
	name  string
	files []goFile
}

type goFile struct {
	name    string
	imports []string
	lines   int
	code    int // lines that are neither empty nor a comment alone
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// inspect returns a sentence for each violation of the rules.
func inspect(inspected house) []string {
	var violations []string
	report := func(format string, arguments ...any) {
		violations = append(violations, fmt.Sprintf(format, arguments...))
	}

	for _, name := range inspected.topLevel {
		if !strings.HasPrefix(name, ".") && !slices.Contains(topLevel, name) {
			report("%s may not stand at the top level, which holds %s", name, strings.Join(topLevel, ", "))
		}
	}

	inspectRequirements(inspected.goMod, report)
	for _, name := range testNames.FindAllStringSubmatch(inspected.readme, -1) {
		if !slices.Contains(inspected.tests, name[1]) {
			report("README.md names the test %s, which there is not", name[1])
		}
	}
	total := 0
	for _, inspectedPackage := range inspected.packages {
		inspectName(inspectedPackage, report)
		inspectImports(inspectedPackage, inspected.module, report)
		total += inspectLength(inspectedPackage, report)
	}
	if total >= maxModuleLines {
		report("there are %d lines of hand-written code, fewer than %d is the aim", total, maxModuleLines)
	}
	return violations
}

// testNames are the tests that a text names as code.
var testNames = regexp.MustCompile("`(Test[A-Z0-9]\\w*)`")

// inspectRequirements wants a reason behind each module that is required, unless another one brings it.
func inspectRequirements(goMod string, report func(string, ...any)) {
	inBlock := false
	for line := range strings.Lines(goMod) {
		statement, reason, _ := strings.Cut(line, "//")
		words, reason := strings.Fields(statement), strings.TrimSpace(reason)
		switch {
		case slices.Equal(words, []string{"require", "("}):
			inBlock = true
			continue
		case slices.Equal(words, []string{")"}):
			inBlock = false
		case len(words) > 0 && words[0] == "require":
			words = words[1:]
		case !inBlock:
			continue
		}
		if len(words) == 2 && reason == "" {
			report("go.mod requires %s without a reason: say behind it, as a comment, what it is for", words[0])
		}
	}
}

func inspectName(inspected goPackage, report func(string, ...any)) {
	for _, name := range vagueNames {
		if inspected.name == name || slices.Contains(strings.Split(inspected.path, "/"), name) {
			report("%s: %q is no name for a package, say what it is about", inspected.path, name)
		}
	}
}

func inspectImports(inspected goPackage, module string, report func(string, ...any)) {
	home, known := roomOf(inspected.path)
	if !known {
		report("%q is in no known room: give it a row in internal/house/rules.go, with its one subject", inspected.path)
	}
	for _, file := range inspected.files {
		for _, imported := range file.imports {
			if fenced, ok := fenceOf(imported); ok && !isBelowAny(inspected.path, fenced.rooms) {
				report("%s/%s imports %s, which is for %s only",
					inspected.path, file.name, imported, strings.Join(fenced.rooms, " and "))
			} else if known && !file.isTest() && !home.mayImport(imported, module) {
				report("%s/%s imports %s, which %s (%s) may not",
					inspected.path, file.name, imported, home.path, home.subject)
			}
		}
	}
}

// inspectLength returns how many lines of code of the package count towards the module's.
func inspectLength(inspected goPackage, report func(string, ...any)) int {
	if isBelow(inspected.path, generated) {
		return 0
	}
	total := 0
	for _, file := range inspected.files {
		if file.isTest() {
			continue
		}
		if file.lines > maxFileLines {
			report("%s/%s has %d lines, %d is the limit: split it by subject",
				inspected.path, file.name, file.lines, maxFileLines)
		}
		total += file.code
	}
	if isBelowAny(inspected.path, apart) {
		return 0
	}
	return total
}

// roomOf returns the room of a package: of those that cover it, the innermost.
func roomOf(path string) (room, bool) {
	var innermost room
	for _, candidate := range rooms {
		if isBelow(path, candidate.path) && len(candidate.path) > len(innermost.path) {
			innermost = candidate
		}
	}
	return innermost, innermost.path != ""
}

func fenceOf(imported string) (fence, bool) {
	index := slices.IndexFunc(fences, func(candidate fence) bool { return isBelow(imported, candidate.module) })
	if index < 0 {
		return fence{}, false
	}
	return fences[index], true
}

func (r room) mayImport(imported, module string) bool {
	if isBelow(imported, module) {
		path := relative(imported, module)
		return isBelow(path, r.path) || isBelowAny(path, r.rooms)
	}
	return isStandard(imported) || isBelowAny(imported, r.external)
}

// isStandard tells the standard library by its paths: the go command keeps those whose first element has no
// dot for it.
func isStandard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// isBelow says whether a path is the folder or anything in it; everything is below "".
func isBelow(path, folder string) bool {
	return folder == "" || path == folder || strings.HasPrefix(path, folder+"/")
}

func isBelowAny(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return isBelow(path, folder) })
}

// relative returns an import path of the module as a path below it, "" for its root.
func relative(imported, module string) string {
	return strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
}
