package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// foreign are the NUMORA_ variables that are not settings of the server: what clients and tests use, and what
// Kubernetes tells every container about a service whose name begins with numora.
var foreign = regexp.MustCompile(`^NUMORA_(API|TEST)_|^NUMORA\w*(_SERVICE_HOST=|_SERVICE_PORT(_\w+)?=|_PORT=\w+://|_PORT_\d+_[A-Z]+(_[A-Z]+)?=)`)

// checkEnvironment finds variables (NAME=VALUE) that look like settings of the server but are none: what
// somebody meant to set would silently not be.
func checkEnvironment(variables []string) []string {
	known := settingNames(reflect.TypeFor[Serve]())
	var problems []string
	for _, variable := range slices.Sorted(slices.Values(variables)) {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "NUMORA_") && !slices.Contains(known, name) && !foreign.MatchString(variable) {
			problems = append(problems, fmt.Sprintf("%s is no setting; \"numora-delivery serve --help\" lists them", name))
		}
	}
	return problems
}

// settingNames returns the names of the environment variables of a struct of settings.
func settingNames(settings reflect.Type) []string {
	var names []string
	for field := range settings.Fields() {
		if name := field.Tag.Get("env"); name != "" {
			names = append(names, name)
		} else if field.Anonymous {
			names = append(names, settingNames(field.Type)...)
		}
	}
	return names
}
