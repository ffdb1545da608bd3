package cluster

import (
	"io"
	"os"
)

// SaveLog copies all that the server wrote into a file.
func (c *Cluster) SaveLog(path string) error {
	log, err := os.Open(c.logPath())
	if err != nil {
		return err
	}
	defer log.Close() // nothing was written
	saved, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(saved, log); err != nil {
		_ = saved.Close() // the first error says more
		return err
	}
	return saved.Close()
}
