// Package openapi holds the contract, delivery.yaml, written by hand. Everything else follows from it: the
// stubs, models and clients under gen are generated from it, the server validates requests with it, the
// tests validate responses with it, and /openapi.yaml serves these very bytes.
//
// The folder released keeps the contracts that were released, which this one may not break unannounced; checks has
// the rules of its linter, the settings of its fuzzer, and the lock files of both; n8n has workflows for workers
// that are made with it.
//
// Beside standard OpenAPI 3.0.3 it uses two extensions that the server reads: x-required-scope, the scope
// an operation needs, and x-issue, what an error says of a value that breaks a schema's pattern, for people.
package openapi

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed delivery.yaml
var yaml []byte

// YAML returns the contract as it was written. It must not be changed.
func YAML() []byte { return yaml }

// Load parses and validates the contract, its examples included.
func Load() (*openapi3.T, error) {
	contract, err := openapi3.NewLoader().LoadFromData(yaml)
	if err != nil {
		return nil, fmt.Errorf("parse the contract: %w", err)
	}
	if err := contract.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("validate the contract: %w", err)
	}
	return contract, nil
}
