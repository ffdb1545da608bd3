package main

import (
	"bufio"
	"context"
	"os"
	"time"

	"github.com/numora/delivery/internal/app"
	"github.com/numora/delivery/internal/config"
)

type auditCommands struct {
	Keygen     auditKeygen     `cmd:"" help:"Make a key to sign checkpoints with, and print what is public of it."`
	Verify     auditVerify     `cmd:"" help:"Verify the audit history, of a database or an export. Exit 3 when something is wrong."`
	Export     auditExport     `cmd:"" help:"Write the audit history as lines of JSON."`
	Prove      auditProve      `cmd:"" help:"Write a proof that an attempt is sealed."`
	CheckProof auditCheckProof `cmd:"" help:"Check such a proof, without any database. Exit 3 when it proves nothing."`
}

type auditKeygen struct {
	Name string `required:"" placeholder:"NAME" help:"What signs: every checkpoint begins with it. Such as delivery.example.com."`
	Out  string `required:"" placeholder:"FILE" help:"Where the key goes, a new file that its owner alone can read."`
}

func (c *auditKeygen) Run() error { return app.MakeAuditKey(c.Name, c.Out, os.Stdout) }

type auditVerify struct {
	config.Database
	Export      string        `placeholder:"FILE" help:"Verify this export instead of a database; - reads it from standard input."`
	PublicKey   []string      `required:"" sep:"none" placeholder:"KEY" help:"What is public of the key that has signed; again for each key."`
	Checkpoints []string      `sep:"none" placeholder:"FILE" help:"Checkpoints that were kept elsewhere, as a server appends them to NUMORA_AUDIT_CHECKPOINT_FILE; again for each file."`
	Late        time.Duration `default:"5m" placeholder:"DURATION" help:"How much later than others an entry may have been sealed that says it was recorded before them (default ${default})."`
}

func (c *auditVerify) Run(ctx context.Context) error {
	wanted := app.AuditVerification{Export: c.Export, PublicKeys: c.PublicKey, Checkpoints: c.Checkpoints, Late: c.Late}
	return app.VerifyAudit(ctx, c.Database, wanted, os.Stdout, os.Stderr)
}

type auditExport struct {
	config.Database
	Since time.Time `placeholder:"INSTANT" help:"Only what was recorded at or after this instant, such as 2026-03-24T00:00:00Z."`
	Until time.Time `placeholder:"INSTANT" help:"Only what was recorded before this instant."`
}

func (c *auditExport) Run(ctx context.Context) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	if err := app.ExportAudit(ctx, c.Database, app.AuditRange{Since: c.Since, Until: c.Until}, out, os.Stderr); err != nil {
		return err
	}
	return out.Flush()
}

type auditProve struct {
	config.Database
	ExecutionID string `arg:"" help:"The attempt's execution id."`
}

func (c *auditProve) Run(ctx context.Context) error {
	return app.ProveAttempt(ctx, c.Database, c.ExecutionID, os.Stdout)
}

type auditCheckProof struct {
	File      string   `arg:"" help:"The proof; - reads it from standard input."`
	PublicKey []string `required:"" sep:"none" placeholder:"KEY" help:"What is public of the key that has signed; again for each key."`
}

func (c *auditCheckProof) Run() error { return app.CheckProof(c.File, c.PublicKey, os.Stdout) }
