-- +goose Up
-- Instants are fixed-width UTC text (2026-03-24T03:00:00.000000Z), so that they sort as they follow.

CREATE TABLE documents (
    id          TEXT NOT NULL PRIMARY KEY,
    stage       TEXT NOT NULL CHECK (stage IN ('processing', 'review_required', 'reviewed', 'failed')),
    schema      TEXT,
    external_id TEXT,
    metadata    TEXT,            -- JSON as it came, numbers untouched
    result_url  TEXT,
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL    -- when the registration last changed
) STRICT;

-- A document's obligation to reach one provider, with its standing: what its attempts come to.
CREATE TABLE deliveries (
    document_id         TEXT    NOT NULL REFERENCES documents (id),
    provider            TEXT    NOT NULL,
    retired             INTEGER NOT NULL CHECK (retired IN (0, 1)),
    touched             INTEGER NOT NULL CHECK (touched IN (0, 1)), -- ever claimed, attempted or requeued
    tries               INTEGER NOT NULL CHECK (tries >= 0),
    settled             INTEGER NOT NULL CHECK (settled IN (0, 1)), -- some attempt succeeded or was skipped
    latest_attempt_id   TEXT,
    latest_status       TEXT CHECK (latest_status IN ('succeeded', 'failed', 'skipped')),
    latest_effective_at TEXT,
    last_recorded_at    TEXT,
    updated_at          TEXT    NOT NULL,
    PRIMARY KEY (document_id, provider),
    CHECK ((latest_attempt_id IS NULL) = (latest_status IS NULL)),
    CHECK ((latest_attempt_id IS NULL) = (latest_effective_at IS NULL)),
    CHECK (latest_attempt_id IS NULL OR touched)
) STRICT;

-- The audit history. Append-only.
CREATE TABLE delivery_attempts (
    id                 TEXT NOT NULL PRIMARY KEY,
    document_id        TEXT NOT NULL,
    provider           TEXT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('succeeded', 'failed', 'skipped')),
    execution_id       TEXT NOT NULL,
    attempted_at       TEXT NOT NULL,
    external_record_id TEXT,
    external_url       TEXT,
    error_code         TEXT,
    error_message      TEXT,
    request_id         TEXT NOT NULL,
    recorded_by_key_id TEXT NOT NULL,
    recorded_by_name   TEXT NOT NULL,
    recorded_at        TEXT NOT NULL,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider),
    CHECK (status <> 'succeeded' OR external_record_id IS NOT NULL)
) STRICT;

-- The promise itself: one execution id, one attempt.
CREATE UNIQUE INDEX delivery_attempts_execution_id_key ON delivery_attempts (execution_id);

-- The audit page of one document, newest recorded first.
CREATE INDEX delivery_attempts_document_recorded_idx ON delivery_attempts (document_id, recorded_at DESC, id DESC);

CREATE TABLE api_keys (
    id         TEXT NOT NULL PRIMARY KEY,
    kind       TEXT NOT NULL CHECK (kind IN ('live', 'test')),
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,    -- SHA-256 of the key's text
    scopes     TEXT NOT NULL,    -- separated by spaces
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
) STRICT;
