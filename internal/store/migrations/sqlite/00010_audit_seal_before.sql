-- +goose Up
-- And so is what was recorded before.

-- reason: no server of the version before reads the table
INSERT INTO audit_unsealed (entry_id, recorded_at)
    SELECT id, recorded_at FROM delivery_attempts
    UNION ALL SELECT id, recorded_at FROM audit_entries WHERE true
    ON CONFLICT DO NOTHING;
