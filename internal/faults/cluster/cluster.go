// Package cluster is a real PostgreSQL of the harness's own, and what can befall one: it is stopped, killed, frozen, filled up
// with connections, locked. Each control returns when what it does is done, and all can be recovered from.
//
// One control at a time; URL, Address, ServerURL, Connections and Ready may be called beside it.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/testpg/account"
)

// Role is the role that servers connect as, and Database what it owns. It is no superuser, so that the connections which
// PostgreSQL keeps for superusers are left to the harness when all others are taken.
const (
	Role     = "numora"
	Database = "numora"
)

// Options are what a cluster may differ in. Whatever they leave open is as PostgreSQL has it, durability above all.
type Options struct {
	MaxConnections int    // 0: PostgreSQL's default
	DataDirectory  string // "": in a temporary directory; else made here, and left to the caller to remove
	WALDirectory   string // "": in the data directory; else made here, and left to the caller to remove
	Settings       map[string]string
}

// Cluster is a PostgreSQL with a database for servers.
type Cluster struct {
	account   *syscall.Credential // nil: that of this process
	home      string              // a temporary directory, with the Unix socket and the log
	data      string
	port      int
	arguments []string

	postmaster *postmaster
	frozen     *keeper // while it is frozen
}

// Start makes a cluster and starts it. It ends with this process, however that ends.
func Start(ctx context.Context, options Options) (c *Cluster, err error) {
	c = &Cluster{data: options.DataDirectory}
	if c.account, err = account.ForServer(); err != nil {
		return nil, err
	}
	// In /tmp, whatever TMPDIR says: a Unix socket's path is short, and the account has to be let in.
	if c.home, err = os.MkdirTemp("/tmp", "faults-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start a PostgreSQL: %w", err), c.Close())
			c = nil
		}
	}()
	if c.data == "" {
		c.data = filepath.Join(c.home, "data")
	}
	if err := c.initialize(ctx, options); err != nil {
		return c, err
	}
	if c.port, err = freePort(); err != nil {
		return c, err
	}
	c.arguments = []string{"-D", c.data, "-k", c.home, "-p", strconv.Itoa(c.port), "-c", "listen_addresses=127.0.0.1"}
	if options.MaxConnections > 0 {
		c.arguments = append(c.arguments, "-c", "max_connections="+strconv.Itoa(options.MaxConnections))
	}
	for name, value := range options.Settings {
		c.arguments = append(c.arguments, "-c", name+"="+value)
	}
	if _, err := c.StartAgain(ctx); err != nil {
		return c, err
	}
	return c, c.onConnection(ctx, "postgres", func(connection *pgx.Conn) error {
		for _, statement := range []string{"CREATE ROLE " + Role + " LOGIN", "CREATE DATABASE " + Database + " OWNER " + Role} {
			if _, err := connection.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// hostRules let superusers in by the socket alone, which is in a directory of the server's account.
const hostRules = "local all all trust\nhost " + Database + " " + Role + " 127.0.0.1/32 trust\n"

func (c *Cluster) initialize(ctx context.Context, options Options) error {
	directories := []string{c.home, c.data}
	arguments := []string{
		"--pgdata=" + c.data, "--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=reject",
		"--no-sync", // concerns initdb's own files only: the server that follows has fsync on
	}
	if options.WALDirectory != "" {
		directories = append(directories, options.WALDirectory)
		arguments = append(arguments, "--waldir="+options.WALDirectory)
	}
	for _, directory := range directories {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return err
		}
		if err := c.own(directory); err != nil {
			return err
		}
	}
	initdb, err := c.command("initdb", arguments...)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = initdb.Process.Kill() })
	defer stop()
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return os.WriteFile(filepath.Join(c.data, "pg_hba.conf"), []byte(hostRules), 0o600)
}

// freePort finds a port that connections are not made from: while the server is down, such a one could take it, or find
// itself there.
func freePort() (int, error) {
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no port is free between 10000 and 30000")
}

// URL names the servers' database, past every proxy, as a superuser.
func (c *Cluster) URL() string { return c.superuserURL(Database) }

func (c *Cluster) superuserURL(database string) string {
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&port=%d&application_name=faults&sslmode=disable", database, url.QueryEscape(c.home), c.port)
}

// Address is where the server listens, for a proxy.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// ServerURL names the servers' database at an address, the cluster's or that of a proxy before it, as servers connect to it.
func ServerURL(address string) string {
	return "postgres://" + Role + "@" + address + "/" + Database + "?sslmode=disable"
}

// Close ends the cluster and removes it.
func (c *Cluster) Close() error {
	err := c.Thaw()
	if c.postmaster != nil && !c.postmaster.hasEnded() {
		// Nobody will read what a longer shutdown would still write.
		err = errors.Join(err, c.ImmediateStop())
	}
	return errors.Join(err, os.RemoveAll(c.home))
}

// Log returns what the server wrote, its last lines.
func (c *Cluster) Log() string {
	written, err := os.ReadFile(c.logPath())
	if err != nil {
		return "(it has no log)"
	}
	return string(written[max(0, len(written)-4096):])
}

// Said tells whether the server's log has a text, since its start.
func (c *Cluster) Said(text string) bool {
	written, err := os.ReadFile(c.logPath())
	return err == nil && bytes.Contains(written, []byte(text))
}

func (c *Cluster) logPath() string { return filepath.Join(c.home, "postgres.log") }

// onConnection does something on a connection of its own.
func (c *Cluster) onConnection(ctx context.Context, database string, do func(*pgx.Conn) error) error {
	connection, err := pgx.Connect(ctx, c.superuserURL(database))
	if err != nil {
		return err
	}
	return errors.Join(do(connection), closeConnection(connection))
}

// closeConnection closes a connection whatever has become of the context that it was used with.
func closeConnection(connection *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return connection.Close(ctx)
}
