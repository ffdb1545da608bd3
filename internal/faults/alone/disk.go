package alone

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// disk is a small one, in memory, part of which a ballast takes.
type disk struct {
	folder string
}

// makeDisk mounts a disk of so many bytes.
func makeDisk(ctx context.Context, folder string, size int64) (*disk, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { // #nosec G301 -- PostgreSQL, as another user, has its directory in there
		return nil, err
	}
	output, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "mode=755,size="+strconv.FormatInt(size, 10), "faults", folder).CombinedOutput()
	if err != nil {
		return nil, notFelt("a small disk cannot be mounted here, which takes root: %w: %s", err, output)
	}
	return &disk{folder}, nil
}

// leave has the ballast take all that is free but so many bytes.
func (d *disk) leave(bytes int64) error {
	free, err := d.free()
	if err != nil {
		return err
	}
	if free <= bytes {
		return notFelt("of the small disk %d bytes are free already", free)
	}
	return os.WriteFile(d.ballast(), make([]byte, free-bytes), 0o600)
}

func (d *disk) ballast() string { return filepath.Join(d.folder, "ballast") }

// makeRoom frees what the ballast takes.
func (d *disk) makeRoom() error { return os.Remove(d.ballast()) }

// free returns how many bytes are free.
func (d *disk) free() (int64, error) {
	var is syscall.Statfs_t
	err := syscall.Statfs(d.folder, &is)
	return int64(is.Bavail) * int64(is.Bsize), err // #nosec G115 -- it is small
}

// close unmounts the disk, even where a process that ends has something open there.
func (d *disk) close() error {
	return exec.Command("umount", "-l", d.folder).Run()
}
