package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	readyLimit    = 60 * time.Second
	readyInterval = 20 * time.Millisecond

	// maxConnections leaves room for the test binaries of several packages, each with pools of its own, and for the
	// 256 clients of the benchmark.
	maxConnections = "400"
)

// startInstalled makes a cluster in the home and starts its server on a Unix socket there.
func (h home) startInstalled(ctx context.Context, installed programs) (*database, error) {
	data := filepath.Join(h.directory, "data")
	initdb := h.command(ctx, installed.initdb, "--pgdata="+data, "--username=postgres",
		"--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject",
		"--no-sync", // concerns initdb's own files only: the server that follows has fsync on
	)
	dieWithThisProcess(initdb.SysProcAttr)
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", installed.initdb, err, output)
	}

	log, err := os.Create(h.logPath())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The context ends the start, not the server: a signal is for the command, which needs the server still.
	postgres := h.command(context.WithoutCancel(ctx), installed.postgres, "-D", data, "-k", h.directory,
		"-p", "5432", "-c", "listen_addresses=", "-c", "max_connections="+maxConnections)
	postgres.Stdout, postgres.Stderr = log, log
	dieWithThisProcess(postgres.SysProcAttr)
	// SIGQUIT is PostgreSQL's immediate shutdown: nobody will read what a longer one would still write.
	server, err := startProcess(postgres, func() error { return postgres.Process.Signal(syscall.SIGQUIT) })
	if err != nil {
		return nil, err
	}

	// The port names the socket's file. It stands in the URL lest PGPORT name another.
	started := &database{
		url:    "postgres://postgres@/postgres?port=5432&host=" + url.QueryEscape(h.directory),
		server: server,
		home:   h,
	}
	if err := awaitReady(ctx, started); err != nil {
		_ = server.stop()
		return nil, fmt.Errorf("%s: %w; %s", installed.postgres, err, h.log())
	}
	return started, nil
}

// awaitReady returns when the database answers, or with what kept it from that.
func awaitReady(ctx context.Context, started *database) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for {
		connection, err := pgx.Connect(ctx, started.url)
		if err == nil {
			return connection.Close(ctx)
		}
		select {
		case <-started.server.ended:
			return fmt.Errorf("ended at once: %v", started.server.err)
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", readyLimit, err)
		case <-time.After(readyInterval):
		}
	}
}
