package store

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// readFresh locks nothing: who writes is alone.
func (e *sqliteEngine) readFresh(tx *gorm.DB, entries []*entry, _ bool) (freshDeliveries, error) {
	ids := make([]string, len(entries))
	wanted := tx.Session(&gorm.Session{NewDB: true})
	for i, entry := range entries {
		ids[i] = entry.ExecutionID
		wanted = wanted.Or("document_id = ? AND provider = ?", entry.DocumentID, entry.Provider)
	}
	var recorded int64
	if err := tx.Model(&attemptRow{}).Where("execution_id IN ?", ids).Count(&recorded).Error; err != nil {
		return freshDeliveries{}, err
	}
	rows, err := scanAll[deliveryRow](deliveryColumns, tx.Model(&deliveryRow{}).Where(wanted))
	if err != nil {
		return freshDeliveries{}, err
	}
	found := freshDeliveries{recorded: recorded > 0}
	for _, row := range rows {
		found.deliveries = append(found.deliveries, &freshDelivery{deliveryRow: row})
	}
	found.now, err = e.now(tx)
	return found, err
}

func (e *sqliteEngine) keep(tx *gorm.DB, attempts []attemptRow, deliveries []*freshDelivery) (moved []*freshDelivery, err error) {
	created := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "execution_id"}}, DoNothing: true}).Create(&attempts)
	if created.Error != nil {
		return nil, created.Error
	}
	if int(created.RowsAffected) != len(attempts) {
		return nil, errTwinWon
	}
	rows := make([]deliveryRow, len(deliveries))
	for i, d := range deliveries {
		rows[i] = d.deliveryRow
	}
	return deliveries, tx.Save(&rows).Error
}

// limit does nothing: there is no connection to keep it.
func (e *sqliteEngine) limit(session *gorm.DB) (limited *gorm.DB, release func()) {
	return session, func() {}
}

// optimistic is of no use: who writes is alone.
func (e *sqliteEngine) optimistic() bool { return false }

func (e *sqliteEngine) isOneOf(column string, values []string) (condition string, argument any) {
	return column + " IN ?", values
}

// writers is one, as SQLite's own.
func (e *sqliteEngine) writers() int { return 1 }
