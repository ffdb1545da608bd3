package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/numora/delivery/internal/bench/program"
)

const (
	reportOverhead = time.Millisecond // what a report may take besides one fsync
	startBound     = 300 * time.Millisecond
	memoryBound    = 64 << 20

	commitSize    = 8 << 10 // bytes
	documentCount = 100     // that the reports go to, round and round
	idleTime      = 5 * time.Second
)

// measureServer measures a server over its life: recording, idling, starting again.
func measureServer(ctx context.Context, built program.Program, s settings) ([]row, error) {
	databaseURL := "sqlite:" + filepath.Join(built.Directory, "reports.db")
	key, err := built.Prepare(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	rows, err := measureFirstRun(ctx, built, databaseURL, key, s.reports)
	if err != nil {
		return rows, err
	}
	progress("%d starts", s.starts)
	starts, err := measureStarts(ctx, built, databaseURL, s.starts)
	if err != nil {
		return rows, err
	}
	return append(rows, starts), nil
}

func measureFirstRun(ctx context.Context, built program.Program, databaseURL, key string, reports int) (rows []row, err error) {
	running, err := built.Start(ctx, databaseURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	progress("%d reports", reports)
	rows, err = measureRecording(ctx, running, key, built.Directory, reports)
	if err != nil {
		return nil, err
	}
	progress("idling for %s", idleTime)
	memory, err := measureIdleMemory(ctx, running)
	if err != nil {
		return rows, err
	}
	return append(rows, memory), nil
}

// measureRecording takes turns between reports and fsyncs of a file in the directory, which is the database's.
func measureRecording(ctx context.Context, running *program.Server, key, directory string, reports int) (rows []row, err error) {
	c := newClient(running.Origin, key)
	defer c.close()
	for i := range documentCount {
		if err := c.registerDocument(ctx, fmt.Sprintf("doc-%d", i)); err != nil {
			return nil, err
		}
	}
	log, err := os.Create(filepath.Join(directory, "fsync"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	commit, sent := make([]byte, commitSize), 0
	taken, err := inTurn(ctx, reports,
		func(context.Context) error {
			if _, err := log.Write(commit); err != nil {
				return err
			}
			return log.Sync()
		},
		func(ctx context.Context) error {
			sent++
			return c.report(ctx, fmt.Sprintf("doc-%d", sent%documentCount), fmt.Sprintf("bench-%d", sent))
		})
	if err != nil {
		return nil, err
	}
	fsync, report := taken[0], taken[1]
	bound := fsync.median() + reportOverhead
	return []row{
		measured(fmt.Sprintf("one fsync of %d KiB, median", commitSize>>10), milliseconds(fsync.median())),
		measured("one fsync, 95th percentile", milliseconds(fsync.percentile(0.95))),
		bounded("one report, one client, SQLite, median", milliseconds(report.median()),
			fmt.Sprintf("%s (fsync + %d ms)", milliseconds(bound), reportOverhead.Milliseconds()), report.median() <= bound),
		measured("one report, 95th percentile", milliseconds(report.percentile(0.95))),
	}, nil
}

func measureIdleMemory(ctx context.Context, running *program.Server) (row, error) {
	const what = "idle resident memory"
	if _, err := os.Stat("/proc/self/status"); errors.Is(err, os.ErrNotExist) {
		return measured(what, "not measured: there is no /proc here"), nil
	}
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return row{}, context.Cause(ctx)
	}
	memory, err := running.ResidentMemory()
	if err != nil {
		return row{}, err
	}
	return bounded(what, mebibytes(memory), mebibytes(memoryBound), memory <= memoryBound), nil
}

func measureStarts(ctx context.Context, built program.Program, databaseURL string, starts int) (row, error) {
	var taken times
	for range starts {
		running, err := built.Start(ctx, databaseURL)
		if err != nil {
			return row{}, err
		}
		taken = append(taken, running.ReadyAfter)
		if err := running.Stop(); err != nil {
			return row{}, err
		}
	}
	return bounded("start to ready, median", milliseconds(taken.median()), milliseconds(startBound), taken.median() <= startBound), nil
}
