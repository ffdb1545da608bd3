-- +goose Up
-- And so is what was recorded before. It locks nothing: the triggers are there already, so no entry is missed, and one
-- that they have noted meanwhile is not noted twice.

-- reason: no server of the version before reads the table
INSERT INTO audit_unsealed (entry_id, recorded_at)
    SELECT id, recorded_at FROM delivery_attempts
    UNION ALL SELECT id, recorded_at FROM audit_entries
    ON CONFLICT DO NOTHING;
