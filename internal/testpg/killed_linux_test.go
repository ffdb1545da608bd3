package main

import (
	"errors"
	"os"
	"testing"
)

// Only Linux tells a process of its parent's end.
func TestCommand_Killed_TakesTheDatabaseAlong(t *testing.T) {
	session := startSession(t, "read _")
	directory := session.directory()
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := session.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	awaitThat(t, "the server has ended", func() bool {
		_, err := os.Stat(session.lockFile())
		return errors.Is(err, os.ErrNotExist)
	})
	session.input.Close()
	_ = session.command.Wait()
}
