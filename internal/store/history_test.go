package store

import "testing"

// busyDocument has half of the 20,000 attempts; the others are spread over 2,000 documents.
const busyDocument = "busy"

// history is what was recorded at one a second since the beginning of 2026, in the words of each engine.
var history = map[string][]string{
	"postgres": {
		`INSERT INTO documents (id, stage, created_at, updated_at)
			SELECT 'document-' || n, 'reviewed', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z' FROM generate_series(0, 1999) n
			UNION ALL SELECT 'busy', 'reviewed', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z'`,
		`INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, latest_attempt_id,
				latest_status, latest_effective_at, last_recorded_at, updated_at)
			SELECT id, 'dynamics365', false, true, 1, false, gen_random_uuid(), 'failed', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z', timestamptz '2026-01-01Z' FROM documents`,
		`INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, request_id,
				recorded_by_key_id, recorded_by_name, recorded_at)
			SELECT ('019d1d1a-7f00-7c1b-8a52-' || lpad(to_hex(n), 12, '0'))::uuid,
				CASE n % 2 WHEN 0 THEN 'busy' ELSE 'document-' || (n % 2000) END,
				'dynamics365', 'failed', 'run-' || n, timestamptz '2026-01-01Z' + n * interval '1 second', 'request', 'key', 'worker',
				timestamptz '2026-01-01Z' + n * interval '1 second'
			FROM generate_series(1, 20000) n`,
	},
	"sqlite": {
		`WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < 1999)
			INSERT INTO documents (id, stage, created_at, updated_at)
			SELECT 'document-' || n, 'reviewed', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z' FROM s
			UNION ALL SELECT 'busy', 'reviewed', '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'`,
		`INSERT INTO deliveries (document_id, provider, retired, touched, tries, settled, latest_attempt_id,
				latest_status, latest_effective_at, last_recorded_at, updated_at)
			SELECT id, 'dynamics365', 0, 1, 1, 0, id, 'failed', created_at, created_at, created_at FROM documents`,
		`WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
			INSERT INTO delivery_attempts (id, document_id, provider, status, execution_id, attempted_at, request_id,
				recorded_by_key_id, recorded_by_name, recorded_at)
			SELECT printf('019d1d1a-7f00-7c1b-8a52-%012x', n), CASE n % 2 WHEN 0 THEN 'busy' ELSE 'document-' || (n % 2000) END,
				'dynamics365', 'failed', 'run-' || n, strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', n || ' seconds'), 'request', 'key', 'worker',
				strftime('%Y-%m-%dT%H:%M:%S.000000Z', '2026-01-01', n || ' seconds')
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
