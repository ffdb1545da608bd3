package main

import (
	"context"
	"fmt"
	"strings"
)

// The registered documents, and deliveries that are due, of the same number as the yardstick's. {all} are the numbers
// of the documents as n.
const (
	fillDocuments = `
		INSERT INTO documents (id, stage, schema, created_at, updated_at)
		SELECT 'doc-' || n, 'reviewed', 'invoice', {now}, {now} FROM {all}`
	fillDeliveries = `
		INSERT INTO deliveries (document_id, provider, retired, offered, touched, tries, settled, since, resting, due_at, updated_at, derived_at)
		SELECT 'doc-' || n, 'dynamics365', false, true, false, 0, false, {now}, 'ready', {now}, {now}, {now} FROM {all}`
	fillAttempts = `
		INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, external_record_id,
			request_id, recorded_by_key_id, recorded_by_name, recorded_at)
		SELECT gen_random_uuid(), 'doc-' || (n %% %d + 1), 'dynamics365', 'succeeded', 'n8n-' || gen_random_uuid(), recorded, 'crm-row-001',
			'request-' || n, 'h4m2k9d0q7x1w5c8', 'crm-worker', recorded
		FROM (SELECT n, now() - interval '30 days' + n * interval '100 milliseconds' AS recorded FROM generate_series(%d, %d) AS n) AS numbered`
)

// fillStep is how many attempts one statement adds; progress shows after each.
const fillStep = 500_000

// fillPostgres fills a database with documents and so many attempts, which go to the documents in turn. The
// deliveries' state is that of no attempt: recording does not look at what else is in the history.
func fillPostgres(ctx context.Context, databaseURL string, attempts int) error {
	terms := strings.NewReplacer("{now}", "now()", "{all}", fmt.Sprintf("generate_series(1, %d) AS n", documentCount))
	lazily := "SET synchronous_commit = off"
	if err := execute(ctx, databaseURL, lazily, terms.Replace(fillDocuments), terms.Replace(fillDeliveries)); err != nil {
		return err
	}
	for first := 1; first <= attempts; first += fillStep {
		last := min(first+fillStep-1, attempts)
		if err := execute(ctx, databaseURL, lazily, fmt.Sprintf(fillAttempts, documentCount, first, last)); err != nil {
			return err
		}
		progress("filled in %d of %d attempts", last, attempts)
	}
	return execute(ctx, databaseURL, "VACUUM (ANALYZE)", "CHECKPOINT")
}

// fill gives the yardstick's documents so many attempts, as record.sql would.
func (y *yardstick) fill(ctx context.Context, attempts int) error {
	return execute(ctx, y.databaseURL, "SET synchronous_commit = off", fmt.Sprintf(`
		INSERT INTO yard_attempts (id, document_id, provider, status, execution_id, attempted_at, external_record_id, request_id, recorded_by, recorded_at)
		SELECT gen_random_uuid(), 'doc-' || (n %% %d + 1), 'dynamics365', 'succeeded', 'n8n-' || gen_random_uuid(), recorded, 'crm-row-001', 'req-1', 'key-1', recorded
		FROM (SELECT n, now() - interval '30 days' + n * interval '100 milliseconds' AS recorded FROM generate_series(1, %d) AS n) AS numbered`,
		documentCount, attempts), "VACUUM (ANALYZE)", "CHECKPOINT")
}
