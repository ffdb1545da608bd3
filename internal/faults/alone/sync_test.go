//go:build faults

package alone

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/numora/delivery/internal/faults/cluster"
)

func TestSyncSQLite(t *testing.T) {
	r, err := SyncSQLite(t.Context(), options(t))
	clean(t, r, err)
	if r.Faults < oneByOne+atOnce || r.Faults != r.Acknowledged {
		t.Errorf("of %d it is proven, of %d acknowledged", r.Faults, r.Acknowledged)
	}
}

func TestSyncPostgres(t *testing.T) {
	r, err := SyncPostgres(t.Context(), options(t))
	clean(t, r, err)
	if r.Faults < oneByOne+atOnce || r.Faults != r.Acknowledged {
		t.Errorf("of %d it is proven, of %d acknowledged", r.Faults, r.Acknowledged)
	}
}

// A cluster that syncs nothing, which the server was told to accept.
func TestSyncPostgres_WithoutFsync_IsFound(t *testing.T) {
	direct := func(c *cluster.Cluster) string { return c.Address() }
	r, err := syncPostgres(t.Context(), options(t), map[string]string{"fsync": "off"}, direct, "NUMORA_ALLOW_LOSSY_DATABASE=true")
	check(t, err)
	if len(r.Findings) == 0 || r.Faults > 0 {
		t.Errorf("%d findings, and of %d it is proven", len(r.Findings), r.Faults)
	}
}

// Sessions that commit without waiting for the disk, though the server sets and asks otherwise.
func TestSyncPostgres_AsynchronousCommit_IsFound(t *testing.T) {
	lying := func(c *cluster.Cluster) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				client, err := listener.Accept()
				if err != nil {
					return
				}
				server, err := net.Dial("tcp", c.Address())
				if err != nil {
					return
				}
				go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
				go func() { lie(client, server); _ = server.Close() }()
			}
		}()
		return listener.Addr().String()
	}
	r, err := syncPostgres(t.Context(), options(t), nil, lying)
	check(t, err)
	if len(r.Findings) == 0 {
		t.Errorf("nothing was found, and of %d it is proven", r.Faults)
	}
}

// lie passes on what a server sends, with statements of the same length that set and tell another synchronous_commit.
func lie(client io.Reader, server io.Writer) {
	asks := []byte("current_setting('synchronous_commit')")
	told := append([]byte("'on'::text"), bytes.Repeat([]byte(" "), len(asks)-len("'on'::text"))...)
	chunk := make([]byte, 1<<20)
	for {
		n, err := client.Read(chunk)
		if err != nil {
			return
		}
		said := bytes.ReplaceAll(chunk[:n], asks, told)
		said = bytes.ReplaceAll(said, []byte("SET synchronous_commit = on"), []byte("SET synchronous_commit =off"))
		if _, err := server.Write(said); err != nil {
			return
		}
	}
}
