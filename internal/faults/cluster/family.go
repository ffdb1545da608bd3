package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one of the server's processes. When it began tells it from a later one with its number.
type process struct {
	pid   int
	began string
}

// stat reads a process's parent, state, and when it began. The second field is a name in parentheses, which may hold anything.
func stat(pid int) (parent int, state, began string, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, "", "", err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return 0, "", "", errors.New("the kernel does not tell when a process began")
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[0], fields[19], err
}

// childrenOf returns the children of a process that have not ended.
func childrenOf(pid int) ([]process, error) {
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var found []process
	for _, path := range paths {
		number, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			return nil, err
		}
		parent, state, began, err := stat(number)
		if err == nil && parent == pid && state != "Z" { // else it has just ended, or is not one of ours
			found = append(found, process{number, began})
		}
	}
	return found, nil
}

func (p process) hasEnded() bool {
	_, state, began, err := stat(p.pid)
	return err != nil || began != p.began || state == "Z" || state == "X"
}

func (p process) signal(signal syscall.Signal) error {
	if p.hasEnded() {
		return nil
	}
	if err := syscall.Kill(p.pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// awaitEnd says whether all have ended within the limit.
func awaitEnd(processes []process, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(interval) {
		ended := true
		for _, p := range processes {
			ended = ended && p.hasEnded()
		}
		if ended || time.Now().After(deadline) {
			return ended
		}
	}
}

// Processes returns the numbers of the server's processes.
func (c *Cluster) Processes() ([]int, error) {
	first := c.postmaster.command.Process.Pid
	children, err := childrenOf(first)
	numbers := []int{first}
	for _, p := range children {
		numbers = append(numbers, p.pid)
	}
	return numbers, err
}
