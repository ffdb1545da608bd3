package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store"
)

// ErrNotProven says that the audit history, or a proof, is not what was signed.
var ErrNotProven = errors.New("it is not what was sealed")

// MakeAuditKey makes a key to sign checkpoints with. The secret goes into a new file that its owner alone can read, what is public
// to out. Where one of both fails there is no file either.
func MakeAuditKey(name, file string, out io.Writer) error {
	secret, public, err := audit.GenerateKey(name)
	if err != nil {
		return &config.Error{Problems: []string{err.Error()}}
	}
	created, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- the operator names it
	if err != nil {
		return err
	}
	_, err = created.WriteString(secret + "\n")
	if err = errors.Join(err, created.Sync(), created.Close()); err == nil {
		_, err = fmt.Fprintln(out, public)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// AuditVerification is what to verify by what.
type AuditVerification struct {
	Export      string        // a file, or - for standard input; empty: the database
	PublicKeys  []string      // of all keys that have signed
	Checkpoints []string      // files of checkpoints that were kept elsewhere
	Late        time.Duration // how much later than others an entry may be sealed
}

// VerifyAudit verifies an audit history, tells on screen how it gets on and writes what it has found to out. It returns ErrNotProven
// when something is wrong.
func VerifyAudit(ctx context.Context, database config.Database, wanted AuditVerification, out, screen io.Writer) error {
	verifiers, err := auditVerifiers(wanted.PublicKeys)
	if err != nil {
		return err
	}
	if wanted.Late < 0 {
		return &config.Error{Problems: []string{"--late must not be negative"}}
	}
	v := audit.Verification{Verifiers: verifiers, Late: wanted.Late, Progress: func(what string, looked int64) {
		_, _ = fmt.Fprintf(screen, "%d %s looked at\n", looked, what)
	}}
	for _, file := range wanted.Checkpoints {
		if err := readKept(file, &v, screen); err != nil {
			return err
		}
	}
	if len(v.Kept) == 0 {
		_, _ = fmt.Fprintln(screen, "no checkpoint that was kept elsewhere is given (--checkpoints): who could rewrite the whole database is not found out")
	}
	collectLess()
	var report audit.Report
	verify := func(db *store.Store) error {
		return db.ReadHistory(ctx, func(h *store.History) (err error) {
			report, err = v.Verify(ctx, h)
			return err
		})
	}
	if wanted.Export == "" {
		err = withStore(database, forKeys, verify)
	} else {
		err = withExport(ctx, wanted.Export, screen, verify)
	}
	if err != nil {
		return err
	}
	return writeReport(out, report, len(v.Kept))
}

func auditVerifiers(public []string) (note.Verifiers, error) {
	verifiers, err := audit.NewVerifiers(public...)
	if err != nil {
		return nil, &config.Error{Problems: []string{"--public-key: " + err.Error()}}
	}
	return verifiers, nil
}

// readKept adds the checkpoints in a file to those that were kept.
func readKept(name string, v *audit.Verification, screen io.Writer) error {
	file, err := os.Open(name) // #nosec G304 -- whoever verifies names it
	if err != nil {
		return err
	}
	err = audit.ReadCheckpoints(file, v.Verifiers, func(c delivery.Checkpoint) error {
		c.Origin, c.Note = "", "" // there may be many
		v.Kept = append(v.Kept, c)
		return nil
	})
	if errors.Is(err, audit.ErrCutOff) {
		_, _ = fmt.Fprintf(screen, "%s: %v, and is left out\n", name, err)
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return errors.Join(err, file.Close())
}

// withExport loads an export into a database of its own, for do, and throws that away.
func withExport(ctx context.Context, name string, screen io.Writer, do func(db *store.Store) error) (err error) {
	from := os.Stdin
	if name != "-" {
		if from, err = os.Open(name); err != nil { // #nosec G304 -- whoever verifies names it
			return err
		}
		defer from.Close() // nothing was written
	}
	folder, err := os.MkdirTemp("", "numora-delivery-export-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	db, err := store.LoadExport(ctx, folder, from, func(lines int64) { _, _ = fmt.Fprintf(screen, "%d lines loaded\n", lines) })
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func writeReport(out io.Writer, r audit.Report, kept int) error {
	for _, finding := range r.Findings {
		_, _ = fmt.Fprintln(out, "BAD:", finding)
	}
	if more := r.Found - len(r.Findings); more > 0 {
		_, _ = fmt.Fprintf(out, "BAD: and %d more\n", more)
	}
	_, err := fmt.Fprintf(out, "%d sealed entries, %d checkpoints (%d given), %d deliveries; %d entries not sealed\n",
		r.Leaves, r.Checkpoints, kept, r.Deliveries, r.Unsealed.Entries)
	switch {
	case err != nil:
		return err
	case r.Found > 0:
		return fmt.Errorf("%w: %d findings", ErrNotProven, r.Found)
	}
	_, err = fmt.Fprintln(out, "OK")
	return err
}

// AuditRange is a part of the time that an audit history was recorded in.
type AuditRange = audit.Range

// ExportAudit writes the audit history to out, all of it or what was recorded in a range.
func ExportAudit(ctx context.Context, database config.Database, wanted AuditRange, out, screen io.Writer) error {
	exporter := audit.NewExporter(out)
	exporter.Progress = func(lines int64) { _, _ = fmt.Fprintf(screen, "%d lines written\n", lines) }
	return withStore(database, forKeys, func(db *store.Store) error {
		return db.ReadHistory(ctx, func(h *store.History) error { return h.Export(ctx, wanted, exporter) })
	})
}

// ProveAttempt writes a proof that the attempt with an execution id is sealed.
func ProveAttempt(ctx context.Context, database config.Database, executionID string, out io.Writer) error {
	return withStore(database, forKeys, func(db *store.Store) error {
		var proof audit.Proof
		err := db.ReadHistory(ctx, func(h *store.History) (err error) {
			proof, err = h.Prove(executionID)
			return err
		})
		switch {
		case errors.Is(err, delivery.ErrAttemptNotFound):
			return fmt.Errorf("no attempt has the execution id %q", executionID)
		case errors.Is(err, delivery.ErrNoCheckpoint):
			return fmt.Errorf("the attempt with the execution id %q is not sealed yet; servers that have a key seal about once a minute", executionID)
		case err != nil:
			return err
		}
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false) // or the entry would not hash to what it does
		return encoder.Encode(proof)
	})
}

// CheckProof checks a proof in a file, or on standard input as -, and writes what it proves to out. It returns ErrNotProven when that
// is nothing.
func CheckProof(file string, publicKeys []string, out io.Writer) error {
	verifiers, err := auditVerifiers(publicKeys)
	if err != nil {
		return err
	}
	content, err := readAll(file)
	if err != nil {
		return err
	}
	var proof audit.Proof
	if err := json.Unmarshal(content, &proof); err != nil {
		return errors.New("it is not a proof of \"audit prove\"")
	}
	checkpoint, err := proof.Check(verifiers)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotProven, err)
	}
	entry, err := audit.Canonical(proof.Entry) // which is what was proven, and not what else may stand there
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "OK: this is entry %d of the %d that %s had sealed at %s\n%s\n", proof.Leaf, checkpoint.Size, checkpoint.Origin,
		checkpoint.SealedAt.Format(time.RFC3339), entry)
	return err
}

func readAll(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file) // #nosec G304 -- whoever checks names it
}
