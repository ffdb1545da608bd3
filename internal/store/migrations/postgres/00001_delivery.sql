-- +goose Up
-- Identifiers are compared byte for byte and must sort the same on every machine: COLLATE "C".

CREATE TABLE documents (
    id          text COLLATE "C" PRIMARY KEY,
    stage       text        NOT NULL CHECK (stage IN ('processing', 'review_required', 'reviewed', 'failed')),
    schema      text,
    external_id text COLLATE "C",
    metadata    text,                  -- JSON as it came, numbers untouched: text, not jsonb
    result_url  text,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL   -- when the registration last changed
);

-- A document's obligation to reach one provider, with its standing: what its attempts come to.
CREATE TABLE deliveries (
    document_id         text COLLATE "C" NOT NULL REFERENCES documents (id),
    provider            text COLLATE "C" NOT NULL,
    retired             boolean     NOT NULL,
    touched             boolean     NOT NULL, -- ever claimed, attempted or requeued
    tries               integer     NOT NULL CHECK (tries >= 0),
    settled             boolean     NOT NULL, -- some attempt succeeded or was skipped
    latest_attempt_id   uuid,
    latest_status       text CHECK (latest_status IN ('succeeded', 'failed', 'skipped')),
    latest_effective_at timestamptz,
    last_recorded_at    timestamptz,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (document_id, provider),
    CHECK ((latest_attempt_id IS NULL) = (latest_status IS NULL)),
    CHECK ((latest_attempt_id IS NULL) = (latest_effective_at IS NULL)),
    CHECK (latest_attempt_id IS NULL OR touched)
) WITH (fillfactor = 80);

-- The audit history. Append-only.
CREATE TABLE delivery_attempts (
    id                 uuid PRIMARY KEY,
    document_id        text COLLATE "C" NOT NULL,
    provider           text COLLATE "C" NOT NULL,
    status             text        NOT NULL CHECK (status IN ('succeeded', 'failed', 'skipped')),
    execution_id       text COLLATE "C" NOT NULL,
    attempted_at       timestamptz NOT NULL,
    external_record_id text,
    external_url       text,
    error_code         text,
    error_message      text,
    request_id         text COLLATE "C" NOT NULL,
    recorded_by_key_id text COLLATE "C" NOT NULL,
    recorded_by_name   text        NOT NULL,
    recorded_at        timestamptz NOT NULL,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider),
    CHECK (status <> 'succeeded' OR external_record_id IS NOT NULL)
);

-- The promise itself: one execution id, one attempt.
CREATE UNIQUE INDEX delivery_attempts_execution_id_key ON delivery_attempts (execution_id);

-- The audit page of one document, newest recorded first.
CREATE INDEX delivery_attempts_document_recorded_idx ON delivery_attempts (document_id, recorded_at DESC, id DESC);

CREATE TABLE api_keys (
    id         text COLLATE "C" PRIMARY KEY,
    kind       text        NOT NULL CHECK (kind IN ('live', 'test')),
    name       text        NOT NULL,
    hash       bytea       NOT NULL,   -- SHA-256 of the key's text
    scopes     text        NOT NULL,   -- separated by spaces
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
