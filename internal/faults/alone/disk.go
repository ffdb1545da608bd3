package alone

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// disk is a small one, in memory, part of which a ballast takes.
type disk struct {
	folder string
	keeper *exec.Cmd // unmounts it when its standard input ends, which it does with this process too
	input  io.Closer
}

// keep unmounts a disk, even where a process that ends has something open there.
const keep = `trap "" INT TERM HUP; read -r _; umount -l "$1"`

// makeDisk mounts a disk of so many bytes.
func makeDisk(ctx context.Context, folder string, size int64) (*disk, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { // #nosec G301 -- PostgreSQL, as another user, has its directory in there
		return nil, err
	}
	output, err := exec.CommandContext(ctx, "mount", "-t", "tmpfs", "-o", "mode=755,size="+strconv.FormatInt(size, 10), "faults", folder).CombinedOutput()
	if err != nil {
		return nil, notFelt("a small disk cannot be mounted here, which takes root: %w: %s", err, output)
	}
	d := &disk{folder: folder, keeper: exec.Command("sh", "-c", keep, "sh", folder)}
	d.keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if d.input, err = d.keeper.StdinPipe(); err == nil {
		err = d.keeper.Start()
	}
	if err != nil {
		return nil, errors.Join(err, exec.Command("umount", "-l", folder).Run())
	}
	return d, nil
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

// close unmounts the disk.
func (d *disk) close() error { return errors.Join(d.input.Close(), d.keeper.Wait()) }
