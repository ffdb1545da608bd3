package store

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// The statements that every report needs are shaped by hand: each does for all reports together what would else be a
// statement for each. Their columns are those of the models.

var (
	attemptColumns  = columnsOf(attemptRow{})
	auditColumns    = columnsOf(auditRow{})
	deliveryColumns = columnsOf(deliveryRow{})
	standingColumns = deliveryColumns.where(func(f *schema.Field) bool { return f.Tag.Get("store") == "standing" })
	// What a report moves a delivery on by, and what has to be known for that.
	movedColumns = deliveryColumns.where(func(f *schema.Field) bool { return f.PrimaryKey || slices.Contains(standingColumns, f) })
	knownColumns = deliveryColumns.where(func(f *schema.Field) bool { return f.Name == "DeliveryKey" || slices.Contains(movedColumns, f) })
)

// Each is planned once a session, perhaps while the tables are empty, so none leaves a choice: rows are found one after
// another, by a unique index or by where they are, however few there seem to be.

// readingStatement tells of each given report whether it is recorded already or, if not, its delivery. lockingStatement does
// not repeat deliveries, and locks them in order; those of replays stay unlocked. Both have with each row the time when it
// was read or locked. ctid and xmin, where a row is and the transaction that wrote it so, name the row as it is.
const (
	givenReports = `unnest(?::text[], ?::text[], ?::text[]) AS given (document_id, provider, execution_id)`
	isRecorded   = `(SELECT true FROM delivery_attempts AS attempt WHERE attempt.execution_id = given.execution_id)`
	readBesides  = `clock_timestamp() AS now, ` + durability
)

var (
	readingStatement = numbered(`
	SELECT ` + readBesides + `, given.recorded, delivery.*
	FROM (SELECT document_id, provider, ` + isRecorded + ` AS recorded FROM ` + givenReports + ` OFFSET 0) AS given
	LEFT JOIN LATERAL (SELECT ` + asTheyAre + ` FROM deliveries
		WHERE document_id = given.document_id AND provider = given.provider AND given.recorded IS NULL OFFSET 0) AS delivery ON true`)
	lockingStatement = numbered(`
	WITH given AS MATERIALIZED (
		SELECT document_id COLLATE "C" AS document_id, provider COLLATE "C" AS provider, ` + isRecorded + ` AS recorded FROM ` + givenReports + `),
	found AS MATERIALIZED (
		SELECT delivery.* FROM (SELECT DISTINCT document_id, provider FROM given WHERE recorded IS NULL ORDER BY document_id, provider) AS wanted,
			LATERAL (SELECT ` + asTheyAre + ` FROM deliveries
				WHERE document_id = wanted.document_id AND provider = wanted.provider OFFSET 0 FOR UPDATE) AS delivery)
	SELECT ` + readBesides + `, counted.recorded, found.*
	FROM (SELECT bool_or(recorded) AS recorded FROM given) AS counted LEFT JOIN found ON true`)
	asTheyAre = `ctid::text AS place, xmin::text AS version, ` + knownColumns.list("deliveries.%")
)

// keepStatement moves those of the deliveries on that are still as they were read, adds their attempts, and returns which
// they are. A row that was changed since is another row, elsewhere, of another transaction. The limit, which is how many are
// given, has the planner expect few of them, so that it looks for each where it is: one by one that is cheaper than reading
// even the smallest table. The key is compared as well, in a way that is no use to the planner: rows that one transaction
// wrote have one xmin, and a rewrite of the table, as by VACUUM FULL, may put one where another was.
var keepStatement = numbered(`
	WITH moved AS (
		UPDATE deliveries SET ` + standingColumns.list("% = given.%") + `
		FROM (SELECT * FROM ` + movedColumns.unnested("given", "?::text[]::tid[]", "place", "?::text[]::xid[]", "version") + ` LIMIT ?) AS given
		WHERE deliveries.ctid = given.place AND deliveries.xmin = given.version
			AND ((deliveries.document_id, deliveries.provider) = (given.document_id, given.provider)) IS TRUE
		RETURNING deliveries.document_id, deliveries.provider),
	added AS (
		INSERT INTO delivery_attempts (` + attemptColumns.list("%") + `)
		SELECT ` + attemptColumns.list("%") + ` FROM ` + attemptColumns.unnested("given") + `
		WHERE ((document_id, provider) IN (SELECT document_id, provider FROM moved)) IS TRUE)
	SELECT document_id, provider FROM moved`)

func (e *postgresEngine) readFresh(db *gorm.DB, entries []*entry, locking bool) (freshDeliveries, error) {
	documents, providers, ids := make([]string, len(entries)), make([]string, len(entries)), make([]string, len(entries))
	for i, entry := range entries {
		documents[i], providers[i], ids[i] = entry.DocumentID, entry.Provider, entry.ExecutionID
	}
	statement := readingStatement
	if locking {
		statement = lockingStatement
	}
	rows, err := rowsOf(db, statement, array{documents}, array{providers}, array{ids})
	if err != nil {
		return freshDeliveries{}, err
	}
	defer rows.Close() // its error is that of rows.Err
	found, seen := freshDeliveries{}, make(map[target]bool, len(entries))
	var recorded bool
	var fsync, synchronousCommit, standbys string
	var row freshDelivery
	columns := append([]any{&found.now, &fsync, &synchronousCommit, &standbys, orZero[bool]{&recorded}, (*optional)(&row.place), (*optional)(&row.version)}, destinations(knownColumns, &row.deliveryRow)...)
	for rows.Next() { // for each report, or once at least; and what is locked last comes last, with the time of that
		if err := rows.Scan(columns...); err != nil {
			return freshDeliveries{}, err
		}
		found.recorded = found.recorded || recorded
		if row.DocumentID != "" && !seen[row.target()] {
			seen[row.target()] = true
			one := row // the next one is read over it
			found.deliveries = append(found.deliveries, &one)
		}
	}
	if err := rows.Err(); err != nil {
		return freshDeliveries{}, err
	}
	if len(entries) == 0 {
		return found, nil
	}
	return found, e.noteSession(fsync, synchronousCommit, standbys)
}

func (e *postgresEngine) keep(db *gorm.DB, attempts []attemptRow, deliveries []*freshDelivery) (moved []*freshDelivery, err error) {
	rows, byTarget := make([]deliveryRow, len(deliveries)), make(map[target]*freshDelivery, len(deliveries))
	places, versions := make([]string, len(deliveries)), make([]string, len(deliveries))
	for i, d := range deliveries {
		rows[i], places[i], versions[i], byTarget[d.target()] = d.deliveryRow, d.place, d.version, d
	}
	arguments := append(arrays(movedColumns, rows), array{places}, array{versions}, len(rows))
	found, err := rowsOf(db, keepStatement, append(arguments, arrays(attemptColumns, attempts)...)...)
	if err != nil {
		return nil, e.keepError(err)
	}
	defer found.Close() // its error is that of found.Err
	for found.Next() {
		var key target
		if err := found.Scan(&key.documentID, &key.provider); err != nil {
			return nil, err
		}
		moved = append(moved, byTarget[key])
	}
	return moved, e.keepError(found.Err())
}

// keepError tells an execution id that was recorded meanwhile from other errors. What was recorded may be the very attempt, by
// an earlier run whose commit was still under way: then its id is what PostgreSQL finds first.
func (e *postgresEngine) keepError(err error) error {
	var failure *pgconn.PgError
	if errors.As(err, &failure) && (failure.ConstraintName == "delivery_attempts_execution_id_key" || failure.ConstraintName == "delivery_attempts_pkey") {
		return errTwinWon
	}
	return err
}

// optimistic is worth it: a transaction with locks takes twice as many round trips.
func (e *postgresEngine) optimistic() bool { return true }

func (e *postgresEngine) isOneOf(column string, values []string) (condition string, argument any) {
	return column + " = ANY(?::text[])", array{values}
}

// writers are several so that processors and disk have something to do while some of them wait.
func (e *postgresEngine) writers() int { return 4 }
