package store

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/numora/delivery/internal/apikey"
	"github.com/numora/delivery/internal/audit"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// sealedHistory is a database whose audit history is sealed in three checkpoints, and one entry is not.
type sealedHistory struct {
	*Store
	sign   Sign
	verify audit.Verification // with the checkpoints kept
}

// newSealedHistory records everything that can be: attempts of each status with and without what is optional, leases of each end,
// a requeue, and what is done to keys.
func newSealedHistory(t *testing.T, url string) *sealedHistory {
	t.Helper()
	h := &sealedHistory{Store: migrated(t, url)}
	var verifiers = h.verify.Verifiers
	h.sign, verifiers = signing(t)
	h.verify = audit.Verification{Verifiers: verifiers, Late: 5 * time.Minute}
	ctx, by := t.Context(), delivery.Principal{KeyID: "key", Name: "n8n"}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	report := func(document string, status delivery.Status, executionID string) {
		t.Helper()
		n++
		a := failedAttempt(n, executionID, document, "dynamics365")
		a.Status, a.RequestID, a.RecordedBy = status, fmt.Sprint("request-", n), by
		if status == delivery.Succeeded || n%2 == 0 {
			a.ExternalRecordID, a.ExternalURL, a.ErrorCode, a.ErrorMessage = "crm-1", "https://crm.example/1", "E\"1", "a\nb\u2028<>"
		}
		recorded, err := h.Record(ctx, []delivery.Attempt{a}, nil)
		check(err)
		if recorded[0].Result != delivery.Created {
			t.Fatal(recorded[0].Result)
		}
	}
	claim := func() string {
		t.Helper()
		claimed, err := h.Claim(ctx, delivery.ClaimRequest{Provider: "dynamics365", Limit: 1, Lease: time.Minute, By: by})
		check(err)
		if len(claimed) != 1 {
			t.Fatalf("claimed %d", len(claimed))
		}
		return claimed[0].Claim.ExecutionID
	}
	for _, document := range []string{"doc-a", "doc-b", "doc-c", "doc-d"} {
		_, _, err := h.PutDocument(ctx, document, delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"dynamics365"}}, nil)
		check(err)
	}
	report("doc-a", delivery.Failed, "a-1")
	report("doc-a", delivery.Succeeded, "a-2")
	report("doc-b", delivery.Skipped, "b-1")
	h.seal(t)
	report("doc-c", delivery.Failed, "c-1")
	_, err := h.Requeue(ctx, delivery.Requeue{ID: attemptID(900), DocumentID: "doc-c", Provider: "dynamics365", Reason: "mended", By: by, RequestID: "request-r"})
	check(err)
	report("doc-c", delivery.Failed, "c-2")
	report("doc-d", delivery.Failed, "d-1")
	key, _, err := apikey.New(apikey.Live, "worker", []apikey.Scope{apikey.DeliveryWrite}, time.Now(), time.Time{})
	check(err)
	successor, _, err := apikey.New(apikey.Live, "worker", []apikey.Scope{apikey.DeliveryWrite}, time.Now(), time.Time{})
	check(err)
	check(h.AddKey(ctx, key, "an operator"))
	check(h.RotateKey(ctx, key.ID, successor, time.Now().Add(time.Hour), "an operator"))
	h.seal(t)
	h.SetClockOffset(2 * time.Minute) // c and d are due again
	first := claim()
	_, err = h.ReleaseClaim(ctx, first, by)
	check(err)
	report("doc-d", delivery.Failed, claim())
	h.SetClockOffset(10 * time.Minute)
	claim() // runs out
	h.SetClockOffset(time.Hour)
	claim() // is open
	h.SetClockOffset(0)
	h.seal(t)
	report("doc-b", delivery.Succeeded, "b-2")
	return h
}

// seal seals all there is and keeps the checkpoint.
func (h *sealedHistory) seal(t *testing.T) {
	t.Helper()
	sealed, checkpoint, err := h.Seal(t.Context(), h.sign)
	if err != nil || sealed == 0 {
		t.Fatalf("sealed %d, error %v", sealed, err)
	}
	h.verify.Kept = append(h.verify.Kept, checkpoint)
}

// tampered verifies what somebody makes of the history who may do anything to the database, and undoes it.
func (h *sealedHistory) tampered(t *testing.T, tamper func(tx *gorm.DB) error) audit.Report {
	t.Helper()
	var report audit.Report
	undone := errors.New("undone")
	err := h.writer.WithContext(t.Context()).Transaction(func(tx *gorm.DB) error {
		err := disarm(tx)
		if err == nil {
			err = tamper(tx)
		}
		if err == nil {
			report, err = h.verify.Verify(t.Context(), &History{tx.Session(&gorm.Session{NewDB: true})})
		}
		return errors.Join(err, undone)
	})
	if err.Error() != undone.Error() {
		t.Fatal(err)
	}
	return report
}

// disarm switches off what keeps the tables as they are.
func disarm(tx *gorm.DB) error {
	tables := []string{"delivery_attempts", "audit_entries", "audit_leaves", "audit_checkpoints", "deliveries", "claims"}
	statements := []string{"PRAGMA defer_foreign_keys = ON", "DROP TRIGGER delivery_attempts_unsealed", "DROP TRIGGER audit_entries_unsealed"}
	for _, table := range tables {
		if tx.Name() == "postgres" {
			statements = append(statements, "ALTER TABLE "+table+" DISABLE TRIGGER ALL")
		} else if !slices.Contains([]string{"deliveries", "claims"}, table) {
			statements = append(statements, "DROP TRIGGER "+table+"_keep", "DROP TRIGGER "+table+"_stay")
		}
	}
	if tx.Name() == "postgres" {
		statements = statements[3:]
	}
	for _, statement := range statements {
		if err := tx.Exec(statement).Error; err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// statements makes a tampering of statements, each of which has to change something.
func statements(all ...string) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		for _, statement := range all {
			done := tx.Exec(statement)
			if done.Error == nil && done.RowsAffected == 0 {
				done.Error = errors.New("nothing was changed")
			}
			if done.Error != nil {
				return fmt.Errorf("%s: %w", statement, done.Error)
			}
		}
		return nil
	}
}

func attemptOf(executionID string) string {
	return "(SELECT id FROM delivery_attempts WHERE execution_id = '" + executionID + "')"
}

func TestVerify_UntamperedHistory_IsOK(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		report := h.tampered(t, func(*gorm.DB) error { return nil })
		if report.Found != 0 || report.Leaves != 11 || report.Checkpoints != 3 || report.Deliveries != 4 || report.Unsealed.Entries != 1 {
			t.Errorf("%+v", report)
		}
		err := h.ReadHistory(t.Context(), func(history *History) error {
			read, err := h.verify.Verify(t.Context(), history)
			if !reflect.DeepEqual(read, report) {
				t.Errorf("from outside %+v", read)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Every column of what is sealed, whatever it is changed to, is found, and by the entry that it belongs to.
func TestVerify_EveryColumnEdited_IsFound(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		for _, table := range []struct {
			name    string
			columns columns
			rows    []string // conditions: one with what is optional and one without
		}{
			{"delivery_attempts", attemptColumns, []string{"execution_id = 'c-1'", "execution_id = 'a-1'"}},
			{"audit_entries", auditColumns, []string{"kind = 'requeue'", "kind = 'key_rotated'", "id = (SELECT id FROM audit_entries WHERE kind = 'key_created' ORDER BY recorded_at LIMIT 1)"}},
		} {
			for _, field := range table.columns {
				for _, row := range table.rows {
					var id string
					if err := h.reader.Raw("SELECT id FROM " + table.name + " WHERE " + row).Row().Scan(&id); err != nil {
						t.Fatal(err)
					}
					for _, value := range otherValues(field) {
						statement := fmt.Sprintf("UPDATE %[1]s SET %[2]s = %[3]s WHERE id = '%[4]s' AND %[2]s %[5]s %[3]s", table.name, field.DBName, value, id, isNot(h.Store))
						report := h.tampered(t, func(tx *gorm.DB) error { return tx.Exec(statement).Error })
						changed := h.changes(t, statement)
						if changed && (report.Found == 0 || !strings.Contains(report.Findings[0], id)) {
							t.Errorf("%s: %d findings, %q", statement, report.Found, report.Findings)
						}
						if !changed && field.DBName != "forced" && field.DBName != "status" && value != "NULL" {
							t.Errorf("%s changed nothing", statement)
						}
					}
				}
			}
		}
	})
}

// isNot compares, NULL being a value as any other.
func isNot(s *Store) string {
	if s.writer.Name() == "postgres" {
		return "IS DISTINCT FROM"
	}
	return "IS NOT"
}

// changes tells whether a statement changes a row.
func (h *sealedHistory) changes(t *testing.T, statement string) (changed bool) {
	t.Helper()
	h.tampered(t, func(tx *gorm.DB) error {
		done := tx.Exec(statement)
		changed = done.RowsAffected > 0
		return done.Error
	})
	return changed
}

// otherValues are values for a column that keep to its type.
func otherValues(field *schema.Field) []string {
	switch {
	case field.DBName == "status":
		return []string{"'skipped'", "'failed'"}
	case field.DBName == "id":
		return []string{"'" + attemptID(4711) + "'"}
	case field.FieldType == reflect.TypeFor[bool]():
		return []string{"true", "false"}
	case field.FieldType == reflect.TypeFor[instant]() && field.DBName == "ends_at":
		return []string{"'2026-03-24T03:00:00.000001Z'", "NULL"}
	case field.FieldType == reflect.TypeFor[instant]():
		return []string{"'2026-03-24T03:00:00.000001Z'"}
	case field.FieldType == reflect.TypeFor[optional]():
		return []string{"'another'", "NULL"}
	}
	return []string{"'another'"}
}

func TestVerify_Tampered_IsFound(t *testing.T) {
	const latestOf = "(SELECT max(size) FROM audit_checkpoints)"
	tests := map[string]struct {
		tamper func(h *sealedHistory, tx *gorm.DB) error
		want   string // in the first finding
	}{
		"DeletedAttempt":    {tampering("DELETE FROM delivery_attempts WHERE execution_id = 'a-1'"), "(leaf 0) is gone"},
		"DeletedAuditEntry": {tampering("DELETE FROM audit_entries WHERE kind = 'requeue'"), attemptID(900) + " (leaf 4) is gone"},
		"DeletedWithItsLeaf": {tampering(
			"DELETE FROM audit_leaves WHERE entry_id = "+attemptOf("b-1"), "DELETE FROM delivery_attempts WHERE execution_id = 'b-1'"), "leaves from 2 to 2 are missing"},
		"DeletedAndRenumbered": {tampering(
			"DELETE FROM audit_leaves WHERE entry_id = "+attemptOf("b-1"), "DELETE FROM delivery_attempts WHERE execution_id = 'b-1'",
			"UPDATE audit_leaves SET number = number + 1000 WHERE number > 2", "UPDATE audit_leaves SET number = number - 1001 WHERE number > 1000"), "leaves from 0 to 2 are not those that were sealed"},
		"SwappedContents": {tampering(
			"UPDATE delivery_attempts SET execution_id = 'x' WHERE execution_id = 'a-1'", "UPDATE delivery_attempts SET execution_id = 'a-1' WHERE execution_id = 'c-1'",
			"UPDATE delivery_attempts SET execution_id = 'c-1' WHERE execution_id = 'x'"), "(leaf 0) was changed"},
		"SwappedLeaves": {tampering(
			"UPDATE audit_leaves SET number = 1000 WHERE number = 0", "UPDATE audit_leaves SET number = 0 WHERE number = 1", "UPDATE audit_leaves SET number = 1 WHERE number = 1000"),
			"leaves from 0 to 2 are not those that were sealed"},
		"InsertedWithoutALeaf": {insertAttempt(false), "does not wait for one"},
		"InsertedThroughTheTrigger": {func(h *sealedHistory, tx *gorm.DB) error {
			if err := insertAttempt(false)(h, tx); err != nil {
				return err
			}
			return tx.Exec("INSERT INTO audit_unsealed (recorded_at, entry_id) SELECT recorded_at, id FROM delivery_attempts WHERE execution_id = 'inserted'").Error
		}, "is not sealed, and others recorded until"},
		"InsertedAndSealedByTheServer": {func(h *sealedHistory, tx *gorm.DB) error {
			if err := insertAttempt(false)(h, tx); err != nil {
				return err
			}
			if err := tx.Exec("INSERT INTO audit_unsealed (recorded_at, entry_id) SELECT recorded_at, id FROM delivery_attempts WHERE execution_id = 'inserted'").Error; err != nil {
				return err
			}
			_, _, err := h.sealWithin(tx.Session(&gorm.Session{NewDB: true}), h.sign)
			return err
		}, "and yet sealed only after"},
		"InsertedWithALeaf": {insertAttempt(true), "leaves from 0 to 2 are not those that were sealed"},
		"CutTail": {tampering(
			"DELETE FROM audit_checkpoints WHERE size = "+latestOf, "DELETE FROM audit_leaves WHERE number >= "+latestOf, "DELETE FROM delivery_attempts WHERE id NOT IN (SELECT entry_id FROM audit_leaves)"),
			"is not in the database"},
		"CutTail_CheckpointLeft": {tampering("DELETE FROM audit_leaves WHERE number = (SELECT max(number) FROM audit_leaves)"), "missing at the end"},
		"DeletedCheckpoint":      {tampering("DELETE FROM audit_checkpoints WHERE size = 3"), "is not in the database"},
		"ChangedCheckpoint":      {tampering("UPDATE audit_checkpoints SET note = replace(note, 'numora', 'n0mora') WHERE size = 3"), "cannot be used"},
		"ChangedLeafHash":        {changeHash, "(leaf 0) was changed"},
		"ChangedWithItsLeafHash": {func(h *sealedHistory, tx *gorm.DB) error {
			if err := tampering("UPDATE delivery_attempts SET status = 'skipped' WHERE execution_id = 'a-1'")(h, tx); err != nil {
				return err
			}
			return h.rehash(tx)
		}, "leaves from 0 to 2 are not those that were sealed"},
		"ChangedForm": {tampering("UPDATE audit_leaves SET form = 2 WHERE number = 1"), "does not know"},
		"ChangedKind": {tampering("UPDATE audit_leaves SET kind = 'audit_entry' WHERE number = 1"), "is gone"},
		"RebuiltTree": {rebuild, "which was kept, is not in the database"},
		"RebuiltTree_Size": {func(h *sealedHistory, tx *gorm.DB) error {
			return errors.Join(insertAttempt(false)(h, tx), rebuild(h, tx))
		}, "which was kept, is not in the database"},
		// Of one id there is one leaf, and two entries.
		"InsertedUnderTheIDOfAnAuditEntry": {func(h *sealedHistory, tx *gorm.DB) error {
			row := newAttemptRow(failedAttempt(900, "inserted", "doc-a", "dynamics365")) // the requeue's
			row.RecordedAt = instant{time.Date(2026, 3, 24, 4, 0, 0, 0, time.UTC)}
			return errors.Join(tx.Create(&row).Error, statements("UPDATE deliveries SET tries = tries + 1 WHERE document_id = 'doc-a'")(tx))
		}, "does not wait for one"},
		"InsertedUnderTheIDOfAnAttempt": {tampering("INSERT INTO audit_entries (id, kind, forced, key_id, key_name, request_id, recorded_at) " +
			"SELECT id, 'key_revoked', false, 'k', 'n', '', '2026-03-24T03:00:00.000001Z' FROM delivery_attempts WHERE execution_id = 'a-1'"), "does not wait for one"},
		"TextEmptied":      {tampering("UPDATE delivery_attempts SET error_code = '' WHERE execution_id = 'a-1'"), "(leaf 0) cannot be read"},
		"State_requeue_id": {tampering("UPDATE deliveries SET requeue_id = NULL WHERE document_id = 'doc-c'"), "last requeue"},
		"NotWaiting":       {tampering("DELETE FROM audit_unsealed"), "does not wait for one"},
		"DeletedDelivery":  {tampering("DELETE FROM deliveries WHERE document_id = 'doc-a'"), "delivery of document doc-a"},
	}
	for column, value := range map[string]string{
		"touched": "false", "tries": "7", "settled": "NOT settled", "latest_attempt_id": attemptOf("b-1"), "latest_status": "'skipped'",
		"latest_effective_at": "'2026-03-24T03:00:00.000001Z'", "last_recorded_at": "'2026-03-24T03:00:00.000001Z'", "resting": "'skipped'",
		"due_at": "CASE WHEN due_at IS NULL THEN since END", "lease_execution_id": "'clm_1'", "lease_expires_at": "'2026-03-24T03:00:00.000001Z'",
	} {
		condition := "document_id = 'doc-a'"
		switch column {
		case "lease_execution_id", "lease_expires_at":
			condition = "lease_execution_id IS NOT NULL"
		case "touched":
			value += ", latest_attempt_id = NULL, latest_status = NULL, latest_effective_at = NULL" // or a constraint refuses it
		}
		tests["State_"+column] = struct {
			tamper func(h *sealedHistory, tx *gorm.DB) error
			want   string
		}{tampering("UPDATE deliveries SET " + column + " = " + value + " WHERE " + condition), "is not what its facts come to"}
	}
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				report := h.tampered(t, func(tx *gorm.DB) error { return test.tamper(h, tx) })
				if report.Found == 0 || !strings.Contains(report.Findings[0], test.want) {
					t.Errorf("%d findings, %q; want one that says %q", report.Found, report.Findings, test.want)
				}
			})
		}
	})
}

func tampering(all ...string) func(*sealedHistory, *gorm.DB) error {
	return func(_ *sealedHistory, tx *gorm.DB) error { return statements(all...)(tx) }
}

// insertAttempt puts in an attempt of long ago, and moves its delivery on as the server would have; with a leaf between others, and
// all those hashed anew.
func insertAttempt(leaf bool) func(h *sealedHistory, tx *gorm.DB) error {
	return func(h *sealedHistory, tx *gorm.DB) error {
		row := newAttemptRow(failedAttempt(950, "inserted", "doc-a", "dynamics365"))
		row.RecordedAt = instant{time.Date(2026, 3, 24, 4, 0, 0, 0, time.UTC)}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		if err := statements("UPDATE deliveries SET tries = tries + 1 WHERE document_id = 'doc-a'")(tx); err != nil || !leaf {
			return err
		}
		return errors.Join(
			statements("UPDATE audit_leaves SET number = number + 1000 WHERE number > 0", "UPDATE audit_leaves SET number = number - 999 WHERE number > 1000")(tx),
			tx.Create(&leafRow{Number: 1, EntryID: row.ID, Kind: audit.Attempt, Form: audit.Form, Hash: make([]byte, 32)}).Error, h.rehash(tx))
	}
}

func changeHash(_ *sealedHistory, tx *gorm.DB) error {
	return tx.Exec("UPDATE audit_leaves SET hash = ? WHERE number = 0", make([]byte, 32)).Error
}

// rehash stores the hashes of what is there now.
func (h *sealedHistory) rehash(tx *gorm.DB) error {
	var leaves []audit.Leaf
	err := (&History{tx.Session(&gorm.Session{NewDB: true})}).Leaves(tx.Statement.Context, func(leaf audit.Leaf) error {
		hash := tlog.RecordHash(leaf.Entry)
		leaf.Hash = hash[:]
		leaves = append(leaves, leaf)
		return nil
	})
	for _, leaf := range leaves {
		err = errors.Join(err, tx.Exec("UPDATE audit_leaves SET hash = ? WHERE number = ?", leaf.Hash, leaf.Number).Error)
	}
	return err
}

// rebuild seals a changed history from scratch, with the very key.
func rebuild(h *sealedHistory, tx *gorm.DB) error {
	err := statements("UPDATE delivery_attempts SET error_code = 'E2' WHERE execution_id = 'a-1'", "DELETE FROM audit_leaves", "DELETE FROM audit_checkpoints",
		"DELETE FROM audit_unsealed", "INSERT INTO audit_unsealed (recorded_at, entry_id) SELECT recorded_at, id FROM delivery_attempts WHERE execution_id <> 'b-2'",
		"INSERT INTO audit_unsealed (recorded_at, entry_id) SELECT recorded_at, id FROM audit_entries")(tx)
	if err != nil {
		return err
	}
	_, _, err = h.sealWithin(tx.Session(&gorm.Session{NewDB: true}), h.sign)
	return err
}

// What somebody wrote into a column of SQLite that no server could read is found, too, and does not end the verification.
func TestVerify_SQLite_UnreadableEntry_IsFound(t *testing.T) {
	h := newSealedHistory(t, storetest.SQLite(t))
	for statement, want := range map[string]string{
		"UPDATE delivery_attempts SET recorded_at = 'yesterday' WHERE execution_id = 'a-1'": "(leaf 0) cannot be read",
		"UPDATE audit_entries SET recorded_at = 'yesterday' WHERE kind = 'requeue'":         "(leaf 4) cannot be read",
		// What some reader would take for the same instant, or for another.
		"UPDATE delivery_attempts SET recorded_at = '0' || substr(recorded_at, 1, 4) || ' ' || substr(recorded_at, 7) WHERE execution_id = 'a-1'": "(leaf 0) cannot be read",
		"UPDATE delivery_attempts SET attempted_at = replace(attempted_at, '.', ',') WHERE execution_id = 'a-1'":                                  "(leaf 0) cannot be read",
		"UPDATE delivery_attempts SET recorded_at = substr(recorded_at, 1, 5) || '00' || substr(recorded_at, 8) WHERE execution_id = 'a-1'":       "(leaf 0) cannot be read",
		"UPDATE delivery_attempts SET recorded_at = substr(recorded_at, 1, 11) || ' 1' || substr(recorded_at, 14) WHERE execution_id = 'a-1'":     "(leaf 0) cannot be read",
	} {
		report := h.tampered(t, statements(statement))
		if report.Found == 0 || !strings.Contains(report.Findings[0], want) {
			t.Errorf("%s: %q, want %q", statement, report.Findings, want)
		}
	}
}

// A clock that is set back between claims, as after a failover, changes nothing about what is kept.
func TestVerify_ClockSetBackBetweenClaims_IsOK(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, url string) {
		h := newSealedHistory(t, url)
		ctx, by := t.Context(), delivery.Principal{KeyID: "key", Name: "n8n"}
		if _, _, err := h.PutDocument(ctx, "doc-e", delivery.Registration{Stage: delivery.Reviewed, Providers: []string{"sap"}}, nil); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			h.SetClockOffset(time.Hour - time.Duration(i)*time.Second)
			claimed, err := h.Claim(ctx, delivery.ClaimRequest{Provider: "sap", Limit: 1, Lease: time.Minute, By: by})
			if err != nil || len(claimed) != 1 {
				t.Fatalf("claimed %d, error %v", len(claimed), err)
			}
			if i == 2 {
				break // the last stays open
			}
			h.SetClockOffset(time.Hour - time.Duration(i)*time.Second - time.Second/2)
			if _, err := h.ReleaseClaim(ctx, claimed[0].Claim.ExecutionID, by); err != nil {
				t.Fatal(err)
			}
		}
		if report := h.tampered(t, statements()); report.Found > 0 {
			t.Errorf("found %q", report.Findings)
		}
		// A delivery that was claimed and nothing else is missed, too.
		report := h.tampered(t, statements("DELETE FROM deliveries WHERE document_id = 'doc-e'"))
		if report.Found != 1 || !strings.Contains(report.Findings[0], "delivery of document doc-e to sap") {
			t.Errorf("found %q", report.Findings)
		}
	})
}
