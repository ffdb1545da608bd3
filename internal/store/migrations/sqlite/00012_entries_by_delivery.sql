-- +goose Up
-- What was requeued of a delivery, for who verifies its state.

CREATE INDEX audit_entries_delivery_idx ON audit_entries (document_id, provider) WHERE document_id IS NOT NULL;
