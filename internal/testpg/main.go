// Command testpg gives a command a PostgreSQL of its own to test against:
//
//	go run ./internal/testpg -- go test ./...
//
// COMMAND finds the database's URL in NUMORA_TEST_POSTGRES_URL and has this program's standard input,
// output and error. When it has ended, the database is stopped and nothing of it is left.
//
// # Which PostgreSQL
//
// The first that there is:
//
//  1. the one that NUMORA_TEST_POSTGRES_URL names already: it is used as it is, nothing is started;
//  2. the installed one: initdb and postgres on PATH, else the newest in /usr/lib/postgresql/*/bin, where
//     Debian's packages leave them off PATH;
//  3. a downloaded one (embedded-postgres), so that a machine which has only Go can run the tests too.
//
// The flag -embedded goes straight to the last.
//
// A database that is started here keeps PostgreSQL's defaults, fsync and synchronous_commit above all: the
// tests are to see what production sees. Only max_connections is higher. PostgreSQL refuses to run as root,
// as which containers often test; the database then belongs to the account postgres or nobody.
//
// # Signals and exit status
//
// SIGINT, SIGTERM and SIGHUP are passed on to COMMAND; its end is the end of the database, whatever caused it.
// They have to be sent to this program: "go run" keeps SIGTERM to itself. A database does not outlive this
// program even when that is killed with SIGKILL (off Linux, only a downloaded one does not); its directory
// then stays.
//
// The exit status is COMMAND's, 128+n when signal n ended it, and 125 when COMMAND could not be run or the
// database failed. "go run" itself turns each of these but 0 into 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// urlVariable is where the tests look for their PostgreSQL.
const urlVariable = "NUMORA_TEST_POSTGRES_URL"

// statusFailed is the exit status for this program's own failures, beside those that COMMAND may have.
const statusFailed = 125

var terminations = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

func main() {
	if len(os.Args) == 3 && os.Args[1] == keeperMode {
		if err := keepEmbedded(os.Args[2]); err != nil {
			fail(err)
		}
		return
	}

	embedded := flag.Bool("embedded", false, "download a PostgreSQL even where one is installed or named")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: testpg [-embedded] -- COMMAND [ARGUMENT]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}

	status, err := run(*embedded, flag.Args())
	if err != nil {
		fail(err)
	}
	os.Exit(status)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testpg:", err)
	os.Exit(statusFailed)
}

// run provides the database, runs the command and returns its exit status.
func run(embedded bool, command []string) (status int, err error) {
	// From here on a signal waits in this channel until there is a COMMAND to pass it on to.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, terminations...)

	url := os.Getenv(urlVariable)
	if embedded || url == "" {
		starting, cancel := signal.NotifyContext(context.Background(), terminations...)
		defer cancel()
		started, startErr := startDatabase(starting, embedded)
		if startErr != nil {
			return 0, startErr
		}
		defer func() { err = errors.Join(err, started.close()) }()
		url = started.url
	}
	return execute(command, url, signals)
}

// execute runs the command with the database's URL in its environment and returns its exit status.
func execute(arguments []string, url string, signals <-chan os.Signal) (int, error) {
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Env = append(os.Environ(), urlVariable+"="+url)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()

	for {
		select {
		case received := <-signals:
			// A ^C at the terminal has reached the command already; a kill of this process has not, and
			// the two cannot be told apart. The only possible error is that the command has just ended.
			_ = command.Process.Signal(received)
		case err := <-ended:
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				return 0, err
			}
			return exitStatus(command.ProcessState), nil
		}
	}
}

// exitStatus follows the shell's convention for a process that a signal ended.
func exitStatus(state *os.ProcessState) int {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int(wait.Signal())
	}
	return state.ExitCode()
}
