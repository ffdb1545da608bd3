package main

import (
	"os/exec"
	"path/filepath"
	"strconv"
)

// oldestVersion is the oldest PostgreSQL that the server supports.
const oldestVersion = 13

// versionsDirectory is where Debian's packages put each major version, as VERSION/bin.
const versionsDirectory = "/usr/lib/postgresql"

// programs are the paths of the two that a database needs.
type programs struct {
	initdb, postgres string
}

// findPrograms returns the installed programs: those on PATH, else those of the newest supported version
// below the directory.
func findPrograms(versions string) (programs, bool) {
	if found, ok := programsIn(""); ok {
		return found, true
	}

	// The pattern is well-formed, so there is no error to see; a directory that is missing has no match.
	directories, _ := filepath.Glob(filepath.Join(versions, "*", "bin"))
	var newest programs
	var newestVersion float64
	for _, directory := range directories {
		// A number, not a text: 9.6 is older than 10, and 100 is newer than both.
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(directory)), 64)
		if err != nil || version < oldestVersion || version < newestVersion {
			continue
		}
		if found, ok := programsIn(directory); ok {
			newest, newestVersion = found, version
		}
	}
	return newest, newestVersion > 0
}

// programsIn looks in one directory, or on PATH when the directory is empty. One program without the other
// is no find: a client package may bring only one of them.
func programsIn(directory string) (programs, bool) {
	initdb, initdbErr := exec.LookPath(filepath.Join(directory, "initdb"))
	postgres, postgresErr := exec.LookPath(filepath.Join(directory, "postgres"))
	return programs{initdb: initdb, postgres: postgres}, initdbErr == nil && postgresErr == nil
}
