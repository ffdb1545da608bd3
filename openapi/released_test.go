package openapi_test

import (
	"bytes"
	"encoding/json"
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
		tooLong     = "request-property-max-length-decreased"
		announced   = tooLong + " | error_message | it was never met\n"
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

		"an operation is gone":               {old: attempt, new: "  /v1/elsewhere/{attempt_id}:\n", version: "0.1.1", problem: "api-path-removed"},
		"an operation has another name":      {old: "operationId: getDocument\n", new: "operationId: readDocument\n", version: "0.1.1", problem: "api-operation-id-removed"},
		"a scope is another":                 {old: scope, new: "x-required-scope: documents:write", version: "0.1.1", problem: "required-scope-changed"},
		"a parameter's default is another":   {old: "default: 20", new: "default: 50", version: "0.1.1", problem: "request-parameter-default-value-changed"},
		"a body's limit is lower":            {old: limit, new: lower, version: "0.1.1", problem: tooLong},
		"a body's required field is new":     {old: success, new: demanding + newOptional, version: "0.1.1", problem: "new-required-request-property"},
		"a body's free object is closed":     {old: "    Metadata:\n", new: "    Metadata:\n      additionalProperties: false\n", version: "0.1.1", problem: "additional-properties-changed"},
		"an answer's success is gone":        {old: "        \"201\":\n", new: "        \"202\":\n", version: "0.1.1", problem: "response-success-status-removed"},
		"an answer's error is gone":          {old: "        \"409\":\n", new: "        \"410\":\n", version: "0.1.1", problem: "response-non-success-status-removed"},
		"an answer's header is gone":         {old: "            Location:\n", new: "            Elsewhere:\n", version: "0.1.1", problem: "required-response-header-removed"},
		"an answer's header is another":      {old: "pattern: ^/v1/delivery/attempts/", new: "pattern: ^/v2/delivery/attempts/", version: "0.1.1", problem: "response-header-schema-changed"},
		"an answer's field is gone":          {old: "\n            recorded_by:\n", new: "\n            by:\n", version: "0.1.1", problem: "response-required-property-removed"},
		"an answer's optional field is gone": {old: "\n        outcome:\n", new: "\n        result:\n", version: "0.1.1", problem: "response-optional-property-removed"},
		"an answer's value is new":           {old: "enum: [ready, ", new: "enum: [ready, pending, ", version: "0.1.1", problem: "response-property-enum-value-added"},
		"it is served elsewhere":             {old: "  - url: /\n", new: "  - url: /api\n", version: "0.1.1", problem: "servers-changed"},

		"announced": {old: limit, new: lower, version: "0.2.0", announced: "0.2.0 | " + announced},
		"announced, of two": {
			old: "enum: [ready, ", new: "enum: [ready, pending, leased, ", version: "0.2.0", problem: "new `leased` enum value",
			announced: "0.2.0 | response-property-enum-value-added | `pending` enum value | leases are shown\n",
		},
		"announced without a reason":                  {old: limit, new: lower, version: "0.2.0", announced: "0.2.0 | " + tooLong + " | error_message | \n", problem: "is not VERSION"},
		"announced, and the minor version not raised": {old: limit, new: lower, version: "0.1.1", announced: "0.1.1 | " + announced, problem: "a raised minor"},
		"announced, and not so":                       {version: "0.2.0", announced: "0.2.0 | " + announced, problem: "nothing breaks so"},
		"announced and released":                      {version: "0.1.0", announced: "0.1.0 | " + announced},
		"announced by an earlier version":             {version: "0.2.0", announced: "0.1.1 | " + announced},
		"announced for a later version":               {version: "0.1.0", announced: "0.2.0 | " + announced, problem: "of a version up to this one"},
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
	lines, problems := announcements(announced, versionOf(now), problems)
	used := map[string]bool{}
	for _, change := range breaking(t, before, now) {
		reason := ""
		for _, line := range lines {
			if line.kind == change.kind && strings.Contains(change.what, line.what) {
				reason, used[line.what] = line.why, true
			}
		}
		told := strings.TrimPrefix(versionOf(now), "v") + " | " + change.kind + " | " + change.what
		if reason == "" {
			problems = append(problems, "this breaks clients; mend it, or announce it in released/breaking.txt: "+told+" | WHY")
		}
		if !raised(versionOf(before), versionOf(now)) {
			problems = append(problems, "this breaks clients, and needs a raised minor version, from 1.0.0 on a raised major one: "+told)
		}
	}
	for _, line := range lines {
		// Once it is released as announced, nothing differs any more; the line stays, to be read.
		if !used[line.what] && versionOf(before) != versionOf(now) {
			problems = append(problems, fmt.Sprintf("released/breaking.txt: %s | %s is announced, and nothing breaks so", line.kind, line.what))
		}
	}
	return problems
}

// breach is a change that breaks clients, in oasdiff's words.
type breach struct{ kind, what string }

// stricter are changes that oasdiff calls compatible and that break clients all the same: what they were promised is
// gone, or the code generated for them has other names.
var stricter = []string{
	"response-optional-property-removed", "response-non-success-status-removed", "optional-response-header-removed",
	"response-media-type-name-specialized", "request-body-discriminator-mapping-changed", "api-operation-id-removed", "api-schema-removed",
	"request-parameter-default-value-added", "request-parameter-default-value-changed", "request-parameter-default-value-removed",
}

// breaking returns what would break a client of the contract before.
func breaking(t *testing.T, before, now *openapi3.T) (found []breach) {
	t.Helper()
	levels := map[string]checker.Level{}
	for _, kind := range stricter {
		levels[kind] = checker.ERR
	}
	config := checker.NewConfig(checker.GetAllChecks(), checker.WithSeverityLevels(levels))
	differences, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), merged(t, before), merged(t, now))
	check(t, err)
	words := checker.NewDefaultLocalizer()
	for _, change := range checker.CheckBackwardCompatibility(config, differences, sources) {
		where := strings.TrimSpace(change.GetOperation() + " " + change.GetPath())
		found = append(found, breach{change.GetId(), strings.TrimPrefix(where+": ", ": ") + change.GetUncolorizedText(words)})
	}
	found = append(found, unseen(t, before, now)...)
	slices.SortFunc(found, func(a, b breach) int { return strings.Compare(a.kind+a.what, b.kind+b.what) })
	return slices.Compact(found)
}

// merged is a contract whose schemas have no parts: in which of them a member stands is nothing to a client.
func merged(t *testing.T, contract *openapi3.T) *load.SpecInfo {
	t.Helper()
	flat, err := allof.MergeSpec(contract)
	check(t, err)
	return &load.SpecInfo{Spec: flat}
}

// unseen are the breaches that oasdiff does not look for.
func unseen(t *testing.T, before, now *openapi3.T) (found []breach) {
	t.Helper()
	differ := func(a, b any) bool { return asJSON(t, a) != asJSON(t, b) }
	if differ(before.Servers, now.Servers) {
		found = append(found, breach{"servers-changed", "the contract is served elsewhere"})
	}
	for name, schema := range before.Components.Schemas {
		if other := now.Components.Schemas[name]; other != nil && differ(schema.Value.AdditionalProperties, other.Value.AdditionalProperties) {
			found = append(found, breach{"additional-properties-changed", "schema " + name})
		}
	}
	for path, item := range before.Paths.Map() {
		for method, operation := range item.Operations() {
			other := now.Paths.Value(path)
			if other == nil || other.GetOperation(method) == nil {
				continue // oasdiff tells
			}
			where, changed := method+" "+path, other.GetOperation(method)
			if differ(operation.Extensions["x-required-scope"], changed.Extensions["x-required-scope"]) {
				found = append(found, breach{"required-scope-changed", where})
			}
			for status, answer := range operation.Responses.Map() {
				for name, header := range answer.Value.Headers {
					if answer := changed.Responses.Value(status); answer != nil && answer.Value.Headers[name] != nil &&
						differ(header.Value.Schema.Value, answer.Value.Headers[name].Value.Schema.Value) {
						found = append(found, breach{"response-header-schema-changed", where + ": " + status + " " + name})
					}
				}
			}
		}
	}
	return found
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	check(t, err)
	return string(text)
}

// raised tells whether a version may break what the one before had.
func raised(before, now string) bool {
	if semver.Major(before) == "v0" && semver.Major(now) == "v0" {
		return semver.Compare(semver.MajorMinor(now), semver.MajorMinor(before)) > 0
	}
	return semver.Compare(semver.Major(now), semver.Major(before)) > 0
}

// announcement is a line of released/breaking.txt. It stands for all changes of its kind that hold its words.
type announcement struct{ kind, what, why string }

// announcements returns those of a version, and adds what is wrong with any to the problems.
func announcements(text, version string, problems []string) ([]announcement, []string) {
	var lines []announcement
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(strings.TrimSpace(line), " | ")
		if len(parts) != 4 || slices.Contains(parts, "") || semver.Compare("v"+parts[0], version) > 0 {
			problems = append(problems, fmt.Sprintf("released/breaking.txt: %q is not VERSION | KIND | WORDS OF THE CHANGE | WHY, of a version up to this one", line))
		} else if "v"+parts[0] == version {
			lines = append(lines, announcement{parts[1], parts[2], parts[3]})
		}
	}
	return lines, problems
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
