-- +goose Up
-- Servers of the version before fill none of the new columns, and go on writing the old ones: derived_at tells which
-- rows are as one of them left them, see outdated.go.

ALTER TABLE deliveries ADD COLUMN offered INTEGER NOT NULL DEFAULT 0; -- its document is reviewed, and it is not retired
ALTER TABLE deliveries ADD COLUMN since TEXT; -- when it was added, offered again or requeued
ALTER TABLE deliveries ADD COLUMN resting TEXT; -- its state while no lease is open
ALTER TABLE deliveries ADD COLUMN due_at TEXT; -- if nothing else is recorded; NULL: never
ALTER TABLE deliveries ADD COLUMN lease_execution_id TEXT; -- of the last claim, until it is settled or released
ALTER TABLE deliveries ADD COLUMN lease_expires_at TEXT;
ALTER TABLE deliveries ADD COLUMN delivery_key TEXT; -- from the first claim on, until it is requeued
ALTER TABLE deliveries ADD COLUMN requeue_id TEXT; -- the last requeue's audit entry
ALTER TABLE deliveries ADD COLUMN external_id TEXT; -- its document's, to be listed by
ALTER TABLE deliveries ADD COLUMN derived_at TEXT; -- updated_at, when what follows from the rest was derived

-- What claims handed out.
CREATE TABLE claims (
    execution_id TEXT NOT NULL PRIMARY KEY,
    document_id  TEXT NOT NULL,
    provider     TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    worker       TEXT,
    key_id       TEXT NOT NULL,
    key_name     TEXT NOT NULL,
    claimed_at   TEXT NOT NULL,
    expires_at   TEXT NOT NULL,
    released_at  TEXT,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider)
) STRICT;

-- What people ordered: who, when and why. Append-only.
CREATE TABLE audit_entries (
    id           TEXT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    document_id  TEXT,
    provider     TEXT,
    reason       TEXT,
    forced       INTEGER NOT NULL CHECK (forced IN (0, 1)),
    key_id       TEXT NOT NULL,
    key_name     TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    recorded_at  TEXT NOT NULL
) STRICT;

-- The outbox: settled deliveries are not in it, however many there are.
CREATE INDEX deliveries_due_idx ON deliveries (provider, due_at, document_id) WHERE offered AND due_at IS NOT NULL;
-- What an older server left behind: mostly empty.
CREATE INDEX deliveries_outdated_idx ON deliveries (document_id) WHERE derived_at IS NOT updated_at;

-- Deliveries across documents, by each filter. All of them are those of each state.
CREATE INDEX deliveries_provider_idx ON deliveries (provider, updated_at, document_id) WHERE NOT retired;
CREATE INDEX deliveries_resting_idx ON deliveries (resting, updated_at, document_id, provider) WHERE NOT retired;
CREATE INDEX deliveries_leased_idx ON deliveries (updated_at, document_id, provider) WHERE NOT retired AND lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_external_id_idx ON deliveries (external_id, updated_at, document_id, provider) WHERE NOT retired AND external_id IS NOT NULL;

-- Attempts across documents, by each filter, newest recorded first. All of them are those of each status.
CREATE INDEX delivery_attempts_provider_idx ON delivery_attempts (provider, recorded_at, id);
CREATE INDEX delivery_attempts_status_idx ON delivery_attempts (status, recorded_at, id);
CREATE INDEX delivery_attempts_request_id_idx ON delivery_attempts (request_id, recorded_at, id);
CREATE INDEX delivery_attempts_external_record_id_idx ON delivery_attempts (external_record_id, recorded_at, id) WHERE external_record_id IS NOT NULL;
CREATE INDEX delivery_attempts_error_code_idx ON delivery_attempts (error_code, recorded_at, id) WHERE error_code IS NOT NULL;
