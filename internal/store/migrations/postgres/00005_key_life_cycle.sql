-- +goose NO TRANSACTION
-- +goose Up
-- Keys are rotated: servers of the version before fill none of the new columns, and a key without a principal is its own.

ALTER TABLE api_keys
    ADD COLUMN IF NOT EXISTS principal_id text COLLATE "C",  -- the first key of its line
    ADD COLUMN IF NOT EXISTS successor_id text COLLATE "C",  -- the key that it was rotated to
    ADD COLUMN IF NOT EXISTS last_used_at timestamptz;       -- to about a minute
