package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// settings are flags; each has an environment variable too, such as WORKER_PROVIDER.
type settings struct {
	Server      string        `default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where Numora Delivery is (default ${default})."`
	APIKeyFile  string        `placeholder:"FILE" help:"A file with the API key, which needs the scope delivery:write. Without it, NUMORA_API_KEY is the key."`
	Provider    string        `required:"" placeholder:"NAME" help:"Whose deliveries to claim."`
	Destination *url.URL      `required:"" placeholder:"URL" help:"Where to POST each document."`
	Name        string        `default:"example-worker" placeholder:"NAME" help:"What this worker calls itself, for people who look at its claims (default ${default})."`
	Batch       int32         `default:"4" placeholder:"N" help:"How many to claim at once (default ${default})."`
	Parallel    int           `default:"4" placeholder:"N" help:"How many to work on at a time (default ${default})."`
	Lease       int32         `default:"60" placeholder:"SECONDS" help:"How long a lease lasts, in seconds; it is extended while the destination is slow (default ${default})."`
	Poll        time.Duration `default:"5s" placeholder:"DURATION" help:"How long to wait when nothing is due (default ${default})."`
	Timeout     time.Duration `default:"10m" placeholder:"DURATION" help:"How long the destination may take (default ${default})."`
	Grace       time.Duration `default:"30s" placeholder:"DURATION" help:"How long to finish what has begun, when told to stop (default ${default})."`
}

func (s settings) apiKey() (string, error) {
	if s.APIKeyFile == "" {
		if key := os.Getenv("NUMORA_API_KEY"); key != "" {
			return key, nil
		}
		return "", errors.New("name a file with the API key by --api-key-file, or set NUMORA_API_KEY")
	}
	text, err := os.ReadFile(s.APIKeyFile)
	if err != nil {
		return "", fmt.Errorf("the API key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
