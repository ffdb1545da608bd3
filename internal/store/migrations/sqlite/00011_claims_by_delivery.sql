-- +goose Up
-- What was claimed of a delivery, for who verifies its state.

CREATE INDEX claims_delivery_idx ON claims (document_id, provider);
