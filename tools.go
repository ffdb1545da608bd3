//go:build tools

// Package tools pins the programs that build this module: go.mod and go.sum fix
// their versions, and the Makefile runs them with "go run".
package tools

import (
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
	_ "honnef.co/go/tools/cmd/staticcheck"
)
