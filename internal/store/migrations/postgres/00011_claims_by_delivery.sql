-- +goose NO TRANSACTION
-- +goose Up
-- What was claimed of a delivery, for who verifies its state.

SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS claims_delivery_idx;
CREATE INDEX CONCURRENTLY claims_delivery_idx ON claims (document_id, provider);
SET lock_timeout = '1500ms';
