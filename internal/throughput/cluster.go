package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const postgresVariable = "NUMORA_TEST_POSTGRES_URL"

// cluster is a PostgreSQL that only this run uses. testpg starts it, with PostgreSQL's own settings.
type cluster struct {
	url        string
	postmaster int // its process

	end  func() error // closes what testpg's command waits for
	wait func() error
}

// startCluster starts a cluster that ends with this process, however that ends: the command which it is there for
// waits for the end of its standard input.
func startCluster(ctx context.Context, directory string) (*cluster, error) {
	testpg := filepath.Join(directory, "testpg")
	build := exec.CommandContext(ctx, "go", "build", "-o", testpg, "github.com/numora/delivery/internal/testpg")
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build testpg: %w\n%s", err, output)
	}
	command := exec.Command(testpg, "--", "sh", "-c", `trap "" INT TERM HUP; echo "$`+postgresVariable+`"; read _`)
	command.Env = append(os.Environ(), postgresVariable+"=")
	var complaints bytes.Buffer
	command.Stderr = &complaints
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &cluster{end: input.Close, wait: command.Wait}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err == nil {
		c.url = strings.TrimSpace(line)
		err = c.check(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.stop(), errors.New(complaints.String()))
	}
	return c, nil
}

// stop ends the cluster and waits until nothing is left of it.
func (c *cluster) stop() error {
	_ = c.end()
	err := c.wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil // that of "read" at the end of its input
	}
	return err
}

// check finds the postmaster and makes sure that what is measured is durable.
func (c *cluster) check(ctx context.Context) (err error) {
	connection, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(context.WithoutCancel(ctx))) }()
	var backend int
	var fsync, synchronous, directory string
	row := connection.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('fsync'), current_setting('synchronous_commit'), current_setting('data_directory')`)
	if err := row.Scan(&backend, &fsync, &synchronous, &directory); err != nil {
		return err
	}
	if fsync != "on" || synchronous != "on" {
		return fmt.Errorf("fsync is %s and synchronous_commit %s: such figures say nothing", fsync, synchronous)
	}
	if err := checkDisk(directory); err != nil {
		return err
	}
	c.postmaster, err = parentOf(backend)
	return err
}

// database makes an empty database, and drops one of that name that is there.
func (c *cluster) database(ctx context.Context, name string) (databaseURL string, err error) {
	if err := c.drop(ctx, name); err != nil {
		return "", err
	}
	if err := execute(ctx, c.url, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	database, err := url.Parse(c.url)
	if err != nil {
		return "", err
	}
	database.Path = "/" + name
	return database.String(), nil
}

func (c *cluster) drop(ctx context.Context, name string) error {
	return execute(ctx, c.url, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

// execute runs statements one by one, each in a transaction of its own.
func execute(ctx context.Context, databaseURL string, statements ...string) (err error) {
	connection, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, connection.Close(ending))
	}()
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%w\nof %s", err, statement)
		}
	}
	return nil
}
