-- +goose NO TRANSACTION
-- +goose Up
-- What a next version's migration looks like. It runs while older replicas serve, so each statement commits by
-- itself: a table is locked for its own moment only, and never while the next one is waited for. What fails
-- halfway is run again from the beginning, so each statement may find its work done.

ALTER TABLE documents ADD COLUMN IF NOT EXISTS newer_note text;

ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS newer_count integer NOT NULL DEFAULT 0;

ALTER TABLE delivery_attempts ADD COLUMN IF NOT EXISTS newer_note text;

ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS newer_note text;

CREATE TABLE IF NOT EXISTS newer_entries (
    id          uuid PRIMARY KEY,
    document_id text COLLATE "C" NOT NULL,
    provider    text COLLATE "C" NOT NULL,
    FOREIGN KEY (document_id, provider) REFERENCES deliveries (document_id, provider)
);

-- Waits for all running transactions, but nobody waits behind it. An attempt that was broken off leaves an
-- index that is never used, and kept up for ever.
SET lock_timeout = 0;

DROP INDEX CONCURRENTLY IF EXISTS delivery_attempts_newer_idx;

CREATE INDEX CONCURRENTLY delivery_attempts_newer_idx ON delivery_attempts (provider, recorded_at DESC, id DESC);

SET lock_timeout = '1500ms';
