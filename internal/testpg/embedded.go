package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// keeperMode, with a directory as the only other argument, makes this program the keeper of a downloaded
// database. The library runs PostgreSQL's programs as whoever calls it, and detaches the server from them:
// so it gets a process of its own, which can have another account than this one and, since it sees its
// standard input close, stops the server even when this process is killed.
const keeperMode = "-keep-embedded"

// downloadLimit bounds the whole start of a downloaded database, on a slow line.
const downloadLimit = 5 * time.Minute

// startEmbedded starts a keeper and waits until it names its database.
func (h home) startEmbedded(ctx context.Context) (*database, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if h.account != nil {
		if executable, err = h.copyIn(executable); err != nil {
			return nil, err
		}
	}
	answer, keeperOutput, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	defer keeperOutput.Close()

	keeper := h.command(context.WithoutCancel(ctx), executable, keeperMode, h.directory)
	keeper.Stdout, keeper.Stderr = keeperOutput, os.Stderr
	keeperInput, err := keeper.StdinPipe()
	if err != nil {
		return nil, err
	}
	server, err := startProcess(keeper, keeperInput.Close)
	if err != nil {
		return nil, err
	}
	// Only the keeper holds it now, so that its end is the end of the answer.
	_ = keeperOutput.Close()

	ctx, cancel := context.WithTimeout(ctx, downloadLimit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = answer.Close() })()
	url, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		return nil, errors.Join(errors.New("the downloaded one did not start"), ctx.Err(), server.stop())
	}
	return &database{url: strings.TrimSpace(url), server: server, home: h}, nil
}

// copyIn copies this program to where the home's account may run it, which the directory of "go run" is not.
func (h home) copyIn(executable string) (string, error) {
	program, err := os.ReadFile(executable)
	if err != nil {
		return "", err
	}
	path := filepath.Join(h.directory, "keeper")
	if err := os.WriteFile(path, program, 0o700); err != nil { // #nosec G306 G703 -- it is a program, to be executed, in a directory that this one made
		return "", err
	}
	return path, h.own(path)
}

// keepEmbedded starts a database in the directory, prints its URL when it answers, and stops it when
// standard input closes.
func keepEmbedded(directory string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Port(port).
		RuntimePath(filepath.Join(directory, "embedded")).
		Locale("C").
		Encoding("UTF8").
		StartParameters(map[string]string{
			"max_connections":         maxConnections,
			"unix_socket_directories": directory,
		}).
		StartTimeout(readyLimit).
		Logger(io.Discard)) // an error has its part of the log in its text
	if err := server.Start(); err != nil {
		return err
	}
	// Nobody reads it when the other process was killed meanwhile: still the server is to be stopped.
	signal.Ignore(syscall.SIGPIPE)
	fmt.Printf("postgres://postgres:postgres@127.0.0.1:%d/postgres?sslmode=disable\n", port)

	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, server.Stop())
}

// freePort returns a port that was free a moment ago. The library wants one in advance, and fails in plain
// words should another program take it meanwhile.
func freePort() (uint32, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return uint32(listener.Addr().(*net.TCPAddr).Port), listener.Close() // #nosec G115 -- a port has 16 bits
}
