package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/config"
	"github.com/numora/delivery/internal/delivery"
)

const (
	// sealCheckEvery is how often it is looked whether something is to be sealed.
	sealCheckEvery = time.Second
	// sealTimeout bounds one transaction of sealing.
	sealTimeout = 30 * time.Second
	// sealRest is how many times as long as sealing took it rests before it goes on, so that reports do not wait for it: under
	// more load than it keeps up with that way the rest is sealed when the load is over.
	sealRest = 40
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
	repeat(ctx, sealCheckEvery, s.logger, "the audit history could not be sealed, trying again", func(ctx context.Context) error {
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
		keeper.waiting = &checkpoint
		if err := keeper.keep(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(sealRest * time.Since(began)):
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
	entries, age, err := s.db.Unsealed(ctx, math.MaxInt)
	if err != nil {
		s.logger.Warn("what is not sealed could not be counted", slog.String("error", err.Error()))
	}
	return entries, age, err == nil
}

// checkpointKeeper appends checkpoints to where they are kept. Each covers those before, so it is enough that the last is.
type checkpointKeeper struct {
	settings config.Audit
	screen   io.Writer
	begun    bool
	waiting  *delivery.Checkpoint // to be kept
}

// begin has the last checkpoint kept that there is: a server that ended may not have come to it.
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
		k.waiting = &checkpoint
	}
	k.begun = true
	return nil
}

func (k *checkpointKeeper) keep() error {
	if k.waiting == nil {
		return nil
	}
	text := k.waiting.Note + "\n"
	if k.settings.CheckpointFile != "" {
		if err := appendWhole(k.settings.CheckpointFile, text); err != nil {
			return fmt.Errorf("NUMORA_AUDIT_CHECKPOINT_FILE: %w", err)
		}
	}
	if k.settings.CheckpointStdout.On {
		if _, err := io.WriteString(k.screen, text); err != nil {
			return fmt.Errorf("write a checkpoint: %w", err)
		}
	}
	k.waiting = nil
	return nil
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
