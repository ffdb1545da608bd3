-- +goose Up
-- From now on every audit entry is noted as unsealed.

-- reason: no server is refused by it what it records
-- +goose StatementBegin
CREATE TRIGGER audit_entries_unsealed AFTER INSERT ON audit_entries
BEGIN INSERT OR IGNORE INTO audit_unsealed (entry_id, recorded_at) VALUES (NEW.id, NEW.recorded_at); END;
-- +goose StatementEnd
