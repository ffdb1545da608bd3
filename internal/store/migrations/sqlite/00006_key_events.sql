-- +goose Up
-- What was done to keys is kept beside what people ordered. Of such an entry key_id and key_name are the key that it was
-- done to, and request_id is empty: it came from the command line.

ALTER TABLE audit_entries ADD COLUMN actor        text; -- who did it, as the command line knows them
ALTER TABLE audit_entries ADD COLUMN successor_id text; -- the key that it was rotated to
ALTER TABLE audit_entries ADD COLUMN ends_at      text; -- when the key is over from then on; NULL: never
