package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// database is a PostgreSQL that this program started.
type database struct {
	url    string
	server *process
	home   home
}

// startDatabase starts the installed PostgreSQL or, when there is none or embedded asks for it, a downloaded
// one. It leaves nothing behind when it fails or the context ends first.
func startDatabase(ctx context.Context, embedded bool) (*database, error) {
	home, err := makeHome()
	if err != nil {
		return nil, err
	}

	var started *database
	if found, ok := findPrograms(versionsDirectory); ok && !embedded {
		started, err = home.startInstalled(ctx, found)
	} else if started, err = home.startEmbedded(ctx); err != nil && ctx.Err() == nil {
		err = fmt.Errorf("no PostgreSQL to test with: install PostgreSQL %d or newer, or set %s to the URL of one (%w)",
			oldestVersion, urlVariable, err)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(err, os.RemoveAll(home.directory))
	}
	return started, nil
}

// close stops the database and removes its directory. A database that has not waited for that was at fault
// for whatever its command complained about, and says so.
func (d *database) close() error {
	var err error
	if d.server.hasEnded() {
		err = fmt.Errorf("the database ended before the command did: %v\n%s", d.server.err, d.home.log())
	} else {
		err = d.server.stop()
	}
	return errors.Join(err, os.RemoveAll(d.home.directory))
}
