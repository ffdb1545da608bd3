package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
)

const (
	// sealCheckEvery is how often it is looked whether something is to be sealed; where that is to be sooner, as often as that.
	sealCheckEvery = time.Second
	// sealTimeout bounds one transaction of sealing.
	sealTimeout = 30 * time.Second
	// unsealedCounted is how many unsealed entries are counted at most: more say no more.
	unsealedCounted = 1_000_000
)

// auditSigner reads the key that checkpoints are signed with; nil where there is none.
func auditSigner(settings config.Audit) (note.Signer, error) {
	key, err := settings.ReadKey()
	if err != nil || settings.KeyFile == "" {
		return nil, err
	}
	return audit.NewSigner(key)
}

// seal seals what is recorded, until ctx ends.
func (s *server) seal(ctx context.Context) {
	if s.signer == nil {
		s.logger.Warn("the audit history is not sealed: NUMORA_AUDIT_KEY_FILE is not set, and \"numora-delivery audit keygen\" makes a key")
		return
	}
	keeper := checkpointKeeper{settings: s.settings.Audit, screen: s.screen}
	repeat(ctx, min(sealCheckEvery, s.settings.SealEvery.Duration), s.logger, "the audit history could not be sealed, trying again", func(ctx context.Context) error {
		if !s.prepared.Load() {
			return nil
		}
		return errors.Join(keeper.begin(ctx, s.db.Checkpoint), s.sealDue(ctx, &keeper), keeper.keep())
	})
}

// sealDue seals until nothing is left that must not wait.
func (s *server) sealDue(ctx context.Context, keeper *checkpointKeeper) error {
	for ctx.Err() == nil {
		entries, age, err := s.db.Unsealed(ctx, s.settings.SealEntries.N)
		if err != nil || entries == 0 || entries < s.settings.SealEntries.N && age < s.settings.SealEvery.Duration {
			return err
		}
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, sealTimeout)
		sealed, checkpoint, err := s.db.Seal(limited, func(tree *audit.Tree, at time.Time) (delivery.Checkpoint, error) {
			return audit.Sign(s.signer, tree, at)
		})
		cancel()
		if err != nil || sealed == 0 { // or another server is at it
			return err
		}
		keeper.take(checkpoint)
		if keeper.keep() != nil {
			return nil // who called tries that again, and tells why it fails
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(s.db.SealingRest()) * time.Since(began)):
		}
	}
	return nil
}

// unsealed counts what is not sealed, within the time that a scrape has. known is false where nothing is sealed, or the database is
// away.
func (s *server) unsealed() (entries int, age time.Duration, known bool) {
	if s.signer == nil {
		return 0, 0, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.RequestTimeout.Duration)
	defer cancel()
	entries, age, err := s.db.Unsealed(ctx, unsealedCounted)
	if err != nil {
		s.logger.Warn("what is not sealed could not be counted", slog.String("error", err.Error()))
	}
	return entries, age, err == nil
}

// checkpointKeeper appends checkpoints to where they are kept. Each covers those before, so it is enough that the last is.
type checkpointKeeper struct {
	settings           config.Audit
	screen             io.Writer
	begun              bool
	forFile, forStdout string // what is still to be written there
}

// begin has the last checkpoint kept that there is: a server that ended may not have come to it, or not to its end.
func (k *checkpointKeeper) begin(ctx context.Context, last func(context.Context) (delivery.Checkpoint, error)) error {
	if k.begun {
		return nil
	}
	checkpoint, err := last(ctx)
	switch {
	case errors.Is(err, delivery.ErrNoCheckpoint):
	case err != nil:
		return err
	default:
		if err := k.dropCutOff(checkpoint.Origin); err != nil {
			return err
		}
		k.take(checkpoint)
	}
	k.begun = true
	return nil
}

func (k *checkpointKeeper) take(checkpoint delivery.Checkpoint) {
	text := checkpoint.Note + "\n"
	if k.settings.CheckpointFile != "" {
		k.forFile = text
	}
	if k.settings.CheckpointStdout.On {
		k.forStdout = text
	}
}

func (k *checkpointKeeper) keep() error {
	var file, stdout error
	if k.forFile != "" {
		if file = appendWhole(k.settings.CheckpointFile, k.forFile); file == nil {
			k.forFile = ""
		}
	}
	if k.forStdout != "" {
		if _, stdout = io.WriteString(k.screen, k.forStdout); stdout == nil {
			k.forStdout = ""
		}
	}
	return errors.Join(explainFile(file), stdout)
}

func explainFile(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("NUMORA_AUDIT_CHECKPOINT_FILE: %w", err)
}

// tailSize is more than any two checkpoints have.
const tailSize = 16 << 10

// dropCutOff takes a checkpoint of this origin off the end of the file that is not whole, since a server or its machine ended
// while it was written: whoever reads the file would not find the beginning of the next one.
func (k *checkpointKeeper) dropCutOff(origin string) error {
	file, err := os.Open(k.settings.CheckpointFile)
	if err != nil {
		return nil // there is none yet, or it is told when it is written to
	}
	defer file.Close() // nothing was written
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return explainFile(err)
	}
	from := max(0, info.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(file, from, tailSize))
	if err != nil {
		return explainFile(err)
	}
	rest := tail // what follows the last whole checkpoint
	for at, line := 0, []byte(nil); ; at += len(line) {
		end := bytes.IndexByte(tail[at:], '\n') + 1
		if line = tail[at : at+end]; end == 0 {
			break
		}
		if bytes.HasPrefix(line, []byte("— ")) || end == 1 && len(rest) == len(tail)-at {
			rest = tail[at+end:]
		}
	}
	begins := origin + "\n"
	if len(rest) == 0 || !strings.HasPrefix(string(rest), begins) && !strings.HasPrefix(begins, string(rest)) {
		return nil
	}
	return explainFile(os.Truncate(k.settings.CheckpointFile, info.Size()-int64(len(rest))))
}

// appendWhole appends a text to a file, all of it or nothing.
func appendWhole(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644) // #nosec G302 G304 -- public, and the operator names it
	if err != nil {
		return err
	}
	before, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if _, err = file.WriteString(text); err == nil {
		err = file.Sync()
	}
	if err != nil {
		err = errors.Join(err, file.Truncate(before.Size()))
	}
	return errors.Join(err, file.Close())
}
