package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Healthcheck returns nil when the server that listens on address, with TLS or without, is ready.
func Healthcheck(ctx context.Context, address string, withTLS bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the address must be HOST:PORT: %w", err)
	}
	hosts := []string{host}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		// Where it listens on all addresses, this machine's own will do. By number: a container may know no names.
		hosts = []string{"127.0.0.1", "::1"}
	}
	scheme := "http://"
	if withTLS {
		scheme = "https://"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var failures []error
	for _, host := range hosts {
		err := askReady(ctx, scheme+net.JoinHostPort(host, port))
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// askReady asks the server at url whether it is ready.
func askReady(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	// Straight there, whatever proxy the environment names. Nothing secret is told, and the certificate is made for the name
	// that clients use: whether it is good is theirs to judge.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // #nosec G402 -- see above
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}
	return nil
}
