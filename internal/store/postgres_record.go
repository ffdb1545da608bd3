package store

import (
	"gorm.io/gorm"
)

// The statements that every report needs are shaped by hand: each does for all reports together what would else be a
// statement for each. Their columns are those of the models.

var (
	attemptColumns  = columnsOf(attemptRow{})
	deliveryColumns = columnsOf(deliveryRow{})
)

// lockStatement returns how many of the given reports are not recorded yet, and beside that the deliveries of these
// with the time that it is when they are locked. Nothing is locked for a replay, which so has nothing to commit.
var lockStatement = `
	WITH fresh AS MATERIALIZED (
		SELECT document_id, provider FROM unnest(?::text[], ?::text[], ?::text[]) AS given (document_id, provider, execution_id)
		WHERE (SELECT true FROM delivery_attempts AS attempt WHERE attempt.execution_id = given.execution_id) IS NULL),
	locked AS MATERIALIZED (
		SELECT ` + deliveryColumns.list("%") + ` FROM deliveries
		WHERE (document_id, provider) IN (SELECT document_id, provider FROM fresh)
		ORDER BY document_id, provider FOR UPDATE)
	SELECT counted.fresh, clock_timestamp() AS now, current_setting('fsync') AS fsync,
		current_setting('synchronous_commit') AS synchronous_commit, ` + deliveryColumns.list("locked.%") + `
	FROM (SELECT count(*) AS fresh FROM fresh) AS counted LEFT JOIN locked ON true`

// keepStatement adds attempts that are not recorded yet, moves deliveries on that are locked, and returns how many
// attempts it added.
var keepStatement = `
	WITH moved AS (
		UPDATE deliveries SET ` + deliveryColumns.withoutKey().list("% = given.%") + `
		FROM ` + deliveryColumns.unnested("given") + `
		WHERE deliveries.document_id = given.document_id AND deliveries.provider = given.provider),
	added AS (
		INSERT INTO delivery_attempts (` + attemptColumns.list("%") + `)
		SELECT ` + attemptColumns.list("%") + ` FROM ` + attemptColumns.unnested("given") + `
		ON CONFLICT (execution_id) DO NOTHING RETURNING 1)
	SELECT count(*) FROM added`

func (e *postgresEngine) lockFresh(tx *gorm.DB, entries []*entry) (lockedDeliveries, error) {
	documents, providers, ids := make([]string, len(entries)), make([]string, len(entries)), make([]string, len(entries))
	for i, entry := range entries {
		documents[i], providers[i], ids[i] = entry.DocumentID, entry.Provider, entry.ExecutionID
	}
	rows, err := tx.Raw(lockStatement, array{documents}, array{providers}, array{ids}).Rows()
	if err != nil {
		return lockedDeliveries{}, err
	}
	defer rows.Close() // its error is that of rows.Err
	var found lockedDeliveries
	var fresh int
	var fsync, synchronousCommit string
	for rows.Next() { // once at least; and what is locked last comes last, with the time of that
		var row deliveryRow
		if err := rows.Scan(append([]any{&fresh, &found.now, &fsync, &synchronousCommit}, destinations(deliveryColumns, &row)...)...); err != nil {
			return lockedDeliveries{}, err
		}
		if row.DocumentID != "" {
			found.deliveries = append(found.deliveries, row)
		}
	}
	if err := rows.Err(); err != nil {
		return lockedDeliveries{}, err
	}
	found.recorded = fresh < len(entries)
	return found, e.noteSession(fsync, synchronousCommit)
}

func (e *postgresEngine) keep(tx *gorm.DB, attempts []attemptRow, deliveries []deliveryRow) (added int, err error) {
	arguments := append(arrays(deliveryColumns, deliveries), arrays(attemptColumns, attempts)...)
	err = tx.Raw(keepStatement, arguments...).Row().Scan(&added)
	return added, err
}

func (e *postgresEngine) isOneOf(column string, values []string) (condition string, argument any) {
	return column + " = ANY(?::text[])", array{values}
}

// writers is more than one so that the disk has something to do while the next statements are prepared.
func (e *postgresEngine) writers() int { return 2 }
