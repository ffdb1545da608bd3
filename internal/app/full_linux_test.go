package app_test

import (
	"os"
	"strings"
	"testing"

	"github.com/numora/delivery/internal/store/storetest"
)

// fullDevice can be opened, and has no room: Linux has it.
const fullDevice = "/dev/full"

// A file that can be opened, and there is no room.
func TestSeal_CheckpointFileOnAFullDisk_SealingGoesOn(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	s := startSealing(t, databaseURL, newKey(t, databaseURL), newAuditKey(t, "numora.example/test"), fullDevice)
	s.awaitSealed(1)
	s.record("one")
	s.awaitSealed(2)
	until(t, "it is told", func() bool { return strings.Contains(s.logs.String(), "no space left on device") })
}

func TestAuditKeygen_WhatIsPublicCannotBeTold_LeavesNoKey(t *testing.T) {
	full, err := os.OpenFile(fullDevice, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { check(t, full.Close()) }()
	folder := t.TempDir()
	c := command(t, folder, nil, "audit", "keygen", "--name", "numora.example/test", "--out", "audit.key")
	c.Stdout = full
	if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v behind (%v)", left, err)
	}
}
