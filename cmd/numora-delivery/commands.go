package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/numora/delivery/internal/app"
	"github.com/numora/delivery/internal/config"
)

type commands struct {
	Serve       serve         `cmd:"" help:"Run the server."`
	Migrate     migrate       `cmd:"" help:"Bring the database schema up to date."`
	Keys        keys          `cmd:"" help:"Make, list, rotate and revoke API keys."`
	Audit       auditCommands `cmd:"" help:"Make the audit history provable, and prove it."`
	Healthcheck healthcheck   `cmd:"" help:"Exit 0 when the server is ready, else 1."`
	Version     version       `cmd:"" help:"Print the version."`
}

type serve struct{ config.Serve }

func (c *serve) Run(ctx context.Context, strange strangeFlags) error {
	return app.Serve(ctx, c.Serve, strange, os.Stdout, os.Stderr)
}

type migrate struct {
	config.Database
	config.Roles
}

func (c *migrate) Run(ctx context.Context) error {
	return app.Migrate(ctx, c.Database, c.Roles, os.Stderr)
}

type keys struct {
	Create createKey `cmd:"" help:"Make a key and print it; it is shown this once."`
	List   listKeys  `cmd:"" help:"List all keys."`
	Rotate rotateKey `cmd:"" help:"Make the successor of a key and print it; the old key works for a while beside it."`
	Revoke revokeKey `cmd:"" help:"Revoke a key; within 5 seconds no server accepts it any more."`
}

type createKey struct {
	config.Database
	Name      string        `required:"" help:"Who will use it; stands with every attempt it records."`
	Scopes    []string      `required:"" placeholder:"SCOPE,..." help:"What it may do: delivery:write, delivery:read, delivery:requeue, documents:read, documents:write."`
	ExpiresIn time.Duration `placeholder:"DURATION" help:"How long it may be used, such as 2160h; without it, for ever."`
	Test      bool          `help:"Make a key that says of itself that it is for tests (sk_test_...)."`
}

func (c *createKey) Run(ctx context.Context) error {
	wanted := app.NewKey{Name: c.Name, Scopes: c.Scopes, ExpiresIn: c.ExpiresIn, Test: c.Test}
	return app.CreateKey(ctx, c.Database, wanted, os.Stdout)
}

type listKeys struct {
	config.Database
	JSON bool `help:"Print JSON."`
}

func (c *listKeys) Run(ctx context.Context) error {
	return app.ListKeys(ctx, c.Database, c.JSON, os.Stdout)
}

type rotateKey struct {
	config.Database
	ID        string        `arg:"" help:"The key's id: the part between the second and the third underscore."`
	Overlap   time.Duration `default:"24h" placeholder:"DURATION" help:"For how long the old key works beside its successor: 0s to 168h (default ${default})."`
	ExpiresIn time.Duration `placeholder:"DURATION" help:"How long the successor may be used; without it, for as long as the old key was made for."`
}

func (c *rotateKey) Run(ctx context.Context) error {
	rotation := app.Rotation{ID: c.ID, Overlap: c.Overlap, ExpiresIn: c.ExpiresIn}
	return app.RotateKey(ctx, c.Database, rotation, os.Stdout, os.Stderr)
}

type revokeKey struct {
	config.Database
	ID string `arg:"" help:"The key's id: the part between the second and the third underscore."`
}

func (c *revokeKey) Run(ctx context.Context) error { return app.RevokeKey(ctx, c.Database, c.ID) }

type healthcheck struct {
	config.TLS
	Listen string `env:"NUMORA_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the server listens (default ${default})."`
}

func (c *healthcheck) Run(ctx context.Context) error {
	return app.Healthcheck(ctx, c.Listen, c.TLS.On())
}

type version struct{}

func (version) Run() error {
	version, revision := app.Version()
	_, err := fmt.Printf("numora-delivery %s (revision %s, %s)\n", version, revision, runtime.Version())
	return err
}
