//go:build !linux

package child

import "syscall"

func signalAtEnd(*syscall.SysProcAttr, syscall.Signal) {}
