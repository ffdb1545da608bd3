package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/numora/delivery/internal/apikey"
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

// AddKey implements apikey.Store.
func (s *Store) AddKey(ctx context.Context, key apikey.Key) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		row := newKeyRow(key)
		if err := tx.Create(&row).Error; err != nil {
			return fmt.Errorf("add an API key: %w", err)
		}
		return nil
	})
}

// RevokeKey implements apikey.Store.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, func(tx *gorm.DB) error {
		var rows []keyRow
		if err := tx.Where("id = ?", id).Limit(1).Find(&rows).Error; err != nil {
			return fmt.Errorf("read an API key: %w", err)
		}
		if len(rows) == 0 {
			return apikey.ErrNotFound
		}
		revoked := tx.Model(&keyRow{}).Where("id = ? AND revoked_at IS NULL", id).Update("revoked_at", instant{at})
		if revoked.Error != nil {
			return fmt.Errorf("revoke an API key: %w", revoked.Error)
		}
		return nil
	})
}
