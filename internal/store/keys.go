package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/delivery"
)

// Key implements apikey.Store.
func (s *Store) Key(ctx context.Context, id string) (apikey.Key, error) {
	db, err := s.read(ctx)
	if err != nil {
		return apikey.Key{}, err
	}
	var rows []keyRow
	if err := db.Where("id = ?", id).Limit(1).Find(&rows).Error; err != nil {
		return apikey.Key{}, s.translate(fmt.Errorf("read an API key: %w", err))
	}
	if len(rows) == 0 {
		return apikey.Key{}, apikey.ErrNotFound
	}
	return rows[0].key()
}

// Keys implements apikey.Store.
func (s *Store) Keys(ctx context.Context) ([]apikey.Key, error) {
	db, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var rows []keyRow
	if err := db.Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, s.translate(fmt.Errorf("list API keys: %w", err))
	}
	keys := make([]apikey.Key, 0, len(rows))
	for _, row := range rows {
		key, err := row.key()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// The kinds of audit entries about keys.
const (
	keyCreated = "key_created"
	keyRotated = "key_rotated"
	keyRevoked = "key_revoked"
)

// AddKey implements apikey.Store.
func (s *Store) AddKey(ctx context.Context, key apikey.Key, by string) error {
	again := false
	return s.write(ctx, func(tx *gorm.DB) error {
		err := s.addKey(tx, key, by)
		if again && errors.Is(err, errKeyExists) {
			return nil // an earlier run was committed
		}
		again = true
		return err
	})
}

var errKeyExists = errors.New("there is an API key of this id")

func (s *Store) addKey(tx *gorm.DB, key apikey.Key, by string) error {
	row := newKeyRow(key)
	added := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row)
	switch {
	case added.Error != nil:
		return fmt.Errorf("add an API key: %w", added.Error)
	case added.RowsAffected == 0:
		return errKeyExists
	}
	return s.addKeyEvent(tx, keyCreated, row, row.ExpiresAt, by)
}

// RotateKey implements apikey.Store.
func (s *Store) RotateKey(ctx context.Context, id string, successor apikey.Key, until time.Time, by string) error {
	again := false
	return s.write(ctx, func(tx *gorm.DB) error {
		row, err := lockKey(tx, id)
		if err != nil {
			return err
		}
		if again && row.SuccessorID == optional(successor.ID) {
			return nil // an earlier run was committed
		}
		again = true
		key, err := row.key()
		switch {
		case err != nil:
			return err
		case !key.Usable(successor.CreatedAt):
			return apikey.ErrNotUsable
		case key.SuccessorID != "":
			return apikey.ErrRotated
		}
		if err := s.addKey(tx, successor, by); err != nil {
			return err
		}
		row.SuccessorID = optional(successor.ID)
		if row.ExpiresAt.IsZero() || until.Before(row.ExpiresAt.Time) {
			row.ExpiresAt = instant{until}
		}
		if err := tx.Select("successor_id", "expires_at").Updates(row).Error; err != nil {
			return fmt.Errorf("rotate an API key: %w", err)
		}
		return s.addKeyEvent(tx, keyRotated, *row, row.ExpiresAt, by)
	})
}

// RevokeKey implements apikey.Store.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time, by string) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		row, err := lockKey(tx, id)
		if err != nil || !row.RevokedAt.IsZero() {
			return err
		}
		row.RevokedAt = instant{at}
		if err := tx.Select("revoked_at").Updates(row).Error; err != nil {
			return fmt.Errorf("revoke an API key: %w", err)
		}
		return s.addKeyEvent(tx, keyRevoked, *row, row.RevokedAt, by)
	})
}

// MarkUsed implements apikey.Store. Keys are marked in one order, so that servers that mark the same do not wait for each
// other in turn.
func (s *Store) MarkUsed(ctx context.Context, uses map[string]time.Time) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		for _, id := range slices.Sorted(maps.Keys(uses)) {
			at := instant{uses[id]}
			marked := tx.Model(&keyRow{}).Where("id = ? AND (last_used_at IS NULL OR last_used_at <= ?)", id, instant{at.Add(-apikey.UseInterval)}).
				Update("last_used_at", at)
			if marked.Error != nil {
				return fmt.Errorf("mark an API key as used: %w", marked.Error)
			}
		}
		return nil
	})
}

// lockKey reads one key and locks it, or returns apikey.ErrNotFound.
func lockKey(tx *gorm.DB, id string) (*keyRow, error) {
	var rows []keyRow
	if err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Where("id = ?", id).Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock an API key: %w", err)
	}
	if len(rows) == 0 {
		return nil, apikey.ErrNotFound
	}
	return &rows[0], nil
}

// addKeyEvent keeps what was done to a key, which is over at end from now on.
func (s *Store) addKeyEvent(tx *gorm.DB, kind string, key keyRow, end instant, by string) error {
	now, err := s.now(tx)
	if err != nil {
		return err
	}
	id, err := delivery.NewID(now.Time)
	if err != nil {
		return err
	}
	entry := auditRow{
		ID: id, Kind: kind, KeyID: key.ID, KeyName: key.Name, RecordedAt: now,
		Actor: optional(by), SuccessorID: key.SuccessorID, EndsAt: end,
	}
	if err := tx.Create(&entry).Error; err != nil {
		return fmt.Errorf("add an audit entry: %w", err)
	}
	return nil
}
