-- +goose Up
-- The audit history only grows, whoever is connected: what is recorded is neither changed nor taken away. The owner of the
-- table can drop the trigger, and the application's role can not, see grants.go.

-- reason: no server ever changed what it recorded
-- +goose StatementBegin
CREATE FUNCTION numora_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN RAISE EXCEPTION ''% is append-only'', TG_TABLE_NAME USING ERRCODE = ''restrict_violation''; END';
-- +goose StatementEnd

-- reason: no server ever changed what it recorded
CREATE TRIGGER numora_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION numora_refuse_change();

-- Also in sessions that apply what they replicate.
ALTER TABLE delivery_attempts ENABLE ALWAYS TRIGGER numora_append_only;
