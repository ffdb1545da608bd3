package config_test

import (
	"strings"
	"testing"

	"github.com/numora/delivery/internal/store"
)

func TestServe_VariableThatIsNoSetting_IsNamedWithoutItsValue(t *testing.T) {
	for variable, value := range map[string]string{
		"NUMORA_DATABASE_PASSWORD":      secret,
		"NUMORA_DATABASE_URI":           "postgres://numora:" + secret + "@db/numora",
		"NUMORA_ADMINLISTEN":            secret,
		"NUMORA_listen":                 secret,
		"NUMORA_DEV":                    secret, // only a flag
		"NUMORA_PORT":                   secret,
		"NUMORA_PORT_":                  secret,
		"NUMORA_":                       secret,
		"NUMORA_API":                    secret,
		"NUMORA_TESTS":                  secret,
		"NUMORA_LISTEN_FILE":            secret,
		"NUMORA_SERVICE_HOSTS":          secret,
		"NUMORA_SERVICE_NAME":           "numora_SERVICE_HOST=" + secret, // a value is not a name
		"NUMORA_DELIVERY_PORT_8080":     secret,
		"NUMORA_DELIVERY_PORT_HTTP_TCP": secret,
	} {
		t.Run(variable, func(t *testing.T) {
			environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", variable: value})
			wantsProblem(t, parse(t), variable+` is no setting; "numora-delivery serve --help" lists them`)
		})
	}
}

func TestServe_VariablesThatAreNoSettings_AreNamedInOneOrder(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db"})
	for _, name := range []string{"NUMORA_C", "NUMORA_A", "OTHER_NUMORA_D", "NUMORA_B"} {
		t.Setenv(name, "")
	}
	_, err := parse(t).Check(store.CheckURL)
	got := problems(t, err)
	if len(got) != 3 || !strings.HasPrefix(got[0], "NUMORA_A ") || !strings.HasPrefix(got[1], "NUMORA_B ") || !strings.HasPrefix(got[2], "NUMORA_C ") {
		t.Errorf("got %q", got)
	}
}

func TestServe_PortWithoutAnAddress_IsNoSetting(t *testing.T) {
	environment(t, map[string]string{"NUMORA_DATABASE_URL": "sqlite:numora.db", "NUMORA_PORT": "9000"})
	wantsProblem(t, parse(t), `NUMORA_PORT is no setting; "numora-delivery serve --help" lists them`)
}

func TestServe_VariablesOfOthers_AreLeftAlone(t *testing.T) {
	for name, variables := range map[string]map[string]string{
		"Clients": {"NUMORA_API_KEY": secret, "NUMORA_API_URL": "http://127.0.0.1:8080"},
		"Tests":   {"NUMORA_TEST_POSTGRES_URL": "postgres://localhost/postgres"},
		// What a container is told of a service: host, port, named ports, and the names that container links had.
		"KubernetesService": {
			"NUMORA_SERVICE_HOST": "10.96.0.7", "NUMORA_SERVICE_PORT": "8080", "NUMORA_SERVICE_PORT_HTTP": "8080",
			"NUMORA_PORT": "tcp://10.96.0.7:8080", "NUMORA_PORT_8080_TCP": "tcp://10.96.0.7:8080",
			"NUMORA_PORT_8080_TCP_PROTO": "tcp", "NUMORA_PORT_8080_TCP_PORT": "8080", "NUMORA_PORT_8080_TCP_ADDR": "10.96.0.7",
		},
		"KubernetesServiceWithAHyphen": {
			"NUMORA_DELIVERY_SERVICE_HOST": "10.96.0.7", "NUMORA_DELIVERY_SERVICE_PORT": "8080", "NUMORA_DELIVERY_SERVICE_PORT_HTTP": "8080",
			"NUMORA_DELIVERY_PORT": "tcp://10.96.0.7:8080", "NUMORA_DELIVERY_PORT_8080_TCP": "tcp://10.96.0.7:8080",
			"NUMORA_DELIVERY_PORT_8080_TCP_PROTO": "tcp", "NUMORA_DELIVERY_PORT_8080_TCP_PORT": "8080", "NUMORA_DELIVERY_PORT_8080_TCP_ADDR": "10.96.0.7",
		},
		"KubernetesServiceWithTwoPortsOnIPv6": {
			"NUMORA_DELIVERY_2_SERVICE_HOST": "fd00::7", "NUMORA_DELIVERY_2_SERVICE_PORT": "80",
			"NUMORA_DELIVERY_2_SERVICE_PORT_HTTP_ADMIN": "9090", "NUMORA_DELIVERY_2_PORT": "udp://[fd00::7]:80",
			"NUMORA_DELIVERY_2_PORT_80_UDP": "udp://[fd00::7]:80", "NUMORA_DELIVERY_2_PORT_80_UDP_PROTO": "udp",
			"NUMORA_DELIVERY_2_PORT_9090_SCTP": "sctp://[fd00::7]:9090", "NUMORA_DELIVERY_2_PORT_9090_SCTP_ADDR": "fd00::7",
		},
		"OtherPrograms": {"NUMORAX": "1", "NUMORAX_PORT": "1", "PORT": "1", "X_NUMORA_PORT": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, variables)
			t.Setenv("NUMORA_DATABASE_URL", "sqlite:numora.db")
			wantsProblem(t, parse(t), "")
		})
	}
}

// Every variable that sets something is known, whatever stands in it.
func TestServe_VariablesOfSettings_AreKnown(t *testing.T) {
	environment(t, nil)
	parser, settings := commandLine(t)
	known := 0
	for _, flag := range parser.Model.Flags {
		for _, variable := range flag.Envs {
			t.Setenv(variable, "x")
			known++
		}
	}
	if known < 16 {
		t.Fatalf("got %d variables", known)
	}
	_, err := settings.Check(store.CheckURL)
	for _, problem := range problems(t, err) {
		if strings.Contains(problem, "is no setting") {
			t.Error(problem)
		}
	}
}
