package openapi_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/load"
	"golang.org/x/mod/semver"

	"github.com/numora/delivery/openapi"
)

// Who generated a client from a released contract goes on with it: adding is free, breaking is announced.
func TestContract_KeepsWhatWasReleased(t *testing.T) {
	files := releases(t)
	for _, problem := range compare(t, read(t, files[len(files)-1]), openapi.YAML(), string(read(t, "released/breaking.txt"))) {
		t.Error(problem)
	}
}

func TestReleased_IsNamedAfterItsVersion(t *testing.T) {
	for _, file := range releases(t) {
		if version := versionOf(parse(t, read(t, file))); filepath.Base(file) != version+".yaml" {
			t.Errorf("%s holds %s", file, version)
		}
	}
}

// The rules, tried on changes to the first release.
func TestCompare(t *testing.T) {
	const (
		attempt     = "  /v1/delivery/attempts/{attempt_id}:\n"
		scope       = "x-required-scope: delivery:write"
		summary     = "summary: Can it take work"
		limit       = "      maxLength: 16384\n"
		lower       = "      maxLength: 16383\n"
		tooLong     = "request-property-max-length-decreased | POST /v1/documents/{id}/delivery"
		recorder    = "      required: [key_id, name]\n      properties:\n"
		success     = "required: [provider, status, execution_id, attempted_at, external_record_id]\n      properties:\n"
		demanding   = "required: [provider, status, execution_id, attempted_at, external_record_id, note]\n      properties:\n"
		newOptional = "        note: {type: string, maxLength: 9}\n"
	)
	for name, planted := range map[string]struct {
		old, new  string // what stands in the release, and what takes its place
		version   string
		announced string
		problem   string // that is told; none when empty
	}{
		"nothing":                         {version: "0.1.0"},
		"a version alone":                 {version: "0.1.1"},
		"a change under the same version": {old: summary, new: "summary: Can it", version: "0.1.0", problem: "a higher version"},
		"a change under a lower version":  {old: summary, new: "summary: Can it", version: "0.0.9", problem: "a higher version"},

		"an operation is new":            {old: attempt, new: "  /v1/new:\n    get:\n      responses:\n        \"200\": {description: new}\n" + attempt, version: "0.1.1"},
		"a body's optional field is new": {old: "        providers:\n", new: newOptional + "        providers:\n", version: "0.1.1"},
		"an answer's field is new":       {old: recorder, new: recorder + newOptional, version: "0.1.1"},

		"an operation is gone":           {old: attempt, new: "  /v1/elsewhere/{attempt_id}:\n", version: "0.1.1", problem: "api-path-removed"},
		"a scope is another":             {old: scope, new: "x-required-scope: documents:write", version: "0.1.1", problem: "required-scope-changed"},
		"a body's limit is lower":        {old: limit, new: lower, version: "0.1.1", problem: tooLong},
		"a body's required field is new": {old: success, new: demanding + newOptional, version: "0.1.1", problem: "new-required-request-property"},
		"an answer's status is gone":     {old: "        \"201\":\n", new: "        \"202\":\n", version: "0.1.1", problem: "response-success-status-removed"},
		"an answer's header is gone":     {old: "            Location:\n", new: "            Elsewhere:\n", version: "0.1.1", problem: "required-response-header-removed"},
		"an answer's field is gone":      {old: "\n            recorded_by:\n", new: "\n            by:\n", version: "0.1.1", problem: "response-required-property-removed"},

		"announced":                  {old: limit, new: lower, version: "0.2.0", announced: "0.2.0 | " + tooLong + " | it was never met\n"},
		"announced without a reason": {old: limit, new: lower, version: "0.2.0", announced: "0.2.0 | " + tooLong + " |\n", problem: "announce it"},
		"announced, and the minor version not raised": {
			old: limit, new: lower, version: "0.1.1", announced: "0.1.1 | " + tooLong + " | it was never met\n", problem: "a raised minor",
		},
		"announced, and not so":           {version: "0.2.0", announced: "0.2.0 | " + tooLong + " | it was never met\n", problem: "nothing breaks so"},
		"announced by an earlier version": {version: "0.2.0", announced: "0.1.1 | " + tooLong + " | it was never met\n"},
	} {
		t.Run(name, func(t *testing.T) {
			released := read(t, "released/v0.1.0.yaml")
			if planted.old != "" && !bytes.Contains(released, []byte(planted.old)) {
				t.Fatalf("the release does not hold %q", planted.old)
			}
			changed := bytes.Replace(released, []byte(planted.old), []byte(planted.new), 1)
			changed = bytes.Replace(changed, []byte("version: 0.1.0\n"), []byte("version: "+planted.version+"\n"), 1)
			told := strings.Join(compare(t, released, changed, planted.announced), "\n")
			if planted.problem == "" && told != "" || !strings.Contains(told, planted.problem) {
				t.Errorf("told %q, want %q", told, planted.problem)
			}
		})
	}
}

// compare says what is wrong with a contract that follows a released one, given the breaking changes that are announced.
func compare(t *testing.T, released, contract []byte, announced string) (problems []string) {
	t.Helper()
	before, now := parse(t, released), parse(t, contract)
	if !bytes.Equal(released, contract) && semver.Compare(versionOf(now), versionOf(before)) <= 0 {
		problems = append(problems, fmt.Sprintf("the contract differs from the released %s and needs a higher version", versionOf(before)))
	}
	reasons := reasonsIn(t, announced, versionOf(now))
	for _, change := range breaking(t, before, now) {
		if reasons[change] == "" {
			problems = append(problems, fmt.Sprintf("breaking: %s; mend it, or announce it with a reason in released/breaking.txt", change))
		}
		if !raised(versionOf(before), versionOf(now)) {
			problems = append(problems, fmt.Sprintf("breaking: %s; that needs a raised minor version, from 1.0.0 on a raised major one", change))
		}
		delete(reasons, change)
	}
	for change := range reasons {
		problems = append(problems, fmt.Sprintf("released/breaking.txt: %s is announced, and nothing breaks so", change))
	}
	return problems
}

// breaking returns what would trouble a client of the contract before, each as "what | where".
func breaking(t *testing.T, before, now *openapi3.T) (changes []string) {
	t.Helper()
	var flat [2]*load.SpecInfo // in which of its parts a schema has a member is nothing to a client
	for i, contract := range []*openapi3.T{before, now} {
		merged, err := allof.MergeSpec(contract)
		check(t, err)
		flat[i] = &load.SpecInfo{Spec: merged}
	}
	found, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), flat[0], flat[1])
	check(t, err)
	for _, change := range checker.CheckBackwardCompatibility(checker.NewConfig(checker.GetAllChecks()), found, sources) {
		changes = append(changes, strings.TrimSpace(change.GetId()+" | "+change.GetOperation()+" "+change.GetPath()))
	}
	for path, item := range before.Paths.Map() {
		for method, operation := range item.Operations() {
			if item := now.Paths.Value(path); item != nil && item.GetOperation(method) != nil &&
				item.GetOperation(method).Extensions["x-required-scope"] != operation.Extensions["x-required-scope"] {
				changes = append(changes, "required-scope-changed | "+method+" "+path)
			}
		}
	}
	slices.Sort(changes)
	return slices.Compact(changes)
}

// raised tells whether a version may break what the one before had.
func raised(before, now string) bool {
	if semver.Major(before) == "v0" && semver.Major(now) == "v0" {
		return semver.Compare(semver.MajorMinor(now), semver.MajorMinor(before)) > 0
	}
	return semver.Compare(semver.Major(now), semver.Major(before)) > 0
}

// reasonsIn returns the reasons for the breaking changes that a version brings.
func reasonsIn(t *testing.T, announced, version string) map[string]string {
	t.Helper()
	reasons := map[string]string{}
	for line := range strings.Lines(announced) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(strings.TrimSpace(line), "|")
		if len(parts) != 4 {
			t.Fatalf("released/breaking.txt: %q has not four parts", line)
		}
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		if "v"+parts[0] == version {
			reasons[parts[1]+" | "+parts[2]] = parts[3]
		}
	}
	return reasons
}

// releases returns the files of the released contracts, the last one last.
func releases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("released/v*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no released contract: %v", err)
	}
	slices.SortFunc(files, func(a, b string) int {
		return semver.Compare(strings.TrimSuffix(filepath.Base(a), ".yaml"), strings.TrimSuffix(filepath.Base(b), ".yaml"))
	})
	return files
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	return text
}

func parse(t *testing.T, text []byte) *openapi3.T {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromData(text)
	check(t, err)
	return contract
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func versionOf(contract *openapi3.T) string { return "v" + contract.Info.Version }
