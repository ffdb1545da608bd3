// Package config holds every setting: its flag, its environment variable, its default, its meaning and its
// check. "numora-delivery serve --help" prints what stands here.
package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Error says what is wrong with the settings, all of it.
type Error struct{ Problems []string }

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

// Database says where the data is.
type Database struct {
	DatabaseURL     string `env:"NUMORA_DATABASE_URL" placeholder:"URL" help:"The database: sqlite:PATH or postgres://USER@HOST:PORT/NAME. A password belongs into the environment or the file, not on the command line."`
	DatabaseURLFile string `env:"NUMORA_DATABASE_URL_FILE" placeholder:"FILE" help:"A file that holds the database URL."`
}

// URL returns the database URL, or problems that say what to set.
func (d Database) URL() (string, []string) {
	switch {
	case d.DatabaseURL != "" && d.DatabaseURLFile != "":
		return "", []string{"set NUMORA_DATABASE_URL or NUMORA_DATABASE_URL_FILE, not both"}
	case d.DatabaseURLFile != "":
		content, err := os.ReadFile(d.DatabaseURLFile)
		if err != nil {
			return "", []string{fmt.Sprintf("NUMORA_DATABASE_URL_FILE cannot be read: %v", err)}
		}
		return checkURL(strings.TrimSpace(string(content)), "the file of NUMORA_DATABASE_URL_FILE")
	case d.DatabaseURL == "":
		return "", []string{"NUMORA_DATABASE_URL is not set; it names the database: sqlite:PATH or postgres://USER@HOST:PORT/NAME"}
	}
	location, problems := checkURL(d.DatabaseURL, "NUMORA_DATABASE_URL")
	if d.DatabaseURL != os.Getenv("NUMORA_DATABASE_URL") && hasPassword(d.DatabaseURL) {
		problems = append(problems, "--database-url holds a password, which every user of this machine can read; use NUMORA_DATABASE_URL or NUMORA_DATABASE_URL_FILE")
	}
	return location, problems
}

// checkURL returns location, or a problem that does not repeat it: it may hold a password.
func checkURL(location, where string) (string, []string) {
	for _, scheme := range []string{"sqlite:", "postgres://", "postgresql://"} {
		if strings.HasPrefix(location, scheme) && location != scheme {
			return location, nil
		}
	}
	return "", []string{where + " must begin with sqlite:, postgres:// or postgresql://, and go on"}
}

func hasPassword(location string) bool {
	if strings.HasPrefix(location, "sqlite:") {
		return false
	}
	parsed, err := url.Parse(location)
	if err != nil {
		return true // better safe
	}
	_, given := parsed.User.Password()
	return given || parsed.Query().Has("password") || parsed.Query().Has("sslpassword")
}

// Serve are the settings of the server.
type Serve struct {
	Database `embed:""`

	Listen             string        `env:"NUMORA_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where to listen (default ${default})."`
	Migrate            string        `env:"NUMORA_MIGRATE" default:"auto" placeholder:"auto|off" help:"Bring the database schema up to date at start, or leave that to \"numora-delivery migrate\" (default ${default})."`
	UnknownDocuments   string        `env:"NUMORA_UNKNOWN_DOCUMENTS" default:"refuse" placeholder:"refuse|register" help:"Refuse a report for a document that was never registered (404), or register it as reviewed (default ${default})."`
	Providers          []string      `env:"NUMORA_PROVIDERS" placeholder:"NAME,..." help:"The providers a new document gets when its registration names none; a registration may then name no others. They never refuse a report."`
	DrainDelay         time.Duration `env:"NUMORA_DRAIN_DELAY" default:"0s" placeholder:"DURATION" help:"How long to go on serving, not ready, after a signal to stop, so that load balancers notice (default ${default})."`
	LogFormat          string        `env:"NUMORA_LOG_FORMAT" default:"json" placeholder:"json|text" help:"Log as JSON lines, or as text for people (default ${default})."`
	AllowLossyDatabase bool          `env:"NUMORA_ALLOW_LOSSY_DATABASE" help:"Acknowledge reports even if the database is set to lose them in a crash (fsync=off). For experiments."`
	Dev                bool          `help:"For trying out: keep everything in data/, make an API key there and register the example document."`
}

// DevDatabase is where serve --dev keeps its data when nothing else is said.
const DevDatabase = "sqlite:data/numora.db"

var providerFormat = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Check returns the database URL, or an *Error with every problem of the settings.
func (s Serve) Check() (databaseURL string, err error) {
	if s.Dev && s.DatabaseURL == "" && s.DatabaseURLFile == "" {
		s.DatabaseURL = DevDatabase
	}
	databaseURL, problems := s.URL()
	if _, port, err := net.SplitHostPort(s.Listen); err != nil || !isPort(port) {
		problems = append(problems, fmt.Sprintf("NUMORA_LISTEN must be HOST:PORT, not %q", s.Listen))
	}
	if s.Migrate != "auto" && s.Migrate != "off" {
		problems = append(problems, fmt.Sprintf("NUMORA_MIGRATE must be auto or off, not %q", s.Migrate))
	}
	if s.UnknownDocuments != "refuse" && s.UnknownDocuments != "register" {
		problems = append(problems, fmt.Sprintf("NUMORA_UNKNOWN_DOCUMENTS must be refuse or register, not %q", s.UnknownDocuments))
	}
	if s.DrainDelay < 0 || s.DrainDelay > time.Minute {
		problems = append(problems, fmt.Sprintf("NUMORA_DRAIN_DELAY must be between 0s and 1m, not %v", s.DrainDelay))
	}
	if s.LogFormat != "json" && s.LogFormat != "text" {
		problems = append(problems, fmt.Sprintf("NUMORA_LOG_FORMAT must be json or text, not %q", s.LogFormat))
	}
	for _, provider := range s.Providers {
		if !providerFormat.MatchString(provider) {
			problems = append(problems, fmt.Sprintf("NUMORA_PROVIDERS names %q, which must be 1 to 64 of a-z 0-9 . _ -, beginning with a letter or digit", provider))
		}
	}
	if len(problems) > 0 {
		return "", &Error{problems}
	}
	return databaseURL, nil
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// Check returns the database URL, or an *Error.
func (d Database) Check() (string, error) {
	databaseURL, problems := d.URL()
	if len(problems) > 0 {
		return "", &Error{problems}
	}
	return databaseURL, nil
}
