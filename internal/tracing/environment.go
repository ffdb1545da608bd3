package tracing

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// FromEnvironment reads the settings: tracing is on when an OTLP endpoint or OTEL_TRACES_EXPORTER=otlp is set,
// unless OTEL_SDK_DISABLED is true or the exporter is none. Problems name what cannot be obeyed.
func FromEnvironment() (settings Settings, problems []string) {
	exporter := get("OTEL_TRACES_EXPORTER")
	if strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") || exporter == "none" {
		return Settings{}, nil
	}
	if exporter != "" && exporter != "otlp" {
		return Settings{}, []string{fmt.Sprintf("OTEL_TRACES_EXPORTER must be otlp or none, not %q", exporter)}
	}
	_, endpoint := firstSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if exporter == "" && endpoint == "" {
		return Settings{}, nil
	}
	settings.On = true
	switch name, protocol := firstSet("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol {
	case "", "http/protobuf":
	case "grpc":
		settings.grpc = true
	default:
		problems = append(problems, fmt.Sprintf("%s must be http/protobuf or grpc, not %q", name, protocol))
	}
	if problems = append(problems, settings.checkValues()...); len(problems) > 0 {
		return Settings{}, problems
	}
	return settings, nil
}

// get returns a variable as the SDK reads it: blanks around are nothing.
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// firstSet returns the first of the variables that is set, and its value.
func firstSet(names ...string) (name, value string) {
	for _, name := range names {
		if value := get(name); value != "" {
			return name, value
		}
	}
	return "", ""
}

// checkValues finds what the SDK cannot read. It would say so in a line of its own, with the value in it, which may
// be a secret, and go on without: to another collector even. So no message here repeats a value.
func (s Settings) checkValues() (problems []string) {
	endpoint := checkURL
	if s.grpc {
		endpoint = checkTarget
	}
	for _, variable := range []struct {
		name  string // behind OTEL_EXPORTER_OTLP_, and behind OTEL_EXPORTER_OTLP_TRACES_
		check func(value string) string
	}{
		{"ENDPOINT", endpoint}, {"HEADERS", checkPairs(headerName)}, {"TIMEOUT", checkMilliseconds},
		{"CERTIFICATE", checkFile}, {"CLIENT_CERTIFICATE", checkFile}, {"CLIENT_KEY", checkFile},
	} {
		for _, prefix := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
			problems = append(problems, checkValue(prefix+variable.name, variable.check)...)
		}
	}
	problems = append(problems, checkValue("OTEL_RESOURCE_ATTRIBUTES", checkPairs(anyName))...)
	problems = append(problems, checkValue("OTEL_TRACES_SAMPLER", checkSampler)...)
	if strings.HasSuffix(strings.ToLower(get("OTEL_TRACES_SAMPLER")), "traceidratio") {
		problems = append(problems, checkValue("OTEL_TRACES_SAMPLER_ARG", checkRatio)...)
	}
	return problems
}

// checkValue holds a variable, where it is set, against a check that says what is wrong with it, or nothing.
func checkValue(name string, check func(value string) string) []string {
	value := get(name)
	if value == "" {
		return nil
	}
	if wrong := check(value); wrong != "" {
		return []string{name + " " + wrong}
	}
	return nil
}

func checkURL(value string) string {
	if parsed, err := url.Parse(value); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return "must be a URL such as http://127.0.0.1:4318"
	}
	return ""
}

// checkTarget lets through what gRPC has names for besides URLs.
func checkTarget(value string) string {
	if _, err := url.Parse(value); err != nil {
		return "must be a URL such as http://127.0.0.1:4317"
	}
	return ""
}

var (
	headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$") // as HTTP has it
	anyName    = regexp.MustCompile(`^.+$`)
)

// checkPairs looks at NAME=VALUE,... with names like this.
func checkPairs(names *regexp.Regexp) func(value string) string {
	return func(value string) string {
		for pair := range strings.SplitSeq(value, ",") {
			name, text, given := strings.Cut(pair, "=")
			if _, err := url.PathUnescape(text); err != nil || !given || !names.MatchString(strings.TrimSpace(name)) {
				return "must be NAME=VALUE,... with the values percent-encoded"
			}
		}
		return ""
	}
}

func checkMilliseconds(value string) string {
	if _, err := strconv.ParseUint(value, 10, 31); err != nil {
		return "must be a whole number of milliseconds"
	}
	return ""
}

func checkFile(value string) string {
	if _, err := os.ReadFile(value); err != nil { // #nosec G304 -- the operator names it, in the server's environment, to be read
		return "names a file that cannot be read"
	}
	return ""
}

func checkSampler(value string) string {
	kinds := []string{"always_on", "always_off", "traceidratio"}
	if !slices.Contains(kinds, strings.TrimPrefix(strings.ToLower(value), "parentbased_")) {
		return "must be " + strings.Join(kinds, ", ") + ", or one of them behind parentbased_"
	}
	return ""
}

func checkRatio(value string) string {
	if ratio, err := strconv.ParseFloat(value, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return "must be a number between 0 and 1"
	}
	return ""
}
