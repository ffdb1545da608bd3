package config_test

import (
	"strings"
	"testing"

	"github.com/numora/delivery/internal/config"
)

func TestTLS_Files(t *testing.T) {
	const notNamed = "-----BEGIN PRIVATE KEY-----hunter2"
	for name, test := range map[string]struct{ certFile, keyFile, want string }{
		"CertificateAlone":       {file(t, "x"), "", "set both of NUMORA_TLS_CERT_FILE and NUMORA_TLS_KEY_FILE, or none"},
		"KeyAlone":               {"", file(t, "x"), "set both of NUMORA_TLS_CERT_FILE and NUMORA_TLS_KEY_FILE, or none"},
		"NoCertificateInIt":      {file(t, "x"), file(t, "y"), "do not make a certificate"},
		"NoSuchFile":             {"/nowhere/tls.crt", "/nowhere/tls.key", "do not make a certificate: no such file or directory"},
		"TheKeyInsteadOfItsFile": {file(t, "x"), notNamed, "do not make a certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, "sqlite:numora.db")
			s.TLS = config.TLS{TLSCertFile: test.certFile, TLSKeyFile: test.keyFile}
			_, err := s.Check(anyURL)
			if got := problems(t, err); len(got) != 1 || !strings.Contains(got[0], test.want) || strings.Contains(got[0], "hunter2") || strings.Contains(got[0], "nowhere") {
				t.Errorf("got %q, want one that says %q", got, test.want)
			}
		})
	}
}

func TestCORSOrigins(t *testing.T) {
	for origin, good := range map[string]bool{
		"https://console.example": true, "http://127.0.0.1:3000": true, "https://[::1]:8443": true,
		"*": false, "": false, "null": false, "console.example": false, "https://": false, "https://console.example:443": false, "http://console.example:80": false, "https://console.example/": false,
		"https://*.example": false, "HTTPS://console.example": false, "https://Console.example": false, "https://u:hunter2@console.example": false,
		"ftp://console.example": false, "https://console.example?key=hunter2": false, " https://console.example": false,
	} {
		s := serve(t, "sqlite:numora.db")
		s.CORSOrigins = []string{origin}
		_, err := s.Check(anyURL)
		if good != (err == nil) || err != nil && (!strings.Contains(err.Error(), "NUMORA_CORS_ORIGINS") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: got %v, want it accepted %t", origin, err, good)
		}
	}
}
