package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// meter adds up how long processes compute while something is done.
type meter struct {
	processes []*os.Process
	computed  []time.Duration // by each of them
	took      time.Duration   // what was done
}

func newMeter(processes ...*os.Process) *meter {
	return &meter{processes: processes, computed: make([]time.Duration, len(processes))}
}

// tells says whether this system tells how long processes compute; only Linux does.
func (m *meter) tells() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// during does something, and counts what the processes compute meanwhile. Without tells it counts nothing.
func (m *meter) during(do func() error) error {
	before, err := m.read()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	m.took += time.Since(began)
	after, err := m.read()
	if err != nil {
		return err
	}
	for i := range m.computed {
		m.computed[i] += after[i] - before[i]
	}
	return nil
}

// share returns how much of one processor a computing time means over what was done.
func (m *meter) share(computed time.Duration) float64 { return float64(computed) / float64(m.took) }

func (m *meter) read() ([]time.Duration, error) {
	readings := make([]time.Duration, len(m.processes))
	if !m.tells() {
		return readings, nil
	}
	for i, process := range m.processes {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process.Pid))
		if err == nil {
			readings[i], err = parseStat(string(stat))
		}
		if err != nil {
			return nil, err
		}
	}
	return readings, nil
}

// parseStat reads how long a process has computed, for itself and in the kernel: the 14th and 15th field, in
// hundredths of a second. The second one is its name in parentheses, which may hold anything.
func parseStat(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
	if len(fields) < 13 {
		return 0, errors.New("the kernel does not tell how long a process has computed")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), err
}
