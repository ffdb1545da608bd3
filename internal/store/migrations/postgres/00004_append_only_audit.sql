-- +goose Up
-- What people ordered only grows, too.

-- reason: no server ever changed what it recorded
CREATE TRIGGER numora_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION numora_refuse_change();

ALTER TABLE audit_entries ENABLE ALWAYS TRIGGER numora_append_only;
