// Package child starts processes that do not outlive this one, however it ends.
package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Linux takes the end of the thread that started a process for the end of its parent. So all are started on one thread,
// which lives as long as this process does.
var starts = sync.OnceValue(func() chan<- func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
})

// Start starts a command that the kernel sends a signal when this process ends, SIGKILL included. It is started in a
// process group of its own, out of reach of a ^C at the terminal. Only Linux has the means; elsewhere a SIGKILL of this
// process leaves the command behind.
func Start(command *exec.Cmd, whenOrphaned syscall.Signal) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
	signalAtEnd(command.SysProcAttr, whenOrphaned)
	done := make(chan error)
	starts() <- func() { done <- command.Start() }
	return <-done
}
