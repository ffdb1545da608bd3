-- +goose Up
-- The audit history only grows: what is recorded is neither changed nor taken away. Whoever can write to the file can
-- drop the triggers; they keep mistakes from happening, and the server's own sessions from replacing rows.

-- reason: no server ever changed what it recorded
-- +goose StatementBegin
CREATE TRIGGER delivery_attempts_keep BEFORE UPDATE ON delivery_attempts
BEGIN SELECT RAISE(ABORT, 'delivery_attempts is append-only'); END;
-- +goose StatementEnd
-- reason: no server ever changed what it recorded
-- +goose StatementBegin
CREATE TRIGGER delivery_attempts_stay BEFORE DELETE ON delivery_attempts
BEGIN SELECT RAISE(ABORT, 'delivery_attempts is append-only'); END;
-- +goose StatementEnd
