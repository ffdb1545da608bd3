package store

import "gorm.io/gorm"

// sealing is alone already: who writes is.
func (e *sqliteEngine) sealing(*gorm.DB) (got bool, err error) { return true, nil }

// sealAtOnce is few: reports wait meanwhile.
func (e *sqliteEngine) sealAtOnce() int { return 1000 }

// sealingRest is longer than elsewhere: nobody writes while it seals.
func (e *sqliteEngine) sealingRest() int { return 100 }

func (e *sqliteEngine) hasID(ids []string) (condition string, argument any) { return "id IN ?", ids }

func (e *sqliteEngine) addLeaves(tx *gorm.DB, leaves []leafRow) error {
	return tx.Create(&leaves).Error
}

// snapshot reads much, so it keeps more pages in memory than a request has use for (64 MiB), as long as its connection lasts.
func (e *sqliteEngine) snapshot() string { return "PRAGMA cache_size = -65536; BEGIN" }
