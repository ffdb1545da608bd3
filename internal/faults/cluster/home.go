package cluster

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/numora/delivery/internal/testpg/account"
)

// oldestVersion is the oldest PostgreSQL that the server supports.
const oldestVersion = 13

// findProgram returns the path of one of PostgreSQL's programs: the one on PATH, else that of the newest version where
// Debian's packages put them. All come from one place, since initdb has to be that of postgres.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Join(filepath.Dir(path), name), nil
	}
	// The pattern is well-formed; a directory that is missing has no match.
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	newest, directory := 0, ""
	for _, path := range found {
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && version >= oldestVersion && version > newest {
			newest, directory = version, filepath.Dir(path)
		}
	}
	if directory == "" {
		return "", errors.New("no PostgreSQL is installed here, version 13 or newer: what is killed and frozen has to be one of its own")
	}
	return filepath.Join(directory, name), nil
}

// own hands a file over to the server's account.
func (c *Cluster) own(path string) error { return account.Own(path, c.account) }

// command prepares one of PostgreSQL's programs to run as the server's account.
func (c *Cluster) command(name string, arguments ...string) (*exec.Cmd, error) {
	path, err := findProgram(name)
	if err != nil {
		return nil, err
	}
	command := exec.Command(path, arguments...)
	command.Dir = c.home // the account may not be allowed into the directory that this process is in
	command.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+c.home)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: c.account}
	return command, nil
}
