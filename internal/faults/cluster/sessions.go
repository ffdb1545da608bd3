package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ofServers are the sessions of servers, by the name that these give themselves.
const ofServers = `FROM pg_stat_activity WHERE application_name LIKE 'numora-delivery%' AND backend_type = 'client backend'`

// tooManyConnections is the SQLSTATE of a connection that is one too many.
const tooManyConnections = "53300"

// takeInterval is how often connections are taken that servers have given back.
const takeInterval = 20 * time.Millisecond

// Connections returns how many sessions servers have.
func (c *Cluster) Connections(ctx context.Context) (count int, err error) {
	err = c.onConnection(ctx, Database, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, "SELECT count(*) "+ofServers).Scan(&count)
	})
	return count, err
}

// TerminateBackends ends all sessions of servers, as an operator would, and returns how many. They are told 57P01.
func (c *Cluster) TerminateBackends(ctx context.Context) (count int, err error) {
	err = c.onConnection(ctx, Database, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) "+ofServers).Scan(&count)
	})
	return count, err
}

// KillBackend kills the process of one session of a server, one that is at work if there is any, and returns its number
// when the server has noticed: it ends all sessions and recovers. When it has recovered, Ready tells.
func (c *Cluster) KillBackend(ctx context.Context) (pid int, err error) {
	connection, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return 0, err
	}
	defer func() { _ = closeConnection(connection) }() // it is ended by what happens here
	if err := connection.QueryRow(ctx, "SELECT pid "+ofServers+" ORDER BY state = 'active' DESC, state_change DESC LIMIT 1").Scan(&pid); err != nil {
		return 0, fmt.Errorf("no server has a session: %w", err)
	}
	if parent, _, _, err := stat(pid); err != nil || parent != c.postmaster.command.Process.Pid {
		return 0, fmt.Errorf("process %d is not of this server any more (%w)", pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return 0, err
	}
	noticing, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	_, _ = connection.Exec(noticing, "SELECT pg_sleep(3600)") // until the server ends this session too
	if noticing.Err() != nil {
		return 0, fmt.Errorf("the server does not notice that process %d was killed: %w", pid, context.Cause(noticing))
	}
	return pid, nil
}

// LockTable locks a table of the servers' database against reading too, until it is released.
func (c *Cluster) LockTable(ctx context.Context, table string) (release func() error, err error) {
	connection, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		"SET idle_in_transaction_session_timeout = 0", "SET statement_timeout = 0", "SET lock_timeout = 0", // whatever the cluster's are
		"BEGIN", "LOCK TABLE " + pgx.Identifier{table}.Sanitize() + " IN ACCESS EXCLUSIVE MODE",
	} {
		if _, err := connection.Exec(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", table, err), closeConnection(connection))
		}
	}
	return func() error { return closeConnection(connection) }, nil
}

// ExhaustConnections takes all connections that the servers' role can have, and takes those that servers give back until it
// is released. It returns when one was refused for the first time.
func (c *Cluster) ExhaustConnections(ctx context.Context) (release func(), err error) {
	var taken []*pgx.Conn
	take := func(ctx context.Context) error {
		for {
			connection, err := pgx.Connect(ctx, ServerURL(c.Address()))
			if err != nil {
				return err
			}
			taken = append(taken, connection)
		}
	}
	giveBack := func() {
		for _, connection := range taken {
			_ = closeConnection(connection) // it may be broken by now
		}
	}
	if err := take(ctx); !isTooMany(err) {
		giveBack()
		return nil, fmt.Errorf("exhaust connections: %w", err)
	}
	taking, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-taking.Done():
				return
			case <-time.After(takeInterval):
				_ = take(taking) // refused again, as is the aim
			}
		}
	})
	return func() { stop(); group.Wait(); giveBack() }, nil
}

func isTooMany(err error) bool {
	var failure *pgconn.PgError
	return errors.As(err, &failure) && failure.Code == tooManyConnections
}
