package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// authority signs certificates for one test.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t}
	signed, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.certificate, a.key = signed, key
	return a
}

// sign completes and signs a certificate; the authority's own, which is the first, with the key it is about.
func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, parentKey := a.certificate, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed, key
}

// server is a certificate for the server on 127.0.0.1; change alters it.
func (a *authority) server(change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "database"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range change {
		c(template)
	}
	signed, key := a.sign(template)
	return tls.Certificate{Certificate: [][]byte{signed.Raw}, PrivateKey: key}
}

// file is the authority's certificate, as sslrootcert names it.
func (a *authority) file() string {
	a.t.Helper()
	return writePEM(a.t, "root.crt", "CERTIFICATE", a.certificate.Raw)
}

// client is a certificate and its key, as sslcert and sslkey name them.
func (a *authority) client() (certificate, key string) {
	a.t.Helper()
	signed, private := a.sign(&x509.Certificate{
		Subject:  pkix.Name{CommonName: "numora"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return writePEM(a.t, "client.crt", "CERTIFICATE", signed.Raw), writePEM(a.t, "client.key", "PRIVATE KEY", der)
}

func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serveTLS stands before the test's PostgreSQL as one that takes TLS and nothing else, and returns where.
func serveTLS(t *testing.T, databaseURL string, config *tls.Config) (address string) {
	t.Helper()
	return serveTCP(t, func(client net.Conn) {
		// The request for TLS: its length, and a number that no protocol version has.
		var request [8]byte
		if _, err := io.ReadFull(client, request[:]); err != nil || binary.BigEndian.Uint32(request[4:]) != 80877103 {
			return
		}
		if _, err := client.Write([]byte{'S'}); err != nil {
			return
		}
		pipe(tls.Server(client, config), dialDatabase(t, databaseURL))
	})
}

// serveTCP takes connections on 127.0.0.1 until the test ends; each is closed when handle returns.
func serveTCP(t *testing.T, handle func(client net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = client.Close() }()
				handle(client)
			}()
		}
	}()
	return listener.Addr().String()
}

// dialDatabase connects to the PostgreSQL that databaseURL names, or returns nil.
func dialDatabase(t *testing.T, databaseURL string) net.Conn {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		t.Error(err)
		return nil
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	database, err := net.Dial(network, address)
	if err != nil {
		t.Error(err)
		return nil
	}
	return database
}

// pipe carries bytes both ways until one side ends.
func pipe(client, database net.Conn) {
	if database == nil {
		return
	}
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, database}, {database, client}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			ended <- struct{}{}
		}()
	}
	<-ended
	_, _ = client.Close(), database.Close()
	<-ended
}

// at is databaseURL as it reads when its server listens on the address, with options given as name and value.
func at(t *testing.T, databaseURL, address string, options ...string) *url.URL {
	t.Helper()
	moved := parse(t, databaseURL)
	moved.Host = address
	query := moved.Query()
	for _, name := range []string{"host", "port", "sslmode"} {
		query.Del(name)
	}
	for i := 0; i < len(options); i += 2 {
		query.Set(options[i], options[i+1])
	}
	moved.RawQuery = query.Encode()
	return moved
}

func TestPostgresTLS_Records(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	trusted := newAuthority(t, "trusted")
	certificate, key := trusted.client()
	demanding := x509.NewCertPool()
	demanding.AddCert(trusted.certificate)
	n := 0
	forOthers := func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"db.elsewhere.example"} }
	for name, test := range map[string]struct {
		server  *tls.Config
		options []string
	}{
		"VerifyFull": {
			&tls.Config{Certificates: []tls.Certificate{trusted.server()}},
			[]string{"sslmode", "verify-full", "sslrootcert", trusted.file()},
		},
		"VerifyCA_WhateverTheHostName": {
			&tls.Config{Certificates: []tls.Certificate{trusted.server(forOthers)}},
			[]string{"sslmode", "verify-ca", "sslrootcert", trusted.file()},
		},
		"Require_SignedByNobodyKnown": {
			&tls.Config{Certificates: []tls.Certificate{newAuthority(t, "nobody").server()}},
			[]string{"sslmode", "require"},
		},
		"ClientCertificate": {
			&tls.Config{
				Certificates: []tls.Certificate{trusted.server()},
				ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: demanding,
			},
			[]string{"sslmode", "verify-full", "sslrootcert", trusted.file(), "sslcert", certificate, "sslkey", key},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := migrated(t, at(t, databaseURL, serveTLS(t, databaseURL, test.server), test.options...).String())
			if err := s.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			register(t, s)
			n++
			a := failedAttempt(n, name, documentID, "dynamics365")
			if results, err := s.Record(t.Context(), []delivery.Attempt{a}, nil); err != nil || results[0].Result != delivery.Created {
				t.Errorf("got %+v, error %v", results, err)
			}
		})
	}
}

// A server that cannot be trusted is not worked with, and the error says what is wrong with it.
func TestPostgresTLS_Refusals(t *testing.T) {
	databaseURL := storetest.Postgres(t)
	trusted := newAuthority(t, "trusted")
	demanding := x509.NewCertPool()
	demanding.AddCert(trusted.certificate)
	verify := []string{"sslmode", "verify-full", "sslrootcert", trusted.file()}
	with := func(certificate tls.Certificate) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	for name, test := range map[string]struct {
		server  *tls.Config // nil: it does without TLS
		options []string
		want    string
	}{
		"OtherAuthority": {with(newAuthority(t, "other").server()), verify, "unknown authority"},
		"OtherHost": {
			with(trusted.server(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} })),
			verify, "valid for 127.0.0.2, not 127.0.0.1",
		},
		"Expired": {
			with(trusted.server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })),
			verify, "expired",
		},
		"RequireWithARoot_OtherAuthority": {
			with(newAuthority(t, "other").server()),
			[]string{"sslmode", "require", "sslrootcert", trusted.file()}, "unknown authority",
		},
		"NoClientCertificate": {
			&tls.Config{
				Certificates: []tls.Certificate{trusted.server()}, MaxVersion: tls.VersionTLS12, // says so within the handshake
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: demanding,
			},
			verify, "tls: handshake failure",
		},
		"NoTLS": {nil, []string{"sslmode", "require"}, "server refused TLS connection"},
	} {
		t.Run(name, func(t *testing.T) {
			var address string
			if test.server != nil {
				address = serveTLS(t, databaseURL, test.server)
			} else {
				address = serveTCP(t, func(client net.Conn) {
					_, _ = client.Write([]byte{'N'})
					_, _ = io.Copy(io.Discard, client)
				})
			}
			location := at(t, databaseURL, address, test.options...)
			location.User = url.UserPassword("numora", secret)
			s := opened(t, location.String(), Options{})
			_, recording := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil)
			checkNotExecuted(t, recording)
			for call, err := range map[string]error{
				"Record": recording, "Ready": s.Ready(t.Context()), "Migrate": s.Migrate(t.Context()),
			} {
				checkNotExecuted(t, err)
				if err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), secret)) {
					t.Errorf("%s says %v, want it to say %q and not the password", call, err, test.want)
				}
			}
		})
	}
}
