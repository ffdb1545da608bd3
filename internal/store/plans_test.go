package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"gorm.io/gorm"

	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/internal/store/storetest"
)

// recordedAt and attemptID are those of the history's n-th attempt.
func recordedAt(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC) }

func attemptID(n int) string { return fmt.Sprintf("019d1d1a-7f00-7c1b-8a52-%012x", n) }

// call is one on a store that is filled with the history.
type call func(ctx context.Context, s *Store) error

func listing(query delivery.AttemptQuery) call {
	return func(ctx context.Context, s *Store) error {
		query.DocumentID, query.Limit = busyDocument, 20
		page, err := s.Attempts(ctx, query)
		if err == nil && len(page.Attempts) == 0 {
			err = errors.New("the list is empty")
		}
		return err
	}
}

// ofDocument lists as the route of a document does, which tells an empty list from no document.
func ofDocument(query delivery.AttemptQuery) call {
	query.OfDocument = true
	return listing(query)
}

// across lists attempts of all documents.
func across(query delivery.AttemptQuery) call {
	return func(ctx context.Context, s *Store) error {
		query.Limit = 20
		page, err := s.Attempts(ctx, query)
		if err == nil && len(page.Attempts) == 0 {
			err = errors.New("the list is empty")
		}
		return err
	}
}

func deliveriesOf(query delivery.DeliveryQuery) call {
	return func(ctx context.Context, s *Store) error {
		query.Limit = 20
		page, err := s.Deliveries(ctx, query)
		if err == nil && len(page.Deliveries) == 0 {
			err = errors.New("the list is empty")
		}
		return err
	}
}

func outboxBehind(after *delivery.OutboxPosition) call {
	return func(ctx context.Context, s *Store) error {
		page, err := s.Outbox(ctx, delivery.OutboxQuery{Provider: "dynamics365", Limit: 20, After: after})
		if err == nil && len(page.Items) == 0 {
			err = errors.New("the outbox is empty")
		}
		return err
	}
}

func claiming(then func(ctx context.Context, s *Store, claim delivery.Claim) error) call {
	return func(ctx context.Context, s *Store) error {
		claimed, err := s.Claim(ctx, delivery.ClaimRequest{Provider: "dynamics365", Limit: 20, Lease: time.Hour, By: delivery.Principal{KeyID: "key"}})
		if err == nil && len(claimed) != 20 {
			err = fmt.Errorf("%d deliveries were handed out", len(claimed))
		}
		if err != nil || then == nil {
			return err
		}
		return then(ctx, s, claimed[0].Claim)
	}
}

// behind is a place in the lists across documents.
var behind = &delivery.Position{RecordedAt: recordedAt(10_000), AttemptID: attemptID(10_000)}

var behindDelivery = &delivery.DeliveryPosition{UpdatedAt: recordedAt(10_000), DocumentID: "paper-10000", Provider: "dynamics365"}

func recordingOf(attempts ...delivery.Attempt) call {
	return func(ctx context.Context, s *Store) error { _, err := s.Record(ctx, attempts, nil); return err }
}

func failedAttempt(n int, executionID, documentID, provider string) delivery.Attempt {
	return delivery.Attempt{ID: attemptID(n), Report: delivery.Report{
		DocumentID: documentID, Provider: provider, Status: delivery.Failed, ExecutionID: executionID, AttemptedAt: recordedAt(0),
	}}
}

// calls are all that find rows which may be many. Those of a list must also come in the order of an index, which
// orders names: a page must not cost all that the list has.
var calls = map[string]call{
	"List/FirstPage":     listing(delivery.AttemptQuery{}),
	"List/BehindACursor": listing(delivery.AttemptQuery{After: behind}),
	"List/SinceAndUntil": listing(delivery.AttemptQuery{Since: recordedAt(5_000), Until: recordedAt(10_000)}),
	"List/BehindACursorSinceAndUntil": listing(delivery.AttemptQuery{
		Since: recordedAt(5_000), Until: recordedAt(10_000),
		After: &delivery.Position{RecordedAt: recordedAt(7_000), AttemptID: attemptID(7_000)},
	}),
	"List/ByProviderAndStatus": listing(delivery.AttemptQuery{Provider: "dynamics365", Status: delivery.Failed}),

	"OfDocument/FirstPage":           ofDocument(delivery.AttemptQuery{}),
	"OfDocument/BehindACursor":       ofDocument(delivery.AttemptQuery{After: behind}),
	"OfDocument/ByProviderAndStatus": ofDocument(delivery.AttemptQuery{Provider: "dynamics365", Status: delivery.Failed}),

	"Across/All":              across(delivery.AttemptQuery{After: behind}),
	"Across/SinceAndUntil":    across(delivery.AttemptQuery{Since: recordedAt(5_000), Until: recordedAt(10_000)}),
	"Across/Document":         across(delivery.AttemptQuery{DocumentID: busyDocument, After: behind}),
	"Across/Provider":         across(delivery.AttemptQuery{Provider: "dynamics365", After: behind}),
	"Across/Failed":           across(delivery.AttemptQuery{Status: delivery.Failed, After: behind}),
	"Across/Skipped":          across(delivery.AttemptQuery{Status: delivery.Skipped, After: behind}),
	"Across/FailedSince":      across(delivery.AttemptQuery{Status: delivery.Failed, Since: recordedAt(5_000), Until: recordedAt(10_000)}),
	"Across/ErrorCode":        across(delivery.AttemptQuery{ErrorCode: "crm_1", After: behind}),
	"Across/ExternalRecordID": across(delivery.AttemptQuery{ExternalRecordID: "crm-5", After: behind}),
	"Across/RequestID":        across(delivery.AttemptQuery{RequestID: "request-5", After: behind}),

	"Deliveries/All":        deliveriesOf(delivery.DeliveryQuery{After: behindDelivery}),
	"Deliveries/Provider":   deliveriesOf(delivery.DeliveryQuery{Provider: "sap", After: behindDelivery}),
	"Deliveries/Succeeded":  deliveriesOf(delivery.DeliveryQuery{State: delivery.DeliverySucceeded, After: behindDelivery}),
	"Deliveries/Exhausted":  deliveriesOf(delivery.DeliveryQuery{State: delivery.Exhausted, After: behindDelivery}),
	"Deliveries/Pending":    deliveriesOf(delivery.DeliveryQuery{State: delivery.Pending, After: behindDelivery}),
	"Deliveries/ExternalID": deliveriesOf(delivery.DeliveryQuery{ExternalID: "erp-5", After: behindDelivery}),

	"Outbox/FirstPage":     outboxBehind(nil),
	"Outbox/BehindACursor": outboxBehind(&delivery.OutboxPosition{DueAt: recordedAt(10_000), DocumentID: "paper-10000"}),
	"Claim":                claiming(nil),
	"ExtendClaim": claiming(func(ctx context.Context, s *Store, claim delivery.Claim) error {
		_, err := s.ExtendClaim(ctx, claim.ExecutionID, claim.By, time.Minute)
		return err
	}),
	"ReleaseClaim": claiming(func(ctx context.Context, s *Store, claim delivery.Claim) error {
		_, err := s.ReleaseClaim(ctx, claim.ExecutionID, claim.By)
		return err
	}),
	"Requeue": func(ctx context.Context, s *Store) error {
		_, err := s.Requeue(ctx, delivery.Requeue{ID: attemptID(1), DocumentID: "paper-60", Provider: "dynamics365"})
		return err
	},
	"Backlogs": func(ctx context.Context, s *Store) error { _, err := s.Backlogs(ctx); return err },

	"ListByExecutionID": listing(delivery.AttemptQuery{ExecutionID: "run-4000"}),
	"EmptyList": func(ctx context.Context, s *Store) error {
		_, err := s.Attempts(ctx, delivery.AttemptQuery{DocumentID: busyDocument, Until: recordedAt(0), Limit: 20})
		return err
	},
	"Attempt":  func(ctx context.Context, s *Store) error { _, err := s.Attempt(ctx, attemptID(3)); return err },
	"Document": func(ctx context.Context, s *Store) error { _, err := s.Document(ctx, busyDocument); return err },

	"Record/New":         recordingOf(failedAttempt(30_001, "run-30001", busyDocument, "dynamics365")),
	"Record/NewProvider": recordingOf(failedAttempt(30_002, "run-30002", busyDocument, "sap")),
	"Record/Known":       recordingOf(failedAttempt(30_003, "run-4000", busyDocument, "dynamics365")),
	"Record/Together": recordingOf(
		failedAttempt(30_004, "run-30004", busyDocument, "dynamics365"), failedAttempt(30_005, "run-30005", "document-5", "dynamics365"),
		failedAttempt(30_006, "run-30006", "document-6", "dynamics365"), failedAttempt(30_007, "run-4002", "document-7", "sap"),
	),
	"PutDocument": func(ctx context.Context, s *Store) error {
		_, _, err := s.PutDocument(ctx, "document-11", delivery.Registration{Stage: delivery.Processing, Providers: []string{"sap"}}, nil)
		return err
	},
}

// orders are the indexes in whose order pages are read, by call.
var orders = map[string]string{
	"List/FirstPage":                  "delivery_attempts_document_recorded_idx",
	"List/BehindACursor":              "delivery_attempts_document_recorded_idx",
	"List/SinceAndUntil":              "delivery_attempts_document_recorded_idx",
	"List/BehindACursorSinceAndUntil": "delivery_attempts_document_recorded_idx",
	"List/ByProviderAndStatus":        "delivery_attempts_document_recorded_idx",
	"OfDocument/FirstPage":            "delivery_attempts_document_recorded_idx",
	"OfDocument/BehindACursor":        "delivery_attempts_document_recorded_idx",
	"OfDocument/ByProviderAndStatus":  "delivery_attempts_document_recorded_idx",
	"Across/All":                      "delivery_attempts_status_idx",
	"Across/SinceAndUntil":            "delivery_attempts_status_idx",
	"Across/Document":                 "delivery_attempts_document_recorded_idx",
	"Across/Provider":                 "delivery_attempts_provider_idx",
	"Across/Failed":                   "delivery_attempts_status_idx",
	"Across/Skipped":                  "delivery_attempts_status_idx",
	"Across/FailedSince":              "delivery_attempts_status_idx",
	"Across/ErrorCode":                "delivery_attempts_error_code_idx",
	"Across/ExternalRecordID":         "delivery_attempts_external_record_id_idx",
	"Across/RequestID":                "delivery_attempts_request_id_idx",
	"Deliveries/All":                  "deliveries_resting_idx",
	"Deliveries/Provider":             "deliveries_provider_idx",
	"Deliveries/Succeeded":            "deliveries_resting_idx",
	"Deliveries/Exhausted":            "deliveries_resting_idx",
	"Deliveries/Pending":              "deliveries_leased_idx",
	"Deliveries/ExternalID":           "deliveries_external_id_idx",
}

// found are the indexes by which what is due is found, by call.
var found = map[string]string{
	"Outbox/FirstPage": "deliveries_due_idx", "Outbox/BehindACursor": "deliveries_due_idx", "Claim": "deliveries_due_idx",
}

// statement is one that the store issued.
type statement struct {
	sql       string
	arguments []any
}

// issued makes every call and returns the statements of each, as the store sent them.
func issued(t *testing.T, s *Store) map[string][]statement {
	t.Helper()
	var statements []statement
	keep := func(db *gorm.DB) {
		if db.DryRun {
			return // it is a part of another
		}
		statements = append(statements, statement{db.Statement.SQL.String(), slices.Clone(db.Statement.Vars)})
	}
	pools := []*gorm.DB{s.writer}
	if s.reader != s.writer {
		pools = append(pools, s.reader)
	}
	for _, db := range pools {
		callbacks := db.Callback()
		for _, err := range []error{
			callbacks.Query().After("gorm:query").Register("test:keep", keep),
			callbacks.Create().After("gorm:create").Register("test:keep", keep),
			callbacks.Update().After("gorm:update").Register("test:keep", keep),
			callbacks.Row().After("gorm:row").Register("test:keep", keep),
			callbacks.Raw().After("gorm:raw").Register("test:keep", keep),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.requireSchema(t.Context()); err != nil { // asked once, before the first call
		t.Fatal(err)
	}
	byCall := map[string][]statement{}
	for name, call := range calls {
		statements = nil
		if err := call(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(statements) == 0 {
			t.Fatalf("%s issued no statement", name)
		}
		byCall[name] = statements
	}
	return byCall
}

func TestPlans_Postgres_FindRowsByAnIndex(t *testing.T) {
	url := storetest.Postgres(t)
	s := migrated(t, url)
	fill(t, s)
	run(t, s, "ANALYZE")
	statements := issued(t, s)
	// PostgreSQL plans a statement for its values a few times, then perhaps once and for all.
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		t.Run(mode, func(t *testing.T) {
			explain := explainPostgres(t, url, mode)
			checkPlans(t, statements, func(t *testing.T, s statement) plan {
				lines := explain(t, s)
				return plan{lines: lines, scans: strings.Contains(lines, "Seq Scan"), sorts: strings.Contains(sortOfOnePage.ReplaceAllString(lines, ""), "Sort  (")}
			})
		})
	}
}

func TestPlans_SQLite_FindRowsByAnIndex(t *testing.T) {
	s := migrated(t, storetest.SQLite(t))
	fill(t, s)
	statements := issued(t, s)
	check := func(t *testing.T) {
		checkPlans(t, statements, func(t *testing.T, given statement) plan {
			var steps []struct{ Detail string }
			if err := s.writer.Raw("EXPLAIN QUERY PLAN "+given.sql, given.arguments...).Scan(&steps).Error; err != nil {
				t.Fatalf("%s: %v", given.sql, err)
			}
			var p plan
			for i, step := range steps {
				p.lines += step.Detail + "\n"
				p.scans = p.scans || strings.HasPrefix(step.Detail, "SCAN ") && !harmlessScan.MatchString(step.Detail) &&
					!strings.HasPrefix(given.sql, "INSERT ") // what refers to a new row is not looked for, though planned for
				p.sorts = p.sorts || strings.Contains(step.Detail, "TEMP B-TREE") && !onePage.MatchString(steps[i-1].Detail)
			}
			return p
		})
	}
	// Nothing analyses an embedded database, but an operator may.
	t.Run("not analysed", check)
	run(t, s, "ANALYZE")
	t.Run("analysed", check)
}

// plan is how an engine goes about a statement.
type plan struct {
	lines string
	scans bool // reads some table from one end to the other
	sorts bool
}

// harmlessScan is what SQLite calls a scan too: of the rows of a VALUES list, of an index of few rows, of one page.
var harmlessScan = regexp.MustCompile(`-ROW VALUES CLAUSE$|USING (COVERING )?INDEX deliveries_(due|leased|outdated)_idx|` + onePage.String())

// onePage is how SQLite goes through the page of each kind that make up the page of all, and through the page of a document.
var onePage = regexp.MustCompile(`^SCAN (part|page)( LEFT-JOIN)?$`)

// sortOfOnePage is how PostgreSQL begins with the page of a document, which is one already: it sorts what a limit let through.
var sortOfOnePage = regexp.MustCompile(`^Sort  \(.*\n  Sort Key: delivery_attempts\.recorded_at DESC, delivery_attempts\.id DESC\n  ->  Nested Loop Left Join .*\n(.*\n){2,3}        ->  Limit  `)

func checkPlans(t *testing.T, statements map[string][]statement, explain func(*testing.T, statement) plan) {
	for name, issued := range statements {
		t.Run(name, func(t *testing.T) {
			var all string
			for _, s := range issued {
				p := explain(t, s)
				all += p.lines
				if p.scans {
					t.Errorf("%s\nreads a whole table:\n%s", s.sql, p.lines)
				}
				if orders[name] != "" && p.sorts {
					t.Errorf("%s\nis sorted:\n%s", s.sql, p.lines)
				}
			}
			if want := orders[name] + found[name]; !strings.Contains(all, want) {
				t.Errorf("it does not go by %s:\n%s", want, all)
			}
		})
	}
}

// explainPostgres explains in a session of its own, as the server is set up: the store's sessions forbid
// sequential scans, and would hide that an index is missing.
func explainPostgres(t *testing.T, url, mode string) func(*testing.T, statement) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var scansAllowed string
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('enable_seqscan')").Scan(&scansAllowed); err != nil || scansAllowed != "on" {
		t.Fatalf("enable_seqscan is %q (%v)", scansAllowed, err)
	}
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, s statement) string {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "PREPARE explained AS "+s.sql); err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		execute := "EXPLAIN EXECUTE explained"
		if len(s.arguments) > 0 {
			var places []string
			for i := range s.arguments {
				places = append(places, fmt.Sprint("$", i+1))
			}
			execute += " (" + strings.Join(places, ", ") + ")"
		}
		rows, err := conn.Query(t.Context(), execute, append([]any{pgx.QueryExecModeSimpleProtocol}, s.arguments...)...)
		if err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", s.sql, err)
		}
		if _, err := conn.Exec(t.Context(), "DEALLOCATE explained"); err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
}

// A session keeps its plans. Those for recording, made while there is next to nothing, must find rows by an index all the
// same: what is read from one end to the other then, would be for as long as the session lasts.
func TestPlans_Postgres_Recording_PlannedForNearlyEmptyTables_ServesLargeOnes(t *testing.T) {
	s := migrated(t, storetest.Postgres(t))
	register(t, s)
	if _, err := s.Record(t.Context(), []delivery.Attempt{failedAttempt(1, "run-1", documentID, "dynamics365")}, nil); err != nil {
		t.Fatal(err)
	}
	run(t, s, "VACUUM ANALYZE")
	filled := migrated(t, storetest.Postgres(t))
	fill(t, filled)
	conditions := regexp.MustCompile(`(Index Cond|TID Cond): `)
	scans := regexp.MustCompile(`(Index|Index Only|Bitmap Index|Seq|Tid) Scan `)
	for name, issued := range issued(t, filled) {
		if !strings.HasPrefix(name, "Record/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, given := range issued {
				err := s.writer.WithContext(t.Context()).Connection(func(db *gorm.DB) error {
					lines, err := explained(db.Session(&gorm.Session{NewDB: true}), given)
					if len(scans.FindAllString(lines, -1)) != len(conditions.FindAllString(lines, -1)) {
						t.Errorf("%s\nreads a whole table:\n%s", given.sql, lines)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// explained explains a statement as a session of the store plans it.
func explained(session *gorm.DB, s statement) (lines string, err error) {
	if err := session.Exec("PREPARE explained AS " + s.sql).Error; err != nil {
		return "", err
	}
	execute := "EXPLAIN EXECUTE explained"
	if len(s.arguments) > 0 {
		execute += " (" + strings.TrimSuffix(strings.Repeat("NULL, ", len(s.arguments)), ", ") + ")"
	}
	var steps []string
	if err := session.Raw(execute).Scan(&steps).Error; err != nil {
		return "", err
	}
	return strings.Join(steps, "\n"), session.Exec("DEALLOCATE explained").Error
}
