package config

import "strings"

// Roles are those that PostgreSQL knows besides the one in the database URL.
type Roles struct {
	ApplicationRole string `env:"NUMORA_APPLICATION_ROLE" placeholder:"ROLE" help:"The PostgreSQL role that servers connect as, where another one owns the tables and migrates: migrating grants it what a server needs, which is not to change or remove what is recorded."`
}

// Problems returns what is wrong with the roles, for a database that a URL names.
func (r Roles) Problems(databaseURL string) (problems []string) {
	if r.ApplicationRole == "" {
		return nil
	}
	if strings.HasPrefix(databaseURL, "sqlite:") {
		problems = append(problems, "NUMORA_APPLICATION_ROLE names a role of PostgreSQL, and SQLite has none")
	}
	const longest = 63 // bytes, as PostgreSQL has it: of a longer name it would take the beginning for the whole
	if len(r.ApplicationRole) > longest || strings.ContainsRune(r.ApplicationRole, 0) {
		problems = append(problems, "NUMORA_APPLICATION_ROLE must name a role in at most 63 bytes, without U+0000")
	}
	return problems
}
