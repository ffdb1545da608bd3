package tracing_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/tracing"
)

const secret = "hunter2"

// environment makes these the only OTEL_ variables.
func environment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, value) // restores it afterwards
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range variables {
		t.Setenv(name, value)
	}
}

func TestFromEnvironment_SaysWhetherToTrace(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		on        bool
	}{
		"Nothing_Off":                {nil, false},
		"Endpoint_On":                {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, true},
		"EndpointOfTraces_On":        {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector/v1/traces"}, true},
		"EndpointOfMetrics_Off":      {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://collector:4318"}, false},
		"Exporter_On":                {map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true},
		"EmptyVariables_Off":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_TRACES_EXPORTER": ""}, false},
		"BlankEndpoint_Off":          {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, false},
		"ProtocolAlone_Off":          {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false},
		"BadValuesOfWhatIsOff_Off":   {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon", "OTEL_EXPORTER_OTLP_HEADERS": secret}, false},
		"ServiceNameAlone_Off":       {map[string]string{"OTEL_SERVICE_NAME": "mine"}, false},
		"ExporterNone_Off":           {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, false},
		"ExporterNone_AsksNoMore":    {map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"}, false},
		"Disabled_Off":               {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, false},
		"DisabledInUpperCase_Off":    {map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, false},
		"Disabled_AsksNoMore":        {map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "zipkin"}, false},
		"NotDisabled_On":             {map[string]string{"OTEL_SDK_DISABLED": "false", "OTEL_TRACES_EXPORTER": "otlp"}, true},
		"DisabledByAnotherWord_On":   {map[string]string{"OTEL_SDK_DISABLED": "1", "OTEL_TRACES_EXPORTER": "otlp"}, true}, // the standard knows true alone
		"ProtocolHTTP_On":            {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, true},
		"ProtocolGRPC_On":            {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		"ProtocolOfTracesWins_On":    {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, true},
		"TargetOfGRPC_On":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		"SocketOfGRPC_On":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/collector", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
		"HeadersAndAttributes_On":    {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20x%3D, x-tenant=1", "OTEL_RESOURCE_ATTRIBUTES": "a=1,b.c= 2 ,d="}, true},
		"MillisecondsAndBlanks_On":   {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": " 5000 "}, true},
		"FileThatIsThere_On":         {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_CERTIFICATE": "environment_test.go"}, true},
		"Sampler_On":                 {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "nothing asks for it"}, true},
		"SamplerWithRatio_On":        {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "ParentBased_TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG": " 0.25 "}, true},
		"VariablesOfOtherSignals_On": {map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "nonsense"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, test.variables)
			if settings, problems := tracing.FromEnvironment(); settings.On != test.on || len(problems) > 0 {
				t.Errorf("on is %v, want %v; problems %q", settings.On, test.on, problems)
			}
		})
	}
}

func TestFromEnvironment_NamesWhatCannotBeObeyed(t *testing.T) {
	const url, pairs = "must be a URL such as http://127.0.0.1:4318", "must be NAME=VALUE,... with the values percent-encoded"
	missing := filepath.Join(t.TempDir(), secret)
	for name, test := range map[string]struct {
		variables map[string]string
		want      []string
	}{
		"Console":             {map[string]string{"OTEL_TRACES_EXPORTER": "console"}, []string{`OTEL_TRACES_EXPORTER must be otlp or none, not "console"`}},
		"Zipkin":              {map[string]string{"OTEL_TRACES_EXPORTER": "zipkin", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, []string{`OTEL_TRACES_EXPORTER must be otlp or none, not "zipkin"`}},
		"TwoExporters":        {map[string]string{"OTEL_TRACES_EXPORTER": "otlp,console"}, []string{`OTEL_TRACES_EXPORTER must be otlp or none, not "otlp,console"`}},
		"OtherProtocol":       {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, []string{`OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or grpc, not "http/json"`}},
		"OtherTracesProtocol": {map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http"}, []string{`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL must be http/protobuf or grpc, not "http"`}},
		"NoScheme":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT " + url}},
		"HostForAScheme":      {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "localhost:4318"}, []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT " + url}},
		"OtherScheme":         {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "postgres://numora:" + secret + "@db/numora"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT " + url}},
		"NoURL":               {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://numora:" + secret + "@collector:port"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT " + url}},
		"NoTarget": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT must be a URL such as http://127.0.0.1:4317"}},
		"HeaderWithoutName":     {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "Bearer " + secret}, []string{"OTEL_EXPORTER_OTLP_HEADERS " + pairs}},
		"HeaderWithABadName":    {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api key=" + secret}, []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS " + pairs}},
		"HeaderWithABadEscape":  {map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "authorization=" + secret + "%zz"}, []string{"OTEL_EXPORTER_OTLP_HEADERS " + pairs}},
		"AttributeWithoutName":  {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "a=1," + secret}, []string{"OTEL_RESOURCE_ATTRIBUTES " + pairs}},
		"TimeoutWithAUnit":      {map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, []string{"OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number of milliseconds"}},
		"NegativeTimeout":       {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "-1"}, []string{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT must be a whole number of milliseconds"}},
		"CertificateOfNobody":   {map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": missing}, []string{"OTEL_EXPORTER_OTLP_CERTIFICATE names a file that cannot be read"}},
		"OwnCertificateMissing": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": missing}, []string{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE names a file that cannot be read"}},
		"OwnKeyMissing":         {map[string]string{"OTEL_EXPORTER_OTLP_CLIENT_KEY": missing}, []string{"OTEL_EXPORTER_OTLP_CLIENT_KEY names a file that cannot be read"}},
		"OtherSampler": {map[string]string{"OTEL_TRACES_SAMPLER": "sometimes"}, []string{
			"OTEL_TRACES_SAMPLER must be always_on, always_off, traceidratio, or one of them behind parentbased_"}},
		"RatioThatIsNone": {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10%"}, []string{"OTEL_TRACES_SAMPLER_ARG must be a number between 0 and 1"}},
		"RatioAboveOne":   {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "10"}, []string{"OTEL_TRACES_SAMPLER_ARG must be a number between 0 and 1"}},
		"RatioOfNothing":  {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "NaN"}, []string{"OTEL_TRACES_SAMPLER_ARG must be a number between 0 and 1"}},
		"EverythingAtOnce": {map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon", "OTEL_EXPORTER_OTLP_ENDPOINT": secret, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": secret,
			"OTEL_EXPORTER_OTLP_HEADERS": secret, "OTEL_RESOURCE_ATTRIBUTES": secret,
		}, []string{
			`OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf or grpc, not "pigeon"`, "OTEL_EXPORTER_OTLP_ENDPOINT " + url,
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT " + url, "OTEL_EXPORTER_OTLP_HEADERS " + pairs, "OTEL_RESOURCE_ATTRIBUTES " + pairs,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}
			maps.Copy(variables, test.variables)
			environment(t, variables)
			settings, problems := tracing.FromEnvironment()
			if !slices.Equal(problems, test.want) || settings.On {
				t.Errorf("on is %v, problems %q, want %q", settings.On, problems, test.want)
			}
			if strings.Contains(strings.Join(problems, "\n"), secret) {
				t.Errorf("a problem repeats a secret: %q", problems)
			}
		})
	}
}
