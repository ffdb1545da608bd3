-- +goose Up
-- What makes the audit history provable: every attempt and audit entry gets a leaf number in one growing RFC 6962 tree, and
-- signed checkpoints say what the tree of the first so many leaves is. Both are append-only.

CREATE TABLE audit_leaves (
    number   bigint PRIMARY KEY CHECK (number >= 0), -- from 0, without gaps
    entry_id uuid   NOT NULL,                        -- of an attempt or an audit entry
    kind     text COLLATE "C" NOT NULL CHECK (kind IN ('attempt', 'audit_entry')),
    form     smallint NOT NULL,                      -- which version of the canonical form was hashed
    hash     bytea  NOT NULL CHECK (length(hash) = 32)
);

-- The promise itself: one entry, one number.
CREATE UNIQUE INDEX audit_leaves_entry_id_kind_key ON audit_leaves (entry_id, kind);

CREATE TABLE audit_checkpoints (
    size      bigint PRIMARY KEY CHECK (size > 0), -- how many leaves it covers
    note      text        NOT NULL,                -- signed
    frontier  bytea       NOT NULL,                -- the hashes that the tree grows from
    sealed_at timestamptz NOT NULL
);

-- What is recorded and has no number yet. Whoever records an entry has it put here by a trigger, in the same transaction, and
-- whoever numbers it takes it out: an entry that commits late is not overlooked, however low its id or its time.
CREATE TABLE audit_unsealed (
    entry_id    uuid        NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (recorded_at, entry_id)              -- sealed in this order
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- reason: the table is new
CREATE TRIGGER numora_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION numora_refuse_change();
ALTER TABLE audit_leaves ENABLE ALWAYS TRIGGER numora_append_only;
-- reason: the table is new
CREATE TRIGGER numora_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION numora_refuse_change();
ALTER TABLE audit_checkpoints ENABLE ALWAYS TRIGGER numora_append_only;

-- With the owner's rights: servers of the version before, which record meanwhile, have none on the table. So it must look
-- nowhere else for it, above all not among what a session has made for itself, where else PostgreSQL looks first.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- reason: no server is refused by it what it records
-- +goose StatementBegin
CREATE FUNCTION numora_unsealed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS
'BEGIN INSERT INTO audit_unsealed (entry_id, recorded_at) SELECT id, recorded_at FROM recorded ON CONFLICT DO NOTHING; RETURN NULL; END';
-- +goose StatementEnd

REVOKE ALL ON FUNCTION numora_unsealed() FROM PUBLIC;
