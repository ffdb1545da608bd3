-- +goose Up
-- From now on every attempt is noted as unsealed.

-- reason: no server is refused by it what it records
CREATE TRIGGER numora_unsealed AFTER INSERT ON delivery_attempts
    REFERENCING NEW TABLE AS recorded FOR EACH STATEMENT EXECUTE FUNCTION numora_unsealed();
