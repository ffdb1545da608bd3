-- +goose NO TRANSACTION
-- +goose Up
-- What was requeued of a delivery, for who verifies its state.

SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS audit_entries_delivery_idx;
CREATE INDEX CONCURRENTLY audit_entries_delivery_idx ON audit_entries (document_id, provider) WHERE document_id IS NOT NULL;
SET lock_timeout = '1500ms';
