package config

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// TLS are the files of the certificate that the server presents; without them it speaks plain HTTP.
type TLS struct {
	TLSCertFile string `name:"tls-cert-file" env:"NUMORA_TLS_CERT_FILE" placeholder:"FILE" help:"Speak HTTPS, with the certificate in this PEM file, followed by those of its issuers. Changed files are taken over within seconds, without a restart."`
	TLSKeyFile  string `name:"tls-key-file" env:"NUMORA_TLS_KEY_FILE" placeholder:"FILE" help:"The PEM file of its private key."`
}

// On tells whether TLS is spoken.
func (t TLS) On() bool { return t.TLSCertFile != "" }

// problems returns what is wrong with the files. It names none: one of them may be the key itself, in the wrong place.
func (t TLS) problems() []string {
	if t.TLSCertFile == "" && t.TLSKeyFile == "" {
		return nil
	}
	if t.TLSCertFile == "" || t.TLSKeyFile == "" {
		return []string{"set both of NUMORA_TLS_CERT_FILE and NUMORA_TLS_KEY_FILE, or none"}
	}
	if _, err := tls.LoadX509KeyPair(t.TLSCertFile, t.TLSKeyFile); err != nil {
		return []string{fmt.Sprintf("NUMORA_TLS_CERT_FILE and NUMORA_TLS_KEY_FILE do not make a certificate: %v", withoutName(err))}
	}
	return nil
}

// checkOrigins returns what is wrong with the origins of pages that may use the API: SCHEME://HOST or SCHEME://HOST:PORT,
// as browsers write them.
func checkOrigins(origins []string) (problems []string) {
	for _, origin := range origins {
		parsed, err := url.Parse(origin)
		wellFormed := err == nil && slices.Contains([]string{"http", "https"}, parsed.Scheme) && parsed.Hostname() != "" &&
			parsed.Port() != map[string]string{"http": "80", "https": "443"}[parsed.Scheme] && origin == parsed.Scheme+"://"+parsed.Host && origin == strings.ToLower(origin) && !strings.ContainsAny(origin, "*?")
		if !wellFormed {
			problems = append(problems, fmt.Sprintf("NUMORA_CORS_ORIGINS must list origins such as https://console.example, not %s", quoteOrigin(origin)))
		}
	}
	return problems
}

// quoteOrigin is quote, but shows a URL that holds no secret: these are URLs.
func quoteOrigin(origin string) string {
	if strings.ContainsAny(origin, "@?") {
		return quote(origin)
	}
	return fmt.Sprintf("%q", origin)
}
