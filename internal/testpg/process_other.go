//go:build !linux

package main

import "syscall"

// dieWithThisProcess does nothing: only Linux has the means. Elsewhere a SIGKILL of this process leaves the
// server behind.
func dieWithThisProcess(*syscall.SysProcAttr) {}
