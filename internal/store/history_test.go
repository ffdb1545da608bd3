package store

import "testing"

// busyDocument has half of the 20,000 attempts; the others are spread over 2,000 documents. There are 20,000 more
// documents, with a delivery each: most are delivered, a few are due, leased, failed, exhausted or were requeued.
const busyDocument = "busy"

// history is what was recorded at one a second since the beginning of 2026, in the words of each engine.
var history = map[string][]string{
	"postgres": {
		`INSERT INTO documents (id, stage, created_at, updated_at)
			SELECT 'document-' || n, 'reviewed', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z' FROM generate_series(0, 1999) n
			UNION ALL SELECT 'busy', 'reviewed', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z'`,
		`INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, latest_attempt_id, latest_status, latest_effective_at,
				last_recorded_at, updated_at, derived_at, offered, since, resting, due_at)
			SELECT id, 'dynamics365', false, true, 1, false, gen_random_uuid(), 'failed', created_at, created_at, created_at, created_at,
				true, created_at, 'failed', timestamptz '2027-01-01Z' FROM documents`,
		`INSERT INTO documents (id, stage, external_id, created_at, updated_at)
			SELECT 'paper-' || n, 'reviewed', 'erp-' || (n % 7), timestamptz '2026-01-01Z', timestamptz '2026-01-01Z' FROM generate_series(1, 20000) n`,
		`INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, updated_at, derived_at, offered, since, external_id,
				resting, due_at, lease_execution_id, lease_expires_at, delivery_key, requeue_id)
			SELECT 'paper-' || n, CASE n % 1000 WHEN 500 THEN 'sap' ELSE 'dynamics365' END, false, true, 1, n % 20 <> 0, recorded, recorded, true, recorded, 'erp-' || (n % 7),
				CASE n % 100 WHEN 0 THEN 'ready' WHEN 20 THEN 'failed' WHEN 40 THEN 'ready' WHEN 60 THEN 'exhausted' WHEN 80 THEN 'ready' ELSE 'succeeded' END,
				CASE n % 100 WHEN 0 THEN recorded WHEN 20 THEN timestamptz '2027-01-01Z' WHEN 40 THEN timestamptz '2027-01-01Z' WHEN 80 THEN recorded END,
				CASE n % 100 WHEN 40 THEN 'clm_' || n END, CASE n % 100 WHEN 40 THEN timestamptz '2026-12-31Z' END, 'dlv_' || n,
				CASE n % 100 WHEN 80 THEN ('019d1d1a-7f00-7c1b-8a53-' || lpad(to_hex(n), 12, '0'))::uuid END
			FROM (SELECT n, timestamptz '2026-01-01Z' + n * interval '1 second' AS recorded FROM generate_series(1, 20000) n) n`,
		`INSERT INTO claims (execution_id, document_id, provider, delivery_key, key_id, key_name, claimed_at, expires_at)
			SELECT 'clm_' || substr(document_id, 7), document_id, provider, delivery_key, 'key', 'worker', updated_at, updated_at FROM deliveries WHERE delivery_key IS NOT NULL`,
		`INSERT INTO audit_entries (id, kind, document_id, provider, forced, key_id, key_name, request_id, recorded_at)
			SELECT ('019d1d1a-7f00-7c1b-8a53-' || lpad(to_hex(n), 12, '0'))::uuid, 'requeue', 'paper-' || n, 'dynamics365', false, 'key', 'operator', 'request', timestamptz '2026-01-01Z'
			FROM generate_series(1, 20000) n`,
		`INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, request_id,
				recorded_by_key_id, recorded_by_name, recorded_at, external_record_id, error_code)
			SELECT ('019d1d1a-7f00-7c1b-8a52-' || lpad(to_hex(n), 12, '0'))::uuid,
				CASE n % 2 WHEN 0 THEN 'busy' ELSE 'document-' || (n % 2000) END,
				'dynamics365', CASE WHEN n % 10 = 0 THEN 'succeeded' WHEN n % 500 = 1 THEN 'skipped' ELSE 'failed' END, 'run-' || n,
				timestamptz '2026-01-01Z' + n * interval '1 second', 'request-' || (n % 7), 'key', 'worker', timestamptz '2026-01-01Z' + n * interval '1 second',
				CASE n % 10 WHEN 0 THEN 'crm-' || (n % 7) END, CASE WHEN n % 10 <> 0 THEN 'crm_' || (n % 7) END
			FROM generate_series(1, 20000) n`,
	},
	"sqlite": {
		`WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 1999)
			INSERT INTO documents (id, stage, created_at, updated_at)
			SELECT 'document-' || n, 'reviewed', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z' FROM s
			UNION ALL SELECT 'busy', 'reviewed', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'`,
		`INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, latest_attempt_id, latest_status, latest_effective_at,
				last_recorded_at, updated_at, derived_at, offered, since, resting, due_at)
			SELECT id, 'dynamics365', 0, 1, 1, 0, id, 'failed', created_at, created_at, created_at, created_at,
				1, created_at, 'failed', '2027-01-01T00:00:00.000000Z' FROM documents`,
		`WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
			INSERT INTO documents (id, stage, external_id, created_at, updated_at)
			SELECT 'paper-' || n, 'reviewed', 'erp-' || (n % 7), '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z' FROM s`,
		`WITH RECURSIVE s (n, recorded) AS (SELECT 1, '2026-01-01T00:00:01.000000Z' UNION ALL
				SELECT n + 1, strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', (n + 1) || ' seconds') FROM s WHERE n < 20000)
			INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, updated_at, derived_at, offered, since, external_id,
				resting, due_at, lease_execution_id, lease_expires_at, delivery_key, requeue_id)
			SELECT 'paper-' || n, CASE n % 1000 WHEN 500 THEN 'sap' ELSE 'dynamics365' END, 0, 1, 1, n % 20 <> 0, recorded, recorded, 1, recorded, 'erp-' || (n % 7),
				CASE n % 100 WHEN 0 THEN 'ready' WHEN 20 THEN 'failed' WHEN 40 THEN 'ready' WHEN 60 THEN 'exhausted' WHEN 80 THEN 'ready' ELSE 'succeeded' END,
				CASE n % 100 WHEN 0 THEN recorded WHEN 20 THEN '2027-01-01T00:00:00.000000Z' WHEN 40 THEN '2027-01-01T00:00:00.000000Z' WHEN 80 THEN recorded END,
				CASE n % 100 WHEN 40 THEN 'clm_' || n END, CASE n % 100 WHEN 40 THEN '2026-12-31T00:00:00.000000Z' END, 'dlv_' || n,
				CASE n % 100 WHEN 80 THEN printf('019d1d1a-7f00-7c1b-8a53-%012x', n) END
			FROM s`,
		`INSERT INTO claims (execution_id, document_id, provider, delivery_key, key_id, key_name, claimed_at, expires_at)
			SELECT 'clm_' || substr(document_id, 7), document_id, provider, delivery_key, 'key', 'worker', updated_at, updated_at FROM deliveries WHERE delivery_key IS NOT NULL`,
		`WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
			INSERT INTO audit_entries (id, kind, document_id, provider, forced, key_id, key_name, request_id, recorded_at)
			SELECT printf('019d1d1a-7f00-7c1b-8a53-%012x', n), 'requeue', 'paper-' || n, 'dynamics365', 0, 'key', 'operator', 'request', '2026-01-01T00:00:00.000000Z'
			FROM s`,
		`WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
			INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, request_id,
				recorded_by_key_id, recorded_by_name, recorded_at, external_record_id, error_code)
			SELECT printf('019d1d1a-7f00-7c1b-8a52-%012x', n), CASE n % 2 WHEN 0 THEN 'busy' ELSE 'document-' || (n % 2000) END,
				'dynamics365', CASE WHEN n % 10 = 0 THEN 'succeeded' WHEN n % 500 = 1 THEN 'skipped' ELSE 'failed' END, 'run-' || n,
				strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', n || ' seconds'), 'request-' || (n % 7), 'key', 'worker',
				strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', n || ' seconds'),
				CASE n % 10 WHEN 0 THEN 'crm-' || (n % 7) END, CASE WHEN n % 10 <> 0 THEN 'crm_' || (n % 7) END
			FROM s`,
	},
}

// fill stores the history.
func fill(t *testing.T, s *Store) {
	t.Helper()
	for _, statement := range history[s.writer.Name()] {
		run(t, s, statement)
	}
}
