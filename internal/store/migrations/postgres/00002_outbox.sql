-- +goose NO TRANSACTION
-- +goose Up
-- Servers of the version before fill none of the new columns, and go on writing the old ones: derived_at tells which
-- rows are as one of them left them, see outdated.go.

ALTER TABLE deliveries
    ADD COLUMN IF NOT EXISTS offered            boolean NOT NULL DEFAULT false, -- its document is reviewed, and it is not retired
    ADD COLUMN IF NOT EXISTS since              timestamptz,                    -- when it was added, offered again or requeued
    ADD COLUMN IF NOT EXISTS resting            text COLLATE "C",                        -- its state while no lease is open
    ADD COLUMN IF NOT EXISTS due_at             timestamptz,                    -- if nothing else is recorded; NULL: never
    ADD COLUMN IF NOT EXISTS lease_execution_id text COLLATE "C",               -- of the last claim, until it is settled or released
    ADD COLUMN IF NOT EXISTS lease_expires_at   timestamptz,
    ADD COLUMN IF NOT EXISTS delivery_key       text COLLATE "C",               -- from the first claim on, until it is requeued
    ADD COLUMN IF NOT EXISTS requeue_id         uuid,                           -- the last requeue's audit entry
    ADD COLUMN IF NOT EXISTS external_id        text COLLATE "C",               -- its document's, to be listed by
    ADD COLUMN IF NOT EXISTS derived_at         timestamptz;                    -- updated_at, when what follows from the rest was derived

-- What claims handed out.
CREATE TABLE IF NOT EXISTS claims (
    execution_id text COLLATE "C" PRIMARY KEY,
    document_id  text COLLATE "C" NOT NULL,
    provider     text COLLATE "C" NOT NULL,
    delivery_key text COLLATE "C" NOT NULL,
    worker       text,
    key_id       text COLLATE "C" NOT NULL,
    key_name     text        NOT NULL,
    claimed_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    released_at  timestamptz,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider)
);

-- What people ordered: who, when and why. Append-only.
CREATE TABLE IF NOT EXISTS audit_entries (
    id          uuid PRIMARY KEY,
    kind        text        NOT NULL,
    document_id text COLLATE "C",
    provider    text COLLATE "C",
    reason      text,
    forced      boolean     NOT NULL,
    key_id      text COLLATE "C" NOT NULL,
    key_name    text        NOT NULL,
    request_id  text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL
);

SET lock_timeout = 0;

-- The outbox: settled deliveries are not in it, however many there are.
DROP INDEX CONCURRENTLY IF EXISTS deliveries_due_idx;
CREATE INDEX CONCURRENTLY deliveries_due_idx ON deliveries (provider, due_at, document_id) WHERE offered AND due_at IS NOT NULL;
-- What an older server left behind: mostly empty.
DROP INDEX CONCURRENTLY IF EXISTS deliveries_outdated_idx;
CREATE INDEX CONCURRENTLY deliveries_outdated_idx ON deliveries (document_id) WHERE derived_at IS DISTINCT FROM updated_at;

-- Deliveries across documents, by each filter. All of them are those of each state.
DROP INDEX CONCURRENTLY IF EXISTS deliveries_provider_idx;
CREATE INDEX CONCURRENTLY deliveries_provider_idx ON deliveries (provider, updated_at, document_id) WHERE NOT retired;
DROP INDEX CONCURRENTLY IF EXISTS deliveries_resting_idx;
CREATE INDEX CONCURRENTLY deliveries_resting_idx ON deliveries (resting, updated_at, document_id, provider) WHERE NOT retired;
DROP INDEX CONCURRENTLY IF EXISTS deliveries_leased_idx;
CREATE INDEX CONCURRENTLY deliveries_leased_idx ON deliveries (updated_at, document_id, provider) WHERE NOT retired AND lease_expires_at IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS deliveries_external_id_idx;
CREATE INDEX CONCURRENTLY deliveries_external_id_idx ON deliveries (external_id, updated_at, document_id, provider) WHERE NOT retired AND external_id IS NOT NULL;

-- Attempts across documents, by each filter, newest recorded first. All of them are those of each status.
DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_provider_idx;
CREATE INDEX CONCURRENTLY delivery_attempts_provider_idx ON delivery_attempts (provider, recorded_at, id);
DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_status_idx;
CREATE INDEX CONCURRENTLY delivery_attempts_status_idx ON delivery_attempts (status COLLATE "C", recorded_at, id);
DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_request_id_idx;
CREATE INDEX CONCURRENTLY delivery_attempts_request_id_idx ON delivery_attempts (request_id, recorded_at, id);
DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_external_record_id_idx;
CREATE INDEX CONCURRENTLY delivery_attempts_external_record_id_idx ON delivery_attempts (external_record_id COLLATE "C", recorded_at, id) WHERE external_record_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_error_code_idx;
CREATE INDEX CONCURRENTLY delivery_attempts_error_code_idx ON delivery_attempts (error_code COLLATE "C", recorded_at, id) WHERE error_code IS NOT NULL;

SET lock_timeout = '1500ms';
