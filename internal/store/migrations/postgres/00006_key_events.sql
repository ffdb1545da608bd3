-- +goose NO TRANSACTION
-- +goose Up
-- What was done to keys is kept beside what people ordered. Of such an entry key_id and key_name are the key that it was
-- done to, and request_id is empty: it came from the command line.

ALTER TABLE audit_entries
    ADD COLUMN IF NOT EXISTS actor        text,               -- who did it, as the command line knows them
    ADD COLUMN IF NOT EXISTS successor_id text COLLATE "C",   -- the key that it was rotated to
    ADD COLUMN IF NOT EXISTS ends_at      timestamptz;        -- when the key is over from then on; NULL: never
