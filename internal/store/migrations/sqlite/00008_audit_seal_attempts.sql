-- +goose Up
-- From now on every attempt is noted as unsealed.

-- reason: no server is refused by it what it records
-- +goose StatementBegin
CREATE TRIGGER delivery_attempts_unsealed AFTER INSERT ON delivery_attempts
BEGIN INSERT OR IGNORE INTO audit_unsealed (entry_id, recorded_at) VALUES (NEW.id, NEW.recorded_at); END;
-- +goose StatementEnd
