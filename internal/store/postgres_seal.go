package store

import "gorm.io/gorm"

func (e *postgresEngine) sealing(tx *gorm.DB) (got bool, err error) {
	// What has waited to be sealed for long may take longer than a request.
	err = tx.Raw("SELECT pg_try_advisory_xact_lock(hashtext('numora-delivery seal')) FROM set_config('statement_timeout', '30s', true)").Row().Scan(&got)
	return got, err
}

func (e *postgresEngine) sealAtOnce() int { return 10_000 }

func (e *postgresEngine) sealingRest() int { return 30 }

func (e *postgresEngine) hasID(ids []string) (condition string, argument any) {
	return "id = ANY(?::text[]::uuid[])", array{ids}
}

func (e *postgresEngine) addLeaves(tx *gorm.DB, leaves []leafRow) error {
	ids, kinds, hashes := make([]string, len(leaves)), make([]string, len(leaves)), make([][]byte, len(leaves))
	for i, leaf := range leaves {
		ids[i], kinds[i], hashes[i] = leaf.EntryID, leaf.Kind, leaf.Hash
	}
	return tx.Exec(`INSERT INTO audit_leaves (number, entry_id, kind, form, hash) SELECT ? + n - 1, id::uuid, kind, ?, hash
		FROM unnest(?::text[], ?::text[], ?::bytea[]) WITH ORDINALITY AS given (id, kind, hash, n)`,
		leaves[0].Number, leaves[0].Form, array{ids}, array{kinds}, array{hashes}).Error
}

// snapshot takes its time: what is read may be worked on for long.
func (e *postgresEngine) snapshot() string {
	return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0"
}
