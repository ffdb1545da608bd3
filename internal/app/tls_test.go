package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/numora/delivery/internal/store/storetest"
)

// writeCertificate writes a certificate for this machine that is its own issuer, with its key.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	check(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	check(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// presented connects with these settings and returns the serial number of the certificate that the server shows.
func presented(address string, settings *tls.Config) (string, error) {
	connection, err := tls.Dial("tcp", address, settings)
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

func TestServe_TLS(t *testing.T) {
	t.Parallel() // it waits more than it works
	folder := t.TempDir()
	certFile, keyFile := filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	writeCertificate(t, certFile, keyFile, 1)
	databaseURL := storetest.SQLite(t)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_TLS_CERT_FILE=" + certFile, "NUMORA_TLS_KEY_FILE=" + keyFile}
	var logs told
	s := startRead(t, t.TempDir(), newKey(t, databaseURL), logs.add, environment, "serve", "--listen", "127.0.0.1:0")
	address := strings.TrimPrefix(s.url, "http://")

	issuer, err := os.ReadFile(certFile)
	check(t, err)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(issuer)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	get := func() {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, "https://"+address+"/v1/documents/nobody", nil)
		check(t, err)
		request.Header.Set("Authorization", "Bearer "+s.key)
		response, err := client.Do(request)
		check(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		check(t, err)
		check(t, response.Body.Close())
		if response.StatusCode != http.StatusNotFound || response.ProtoMajor != 1 || response.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s, %s, %v", response.Status, response.Proto, response.Header)
		}
	}
	get()

	if _, err := presented(address, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("it speaks TLS 1.1")
	}
	response, err := http.Get(s.url + "/livez") // without TLS
	check(t, err)
	check(t, response.Body.Close())
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %s", response.Status)
	}
	if _, stderr, code := run(t, t.TempDir(), environment[1:], "healthcheck", "--listen", address); code != 0 {
		t.Errorf("healthcheck: exit code %d: %s", code, stderr)
	}
	if _, _, code := run(t, t.TempDir(), nil, "healthcheck", "--listen", address); code != 1 {
		t.Errorf("healthcheck without TLS: exit code %d", code)
	}

	// New files are taken over, and who is connected stays so. Files that make no certificate change nothing.
	shown := func(serial string) func() bool {
		return func() bool {
			got, err := presented(address, &tls.Config{InsecureSkipVerify: true})
			check(t, err)
			return got == serial
		}
	}
	check(t, os.WriteFile(keyFile, []byte("no key"), 0o600))
	writeCertificate(t, certFile, filepath.Join(folder, "other.key"), 2)
	until(t, "it complains of the files", func() bool { return strings.Contains(logs.String(), "the certificate's files cannot be loaded") })
	get()
	if !shown("1")() {
		t.Error("it presents a certificate without its key")
	}
	writeCertificate(t, certFile, keyFile, 3)
	until(t, "the new certificate is presented", shown("3"))
	get()
	check(t, s.command.Process.Signal(os.Interrupt))
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(logs.String(), "TLS handshake") {
		t.Error("the log tells of each client that does not get as far as a request")
	}
}

func TestAdminListener_SecurityHeaders(t *testing.T) {
	databaseURL := storetest.SQLite(t)
	environment := []string{"NUMORA_DATABASE_URL=" + databaseURL, "NUMORA_ADMIN_LISTEN=127.0.0.1:0"}
	s := startIn(t, t.TempDir(), newKey(t, databaseURL), environment, "serve", "--listen", "127.0.0.1:0")
	for _, path := range []string{"/metrics", "/debug/pprof/", "/readyz", "/nothing"} {
		response, err := http.Get(s.admin + path)
		check(t, err)
		check(t, response.Body.Close())
		for _, name := range []string{"X-Content-Type-Options", "Content-Security-Policy", "X-Frame-Options"} {
			if len(response.Header.Values(name)) != 1 {
				t.Errorf("%s: %s is %q", path, name, response.Header.Values(name))
			}
		}
	}
}
