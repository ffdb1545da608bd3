package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/numora/delivery/internal/config"
)

// certificateCheckEvery is how often the files of the certificate are looked at.
const certificateCheckEvery = 5 * time.Second

// certificate is the one that the server presents, as its files have it.
type certificate struct {
	files   config.TLS
	logger  *slog.Logger
	current atomic.Pointer[tls.Certificate]
	read    [2][]byte // what the files held when they were read last
}

// newCertificate loads a certificate, or returns nil where TLS is not spoken.
func newCertificate(files config.TLS, logger *slog.Logger) (*certificate, error) {
	if !files.On() {
		return nil, nil
	}
	c := &certificate{files: files, logger: logger}
	if err := c.refresh(); err != nil {
		return nil, fmt.Errorf("NUMORA_TLS_CERT_FILE, NUMORA_TLS_KEY_FILE: %w", err)
	}
	return c, nil
}

// refresh loads the certificate anew if its files have changed. Files that do not make one leave the one that was.
func (c *certificate) refresh() error {
	var read [2][]byte
	for i, name := range []string{c.files.TLSCertFile, c.files.TLSKeyFile} {
		content, err := os.ReadFile(name) // #nosec G304 -- the operator names it
		if err != nil {
			return err
		}
		read[i] = content
	}
	if bytes.Equal(read[0], c.read[0]) && bytes.Equal(read[1], c.read[1]) {
		return nil
	}
	loaded, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return err
	}
	c.read = read
	c.current.Store(&loaded)
	c.logger.Info("the certificate is loaded", slog.String("serial", loaded.Leaf.SerialNumber.Text(16)), slog.Time("not_after", loaded.Leaf.NotAfter))
	return nil
}

// keepFresh has changed files loaded until ctx ends, with no connection harmed. Files that are replaced one after the other do
// not fit for a moment.
func (c *certificate) keepFresh(ctx context.Context) {
	repeat(ctx, certificateCheckEvery, c.logger, "the certificate's files cannot be loaded; the one before is presented",
		func(context.Context) error { return c.refresh() })
}

// listener has the connections of another speak TLS. HTTP/1.1 alone is spoken, as without TLS: what holds for a connection
// when the server stops, and how many there may be, holds for one request at a time.
func (c *certificate) listener(plain net.Listener) net.Listener {
	return tls.NewListener(plain, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	})
}
