// Package config holds every setting: its flag, its environment variable, its default, its meaning and its
// check. "numora-delivery serve --help" prints what stands here.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Error says what is wrong with the settings, all of it.
type Error struct{ Problems []string }

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

// Serve are the settings of the server.
type Serve struct {
	Database `embed:""`
	Roles    `embed:""`
	TLS      `embed:""`
	Audit    `embed:""`

	Listen              string   `env:"NUMORA_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen (default ${default})."`
	AdminListen         string   `env:"NUMORA_ADMIN_LISTEN" default:"127.0.0.1:9090" placeholder:"HOST:PORT|off" help:"Where to serve metrics, probes and profiles to operators, without any key (default ${default}). When that default is taken by another program the server does without; an address that was chosen must be free."`
	Migrate             string   `env:"NUMORA_MIGRATE" default:"auto" placeholder:"auto|off" help:"Bring the database schema up to date at start, or leave that to \"numora-delivery migrate\" (default ${default})."`
	UnknownDocuments    string   `env:"NUMORA_UNKNOWN_DOCUMENTS" default:"refuse" placeholder:"refuse|register" help:"Refuse a report for a document that was never registered (404), or register it as reviewed (default ${default})."`
	Providers           []string `env:"NUMORA_PROVIDERS" placeholder:"NAME,..." help:"The providers a new document gets when its registration names none; a registration may then name no others. They never refuse a report."`
	RetryDelay          Duration `env:"NUMORA_RETRY_DELAY" default:"30s" placeholder:"DURATION" help:"How long a delivery rests after its first failed try; twice as long after each further one (default ${default})."`
	RetryMaxDelay       Duration `env:"NUMORA_RETRY_MAX_DELAY" default:"1h" placeholder:"DURATION" help:"How long it rests at most (default ${default})."`
	MaxTries            Count    `env:"NUMORA_MAX_TRIES" default:"12" placeholder:"N" help:"After how many tries a delivery is exhausted: not offered any more, until somebody requeues it (default ${default})."`
	ProviderRetries     []string `env:"NUMORA_PROVIDER_RETRIES" placeholder:"PROVIDER=DELAY/MAX_DELAY/TRIES,..." help:"What holds for single providers instead, such as sap=1m/2h/20."`
	DrainDelay          Duration `env:"NUMORA_DRAIN_DELAY" default:"0s" placeholder:"DURATION" help:"How long to go on serving, not ready, after a signal to stop, so that load balancers notice (default ${default})."`
	RequestTimeout      Duration `env:"NUMORA_REQUEST_TIMEOUT" default:"3s" placeholder:"DURATION" help:"How long a request may take, besides the arrival of its body, before it is answered 503 (default ${default})."`
	MaxConnections      Count    `env:"NUMORA_MAX_CONNECTIONS" default:"4096" placeholder:"N" help:"How many connections clients may have open; more wait to be accepted (default ${default})."`
	MaxInWork           Count    `env:"NUMORA_MAX_IN_WORK" default:"256" placeholder:"N" help:"How many requests may be in work at once; more wait in a queue (default ${default})."`
	MaxQueued           Count    `env:"NUMORA_MAX_QUEUED" default:"1024" placeholder:"N" help:"How many requests may wait to be taken into work; more are answered 503 at once (default ${default})."`
	RateLimit           Count    `env:"NUMORA_RATE_LIMIT" default:"600000" placeholder:"N" help:"How many requests a minute a key may send to this server before it is answered 429, and as many at once when it was quiet before (default ${default})."`
	AddressRateLimit    Count    `env:"NUMORA_ADDRESS_RATE_LIMIT" default:"6000" placeholder:"N" help:"How many requests a minute may come from one address without a valid key before they are answered 429; those with a valid key always pass (default ${default})."`
	DatabaseConnections Count    `env:"NUMORA_DATABASE_CONNECTIONS" default:"16" placeholder:"N" help:"How many connections to PostgreSQL to open at most (default ${default})."`
	TrustedProxies      []string `env:"NUMORA_TRUSTED_PROXIES" placeholder:"CIDR,..." help:"The networks of the proxies whose X-Forwarded-For tells the client's address. Without any, nobody's is believed."`
	CORSOrigins         []string `name:"cors-origins" env:"NUMORA_CORS_ORIGINS" placeholder:"ORIGIN,..." help:"The origins, such as https://console.example, whose pages may use the API from a browser. Without any, none may."`
	Docs                string   `env:"NUMORA_DOCS" default:"on" placeholder:"on|off" help:"Serve Swagger UI at /docs/ (default ${default}). The contract itself, /openapi.yaml, is served either way."`
	LogFormat           string   `env:"NUMORA_LOG_FORMAT" default:"json" placeholder:"json|text" help:"Log as JSON lines, or as text for people (default ${default})."`
	AllowLossyDatabase  Switch   `env:"NUMORA_ALLOW_LOSSY_DATABASE" help:"Acknowledge reports even if the database is set to lose them in a crash (fsync=off). For experiments."`
	Dev                 bool     `help:"For trying out: keep everything in data/, make an API key there and register the example documents."`
}

const (
	// DevDatabase is where serve --dev keeps its data when nothing else is said.
	DevDatabase = "sqlite:data/numora.db"
	// DefaultAdminListen is the one address that the server can do without.
	DefaultAdminListen = "127.0.0.1:9090"
	// Off is the admin address of a server that serves its operators nothing, and the value of Docs that hides them.
	Off = "off"
)

// maxRequestTimeout leaves a server that stops the time to finish what is in work.
const maxRequestTimeout = 7 * time.Second

// maxRate is as good as no limit; the contract has it too.
const maxRate = 1_000_000_000

var providerFormat = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Check returns the database URL, or an *Error with every problem of the settings, and others that are known
// already. check looks at the URL.
func (s Serve) Check(check URLCheck, others ...string) (databaseURL string, err error) {
	if s.Dev && s.DatabaseURL == "" && s.DatabaseURLFile == "" {
		s.DatabaseURL = DevDatabase
	}
	databaseURL, problems := s.url(check)
	add := func(found ...string) { problems = append(problems, found...) }
	add(s.Problems(databaseURL)...)
	if !isAddress(s.Listen) {
		add(fmt.Sprintf("NUMORA_LISTEN must be HOST:PORT, not %s", quote(s.Listen)))
	}
	switch {
	case s.AdminListen != Off && !isAddress(s.AdminListen):
		add(fmt.Sprintf("NUMORA_ADMIN_LISTEN must be HOST:PORT or off, not %s", quote(s.AdminListen)))
	case s.AdminListen == s.Listen && !strings.HasSuffix(s.Listen, ":0"):
		add("NUMORA_LISTEN and NUMORA_ADMIN_LISTEN must not be the same: what the latter serves asks for no key")
	}
	add(oneOf("NUMORA_MIGRATE", s.Migrate, "auto", "off")...)
	if s.Dev && s.Migrate == "off" {
		add("NUMORA_MIGRATE=off does not go with --dev, which makes what it needs")
	}
	add(oneOf("NUMORA_UNKNOWN_DOCUMENTS", s.UnknownDocuments, "refuse", "register")...)
	add(s.DrainDelay.check("NUMORA_DRAIN_DELAY", 0, time.Minute)...)
	add(s.RequestTimeout.check("NUMORA_REQUEST_TIMEOUT", 100*time.Millisecond, maxRequestTimeout)...)
	add(s.MaxConnections.check("NUMORA_MAX_CONNECTIONS", 1, 1_000_000)...)
	add(s.MaxInWork.check("NUMORA_MAX_IN_WORK", 1, 100_000)...)
	add(s.MaxQueued.check("NUMORA_MAX_QUEUED", 0, 1_000_000)...)
	add(s.RateLimit.check("NUMORA_RATE_LIMIT", 1, maxRate)...)
	add(s.AddressRateLimit.check("NUMORA_ADDRESS_RATE_LIMIT", 1, maxRate)...)
	add(s.DatabaseConnections.check("NUMORA_DATABASE_CONNECTIONS", 1, 1000)...)
	add(s.TLS.problems()...)
	add(s.Audit.problems()...)
	add(checkOrigins(s.CORSOrigins)...)
	_, found := s.Proxies()
	add(found...)
	_, _, found = s.Retries()
	add(found...)
	add(oneOf("NUMORA_DOCS", s.Docs, "on", Off)...)
	add(oneOf("NUMORA_LOG_FORMAT", s.LogFormat, "json", "text")...)
	add(s.AllowLossyDatabase.check("NUMORA_ALLOW_LOSSY_DATABASE")...)
	for _, provider := range s.Providers {
		if !providerFormat.MatchString(provider) {
			add(fmt.Sprintf("NUMORA_PROVIDERS names %s, which must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit", quote(provider)))
		}
	}
	add(checkEnvironment(os.Environ())...)
	add(others...)
	if len(problems) > 0 {
		return "", &Error{problems}
	}
	return databaseURL, nil
}

// Proxies returns the networks of TrustedProxies, or problems. A single address is a network of its own.
func (s Serve) Proxies() (networks []netip.Prefix, problems []string) {
	for _, text := range s.TrustedProxies {
		network, err := parseNetwork(text)
		if err != nil {
			problems = append(problems, fmt.Sprintf("NUMORA_TRUSTED_PROXIES names %s, which must be a network such as 10.0.0.0/8 or an address", quote(text)))
			continue
		}
		networks = append(networks, network)
	}
	return networks, problems
}

// parseNetwork reads a network or an address. One of IPv4 that is written as IPv6 is one of IPv4.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if address, single := netip.ParseAddr(text); single == nil && address.Zone() == "" {
		network, err = address.Prefix(address.BitLen())
	}
	const mapping = 96 // bits in front of an IPv4 address that is written as IPv6
	if network.Addr().Is4In6() && network.Bits() >= mapping {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mapping)
	}
	return network.Masked(), err
}

func oneOf(name, value string, allowed ...string) []string {
	if slices.Contains(allowed, value) {
		return nil
	}
	return []string{fmt.Sprintf("%s must be %s, not %s", name, strings.Join(allowed, " or "), quote(value))}
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
