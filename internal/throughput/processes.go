package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processStat is what /proc/PID/stat tells of a process.
type processStat struct {
	parent   int
	computed time.Duration // by itself
	ofEnded  time.Duration // by those of its children that have ended
}

// parseStat reads the fields 4 and 14 to 17. The second one is a name in parentheses, which may hold anything.
func parseStat(stat string) (processStat, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 15 {
		return processStat{}, errors.New("the kernel does not tell how long a process has computed")
	}
	var numbers [5]int64
	for i, field := range []int{1, 11, 12, 13, 14} {
		var err error
		if numbers[i], err = strconv.ParseInt(fields[field], 10, 64); err != nil {
			return processStat{}, err
		}
	}
	const tick = time.Second / 100
	return processStat{
		parent:   int(numbers[0]),
		computed: time.Duration(numbers[1]+numbers[2]) * tick,
		ofEnded:  time.Duration(numbers[3]+numbers[4]) * tick,
	}, nil
}

func readStat(process int) (processStat, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return processStat{}, err
	}
	return parseStat(string(stat))
}

func parentOf(process int) (int, error) {
	stat, err := readStat(process)
	return stat.parent, err
}

// computedBy returns how long some processes have computed. With their families it is their children's time too, of
// those that have ended as well: a PostgreSQL is its postmaster's family.
func computedBy(families bool, processes ...int) (total time.Duration, err error) {
	for _, process := range processes {
		stat, err := readStat(process)
		if err != nil {
			return 0, err
		}
		total += stat.computed
		if families {
			total += stat.ofEnded
		}
	}
	if !families {
		return total, nil
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		stat, err := parseStat(string(text))
		if err != nil {
			return 0, err
		}
		for _, process := range processes {
			if stat.parent == process {
				total += stat.computed + stat.ofEnded
			}
		}
	}
	return total, nil
}

// forgetPeak makes a process's peak memory what it has now. Where that is not allowed the peak stays the one since its
// start, which is not less.
func forgetPeak(process int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", process), []byte("5"), 0)
}

// peakMemory returns how many bytes of a process were in memory at most.
func peakMemory(process int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, errors.New("the kernel tells no VmHWM")
}

// checkDisk makes sure that a directory is not kept in memory, where fsync costs nothing.
func checkDisk(directory string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	longest, kind := "", ""
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < len(longest) {
			continue
		}
		if inside, err := filepath.Rel(fields[1], directory); err == nil && inside != ".." && !strings.HasPrefix(inside, "../") {
			longest, kind = fields[1], fields[2]
		}
	}
	if kind == "tmpfs" || kind == "ramfs" {
		return fmt.Errorf("%s is kept in memory (%s): set TMPDIR to a directory on a disk", directory, kind)
	}
	return nil
}
