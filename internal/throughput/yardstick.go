package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed yardstick/*.sql
var scripts embed.FS

// script returns a file of the yardstick.
func script(name string) (string, error) {
	text, err := scripts.ReadFile("yardstick/" + name)
	return string(text), err
}

// yardstick is a database with the yardstick's schema, and the pgbench that works on it.
type yardstick struct {
	program     string
	directory   string // where the scripts are, and logs are written
	databaseURL string
	cluster     *cluster
}

// makeYardstick fills a new database as schema.sql says.
func (b *bench) makeYardstick(ctx context.Context) (*yardstick, error) {
	program, err := findPgbench()
	if err != nil {
		return nil, err
	}
	databaseURL, err := b.cluster.database(ctx, "yardstick")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"record.sql", "read.sql"} {
		text, err := script(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(b.program.Directory, name), []byte(text), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	schema, err := script("schema.sql")
	if err != nil {
		return nil, err
	}
	// One by one, as psql sends them: VACUUM cannot stand in a transaction with others. No text of it has a semicolon.
	statements := strings.Split(strings.TrimSpace(schema), ";")
	return &yardstick{program: program, directory: b.program.Directory, databaseURL: databaseURL, cluster: b.cluster},
		execute(ctx, databaseURL, statements[:len(statements)-1]...)
}

// findPgbench returns the newest one of Debian's packages, else the one on PATH: there it may be a wrapper.
func findPgbench() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) > 0 {
		return found[len(found)-1], nil
	}
	program, err := exec.LookPath("pgbench")
	if err != nil {
		return "", fmt.Errorf("the yardstick is PostgreSQL's own pgbench: %w", err)
	}
	return program, nil
}

// run measures a script with so many clients. pgbench is told to say each second how far it is, so that the warm-up
// can be left out, and the last second, in which it ends; and to log how long one transaction in ten took.
func (y *yardstick) run(ctx context.Context, s settings, name string, clients int) (figure, error) {
	logs, err := os.MkdirTemp(y.directory, "pgbench-")
	if err != nil {
		return figure{}, err
	}
	defer os.RemoveAll(logs)
	warmUp, lasts := int(s.warmUp/time.Second), int(s.lasts/time.Second)
	command := exec.CommandContext(ctx, y.program, "-n", "-M", "prepared", "-f", filepath.Join(y.directory, name),
		"-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)), "-T", strconv.Itoa(warmUp+lasts+1),
		"-P", "1", "--log", "--sampling-rate=0.1", "--log-prefix="+filepath.Join(logs, "log"), y.databaseURL)
	var summary, words bytes.Buffer
	command.Stdout = &summary
	told, err := command.StderrPipe()
	if err != nil {
		return figure{}, err
	}
	if err := command.Start(); err != nil {
		return figure{}, err
	}
	found, err := y.follow(io.TeeReader(told, &words), warmUp, lasts)
	_, _ = io.Copy(&words, told)
	if ended := command.Wait(); ended != nil || err != nil {
		return figure{}, fmt.Errorf("pgbench: %w\n%s", errors.Join(err, ended), &words)
	}
	found.took, err = readLogs(logs, time.Duration(warmUp)*time.Second)
	return found, err
}

var progressLine = regexp.MustCompile(`^progress: ([0-9.]+) s, ([0-9.]+) tps, .* ([0-9]+) failed$`)

// follow reads what pgbench says of its progress, and adds up what it did after the warm-up.
func (y *yardstick) follow(told io.Reader, warmUp, lasts int) (found figure, err error) {
	var began, ended time.Duration // what the database had computed
	var from, until float64        // seconds
	done := 0.0
	for lines := bufio.NewScanner(told); lines.Scan(); {
		parts := progressLine.FindStringSubmatch(lines.Text())
		if parts == nil {
			continue // that it found no pg_hba.conf to complain about, and the like
		}
		seconds, _ := strconv.ParseFloat(parts[1], 64)
		perSecond, _ := strconv.ParseFloat(parts[2], 64)
		if parts[3] != "0" {
			return found, fmt.Errorf("transactions failed: %s", lines.Text())
		}
		switch second := int(math.Round(seconds)); {
		case second <= warmUp:
			from, until = seconds, seconds
			if began, err = computedBy(true, y.cluster.postmaster); err != nil {
				return found, err
			}
		case second <= warmUp+lasts:
			done += perSecond * (seconds - until)
			until = seconds
			if ended, err = computedBy(true, y.cluster.postmaster); err != nil {
				return found, err
			}
		}
	}
	if until == from {
		return found, errors.New("it told of no progress")
	}
	return figure{rate: done / (until - from), done: int64(done), databaseCPU: ended - began}, nil
}

// readLogs reads the times of the transactions that were logged, without those of the warm-up. A line of a log is
// client, transaction, microseconds, script, and when it ended: seconds and microseconds.
func readLogs(directory string, warmUp time.Duration) (histogram, error) {
	names, err := filepath.Glob(filepath.Join(directory, "log.*"))
	if err != nil {
		return nil, err
	}
	type logged struct{ ended, took int64 } // microseconds
	var all []logged
	first := int64(math.MaxInt64)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(text)) {
			var client, transaction, script, took, seconds, microseconds int64
			if _, err := fmt.Sscan(line, &client, &transaction, &took, &script, &seconds, &microseconds); err != nil {
				return nil, fmt.Errorf("pgbench's log: %w: %s", err, line)
			}
			all = append(all, logged{1_000_000*seconds + microseconds, took})
			first = min(first, 1_000_000*seconds+microseconds-took)
		}
	}
	found := newHistogram()
	for _, each := range all {
		if each.ended > first+warmUp.Microseconds() {
			found.add(time.Duration(each.took) * time.Microsecond)
		}
	}
	return found, nil
}
