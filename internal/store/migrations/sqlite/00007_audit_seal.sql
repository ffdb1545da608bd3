-- +goose Up
-- What makes the audit history provable: every attempt and audit entry gets a leaf number in one growing RFC 6962 tree, and
-- signed checkpoints say what the tree of the first so many leaves is. Both are append-only.

CREATE TABLE audit_leaves (
    number   INTEGER NOT NULL PRIMARY KEY CHECK (number >= 0), -- from 0, without gaps
    entry_id TEXT    NOT NULL,                        -- of an attempt or an audit entry
    kind     TEXT    NOT NULL CHECK (kind IN ('attempt', 'audit_entry')),
    form     INTEGER NOT NULL,                        -- which version of the canonical form was hashed
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- The promise itself: one entry, one number.
CREATE UNIQUE INDEX audit_leaves_entry_id_kind_key ON audit_leaves (entry_id, kind);

CREATE TABLE audit_checkpoints (
    size      INTEGER NOT NULL PRIMARY KEY CHECK (size > 0), -- how many leaves it covers
    note      TEXT NOT NULL,                        -- signed
    frontier  BLOB NOT NULL,                        -- the hashes that the tree grows from
    sealed_at TEXT NOT NULL
) STRICT;

-- What is recorded and has no number yet. Whoever records an entry has it put here by a trigger, in the same transaction, and
-- whoever numbers it takes it out.
CREATE TABLE audit_unsealed (
    entry_id    TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (recorded_at, entry_id) -- sealed in this order
) STRICT, WITHOUT ROWID;

-- reason: the table is new
-- +goose StatementBegin
CREATE TRIGGER audit_leaves_keep BEFORE UPDATE ON audit_leaves
BEGIN SELECT RAISE(ABORT, 'audit_leaves is append-only'); END;
-- +goose StatementEnd

-- reason: the table is new
-- +goose StatementBegin
CREATE TRIGGER audit_leaves_stay BEFORE DELETE ON audit_leaves
BEGIN SELECT RAISE(ABORT, 'audit_leaves is append-only'); END;
-- +goose StatementEnd

-- reason: the table is new
-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_keep BEFORE UPDATE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'audit_checkpoints is append-only'); END;
-- +goose StatementEnd

-- reason: the table is new
-- +goose StatementBegin
CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints
BEGIN SELECT RAISE(ABORT, 'audit_checkpoints is append-only'); END;
-- +goose StatementEnd
