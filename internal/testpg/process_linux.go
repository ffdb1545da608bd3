package main

import (
	"runtime"
	"syscall"
)

// init keeps the main goroutine on the main thread: Linux takes the end of the thread that started a process
// for the end of its parent, and only the main thread lives as long as this process does.
func init() { runtime.LockOSThread() }

// dieWithThisProcess has the kernel shut a process down when this one ends, SIGKILL included.
func dieWithThisProcess(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGQUIT }
