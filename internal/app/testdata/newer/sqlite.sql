-- +goose Up
-- What a next version's migration looks like. On SQLite nobody else serves meanwhile: one transaction does.

ALTER TABLE documents ADD COLUMN newer_note TEXT;

ALTER TABLE deliveries ADD COLUMN newer_count INTEGER NOT NULL DEFAULT 0;

ALTER TABLE delivery_attempts ADD COLUMN newer_note TEXT;

ALTER TABLE api_keys ADD COLUMN newer_note TEXT;

CREATE TABLE newer_entries (
    id          TEXT NOT NULL PRIMARY KEY,
    document_id TEXT NOT NULL,
    provider    TEXT NOT NULL,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider)
) STRICT;

CREATE INDEX delivery_attempts_newer_idx ON delivery_attempts (provider, recorded_at DESC, id DESC);
