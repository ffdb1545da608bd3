package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/numora/delivery/internal/faults/history"
	"github.com/numora/delivery/internal/faults/workers"
)

const (
	// leasesRunOut is how long it takes until no lease is open, so that nothing moves by itself any more.
	leasesRunOut = workers.Lease + time.Second
	// sealLimit is how long sealing may take to come to its end.
	sealLimit = time.Minute
)

// run is what there is now, while nobody does anything.
func (r *rig) run(ctx context.Context, lasted time.Duration, documents []history.Document) (*history.Run, error) {
	operations, err := r.journal.Operations()
	if err != nil {
		return nil, err
	}
	attempts, err := r.attempts(ctx)
	if err != nil {
		return nil, err
	}
	return &history.Run{
		Began: r.journal.Began, Lasted: lasted, Clients: r.settings.clients, Deadline: workers.Deadline,
		Operations: operations, Attempts: attempts, Documents: documents,
	}, nil
}

// attempts reads what was recorded, past the servers.
func (r *rig) attempts(ctx context.Context) ([]history.Attempt, error) {
	connection, err := pgx.Connect(ctx, r.cluster.URL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // it has done its work
	rows, err := connection.Query(ctx, `SELECT id::text, document_id, provider, status, execution_id, attempted_at, coalesce(external_record_id, ''),
		coalesce(external_url, ''), coalesce(error_code, ''), coalesce(error_message, ''), request_id, recorded_at FROM delivery_attempts ORDER BY recorded_at, id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (a history.Attempt, err error) {
		var at time.Time
		err = row.Scan(&a.ID, &a.DocumentID, &a.Provider, &a.Status, &a.ExecutionID, &at, &a.ExternalRecordID, &a.ExternalURL, &a.ErrorCode,
			&a.ErrorMessage, &a.RequestID, &a.RecordedAt)
		a.AttemptedAt, a.RecordedAt = at.UTC().Format(time.RFC3339Nano), a.RecordedAt.UTC()
		return a, err
	})
}

// judge waits until nothing moves any more, reads what there is, and holds everything against it.
func (p *report) judge(ctx context.Context, r *rig) error {
	progress("waiting for leases to run out")
	if err := pause(ctx, leasesRunOut); err != nil {
		return err
	}
	progress("reading what is there")
	documents, err := r.caller.Documents(ctx)
	if err != nil {
		return err
	}
	run, err := r.run(ctx, p.lasted, documents)
	if err != nil {
		return err
	}
	if err := r.history.End(run.Lasted, run.Attempts, run.Documents); err != nil {
		return err
	}
	progress("judging %d operations, %d attempts, %d documents", len(run.Operations), len(run.Attempts), len(run.Documents))
	p.count(run)
	p.findings = append(p.findings, run.Check()...)
	p.findings = append(p.findings, unhealthy(p.happened, run.Operations)...)
	p.invalid = append(p.invalid, run.Valid()...)
	return p.verifyAudit(ctx, r)
}

// verifyAudit has the sealed history verified once everything is sealed.
func (p *report) verifyAudit(ctx context.Context, r *rig) error {
	progress("verifying the audit history")
	if err := r.awaitSealed(ctx); err != nil {
		return err
	}
	var kept []string
	for _, s := range r.servers {
		if _, err := os.Stat(s.Checkpoints); err == nil {
			kept = append(kept, s.Checkpoints)
		}
	}
	said, err := r.program.VerifyAudit(ctx, r.databaseURL(), r.prepared.PublicKey, kept)
	if err != nil {
		p.findings = append(p.findings, history.Finding{Check: "audit", What: strings.ReplaceAll(err.Error(), "\n", "; ")})
		return nil
	}
	p.audit = strings.ReplaceAll(said, "\n", "; ")
	return nil
}

func (r *rig) awaitSealed(ctx context.Context) error {
	limited, cancel := context.WithTimeoutCause(ctx, sealLimit, errors.New("the audit history was not sealed within "+sealLimit.String()))
	defer cancel()
	connection, err := pgx.Connect(limited, r.cluster.URL())
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // it has done its work
	for {
		var rest bool
		if err := connection.QueryRow(limited, "SELECT EXISTS (SELECT FROM audit_unsealed)").Scan(&rest); err != nil {
			return err
		}
		if !rest {
			return nil
		}
		if err := pause(limited, lookEvery); err != nil {
			return err
		}
	}
}

// judgeKept judges a kept history again, and returns the exit code.
func judgeKept(path string) int {
	file, err := os.Open(path) // #nosec G304 -- the user names it
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return invalid
	}
	defer file.Close() // nothing was written
	run, header, err := history.ReadRun(file)
	if err != nil && !errors.Is(err, history.ErrCut) {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return invalid
	}
	p := &report{settings: settings{seed: header.Seed, clients: header.Clients, judge: path}, lasted: run.Lasted}
	p.count(run)
	if err != nil {
		p.invalid = append(p.invalid, err.Error()) // and so all would be lost
	} else {
		p.findings, p.invalid = run.Check(), run.Valid()
	}
	p.print(os.Stdout)
	return p.code()
}
