// Package account says as whom a PostgreSQL runs that this process starts.
package account

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ForServer returns the account for PostgreSQL's processes: nil, which is this process's own, unless that is root, as which
// PostgreSQL does not run.
func ForServer() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		userID, userErr := strconv.ParseUint(found.Uid, 10, 32)
		groupID, groupErr := strconv.ParseUint(found.Gid, 10, 32)
		if userErr == nil && groupErr == nil {
			return &syscall.Credential{Uid: uint32(userID), Gid: uint32(groupID)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no account postgres or nobody")
}

// Own hands a file over to an account, if it is another one.
func Own(path string, account *syscall.Credential) error {
	if account == nil {
		return nil
	}
	return os.Chown(path, int(account.Uid), int(account.Gid))
}
