package store

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// lockFresh locks nothing: who writes is alone.
func (e *sqliteEngine) lockFresh(tx *gorm.DB, entries []*entry) (lockedDeliveries, error) {
	ids := make([]string, len(entries))
	wanted := tx.Session(&gorm.Session{NewDB: true})
	for i, entry := range entries {
		ids[i] = entry.ExecutionID
		wanted = wanted.Or("document_id = ? AND provider = ?", entry.DocumentID, entry.Provider)
	}
	var recorded int64
	if err := tx.Model(&attemptRow{}).Where("execution_id IN ?", ids).Count(&recorded).Error; err != nil {
		return lockedDeliveries{}, err
	}
	found := lockedDeliveries{recorded: recorded > 0}
	if err := tx.Where(wanted).Find(&found.deliveries).Error; err != nil {
		return lockedDeliveries{}, err
	}
	var err error
	found.now, err = e.now(tx)
	return found, err
}

func (e *sqliteEngine) keep(tx *gorm.DB, attempts []attemptRow, deliveries []deliveryRow) (added int, err error) {
	created := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "execution_id"}}, DoNothing: true}).Create(&attempts)
	if created.Error != nil {
		return 0, created.Error
	}
	return int(created.RowsAffected), tx.Save(&deliveries).Error
}

func (e *sqliteEngine) isOneOf(column string, values []string) (condition string, argument any) {
	return column + " IN ?", values
}

// writers is one, as SQLite's own.
func (e *sqliteEngine) writers() int { return 1 }
