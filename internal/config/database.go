package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Database says where the data is.
type Database struct {
	DatabaseURL     string `env:"NUMORA_DATABASE_URL" placeholder:"URL" help:"The database: sqlite:PATH or postgres://USER@HOST:PORT/NAME. A password belongs into the environment or the file, not on the command line."`
	DatabaseURLFile string `env:"NUMORA_DATABASE_URL_FILE" placeholder:"FILE" help:"A file that holds the database URL."`
}

// URLCheck returns an error that says what is wrong with a database URL without repeating it: it may hold a
// password.
type URLCheck func(databaseURL string) error

// Check returns the database URL, or an *Error.
func (d Database) Check(check URLCheck) (string, error) {
	databaseURL, problems := d.url(check)
	if len(problems) > 0 {
		return "", &Error{problems}
	}
	return databaseURL, nil
}

// url returns the database URL, or problems that say what to set.
func (d Database) url(check URLCheck) (location string, problems []string) {
	where := "NUMORA_DATABASE_URL"
	switch {
	case d.DatabaseURL != "" && d.DatabaseURLFile != "":
		return "", []string{"set NUMORA_DATABASE_URL or NUMORA_DATABASE_URL_FILE, not both"}
	case d.DatabaseURLFile != "":
		content, err := os.ReadFile(d.DatabaseURLFile)
		if err != nil {
			return "", []string{fmt.Sprintf("NUMORA_DATABASE_URL_FILE cannot be read: %v", withoutName(err))}
		}
		location, where = strings.TrimSpace(string(content)), "the file of NUMORA_DATABASE_URL_FILE"
	case d.DatabaseURL == "":
		return "", []string{"NUMORA_DATABASE_URL is not set; it names the database: sqlite:PATH or postgres://USER@HOST:PORT/NAME"}
	default:
		location = d.DatabaseURL
		if location != os.Getenv("NUMORA_DATABASE_URL") && hasPassword(location) {
			problems = append(problems, "--database-url holds a password, which every user of this machine can read; use NUMORA_DATABASE_URL or NUMORA_DATABASE_URL_FILE")
		}
	}
	if err := check(location); err != nil {
		problems = append(problems, fmt.Sprintf("%s: %v", where, err))
	}
	return location, problems
}

// withoutName returns an error of a file without the file's name: that may be the secret itself, in the wrong variable.
func withoutName(err error) error {
	if failure := (*fs.PathError)(nil); errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

// hasPassword looks at the text: what PostgreSQL takes for a URL, such as a list of hosts, net/url does not always.
func hasPassword(location string) bool {
	_, rest, found := strings.Cut(location, "://")
	if !found {
		return false // a file of SQLite, or nothing that could be used
	}
	if user, _, given := strings.Cut(rest, "@"); given && strings.Contains(user, ":") {
		return true
	}
	return slices.ContainsFunc(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("?&;", r) }), func(option string) bool {
		name, _, _ := strings.Cut(option, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && (name == "password" || name == "sslpassword")
	})
}
