-- +goose Up
-- Keys are rotated: servers of the version before fill none of the new columns, and a key without a principal is its own.

ALTER TABLE api_keys ADD COLUMN principal_id text; -- the first key of its line
ALTER TABLE api_keys ADD COLUMN successor_id text; -- the key that it was rotated to
ALTER TABLE api_keys ADD COLUMN last_used_at text; -- to about a minute
