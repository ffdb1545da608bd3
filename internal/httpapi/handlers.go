package httpapi

import (
	"bytes"
	"context"
	"encoding/json"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
	"github.com/numora/delivery/openapi"
)

// handlers implement the contract's operations. What reaches them has passed the contract.
type handlers struct {
	service      *delivery.Service
	ready        func(ctx context.Context) error
	contractJSON json.RawMessage
	tracer       trace.Tracer
}

func (h *handlers) RecordDelivery(ctx context.Context, request deliveryapi.RecordDeliveryRequestObject) (deliveryapi.RecordDeliveryResponseObject, error) {
	call, report := callOf(ctx), toReport(request.ID, *request.Body)
	ctx, span := h.tracer.Start(ctx, "record")
	defer func() { span.End() }() // deferred by itself it would take the text of a panic along
	call.recording = newRecording(report)
	attempt, replayed, err := h.service.Record(ctx, report, principalOf(ctx), call.requestID)
	call.recording.settle(replayed, err)
	span.SetAttributes(attribute.String("numora.outcome", call.recording.outcome))
	if err != nil {
		return nil, err
	}
	if replayed {
		return deliveryapi.RecordDelivery200JSONResponse{
			Body:    fromAttempt(attempt),
			Headers: deliveryapi.RecordDelivery200ResponseHeaders{IdempotentReplayed: "true"},
		}, nil
	}
	return deliveryapi.RecordDelivery201JSONResponse{
		Body:    fromAttempt(attempt),
		Headers: deliveryapi.RecordDelivery201ResponseHeaders{Location: "/v1/delivery/attempts/" + attempt.ID},
	}, nil
}

func (h *handlers) ListDocumentDelivery(ctx context.Context, request deliveryapi.ListDocumentDeliveryRequestObject) (deliveryapi.ListDocumentDeliveryResponseObject, error) {
	query, err := toDocumentAttemptQuery(request.ID, request.Params)
	if err != nil {
		return nil, err
	}
	page, err := h.service.Attempts(ctx, query)
	if err != nil {
		return nil, err
	}
	return deliveryapi.ListDocumentDelivery200JSONResponse{Body: fromAttemptPage(page, filtersOf(query))}, nil
}

func (h *handlers) ListDeliveryAttempts(ctx context.Context, request deliveryapi.ListDeliveryAttemptsRequestObject) (deliveryapi.ListDeliveryAttemptsResponseObject, error) {
	query, err := toAttemptQuery(request.Params)
	if err != nil {
		return nil, err
	}
	page, err := h.service.Attempts(ctx, query)
	if err != nil {
		return nil, err
	}
	return deliveryapi.ListDeliveryAttempts200JSONResponse{Body: fromAttemptPage(page, filtersOf(query))}, nil
}

func (h *handlers) GetDeliveryAttempt(ctx context.Context, request deliveryapi.GetDeliveryAttemptRequestObject) (deliveryapi.GetDeliveryAttemptResponseObject, error) {
	attempt, err := h.service.Attempt(ctx, request.AttemptID)
	if err != nil {
		return nil, err
	}
	return deliveryapi.GetDeliveryAttempt200JSONResponse{Body: fromAttempt(attempt)}, nil
}

func (h *handlers) GetDocument(ctx context.Context, request deliveryapi.GetDocumentRequestObject) (deliveryapi.GetDocumentResponseObject, error) {
	document, err := h.service.Document(ctx, request.ID)
	if err != nil {
		return nil, err
	}
	return deliveryapi.GetDocument200JSONResponse{Body: fromDocument(document)}, nil
}

func (h *handlers) PutDocument(ctx context.Context, request deliveryapi.PutDocumentRequestObject) (deliveryapi.PutDocumentResponseObject, error) {
	registration, err := toRegistration(*request.Body)
	if err != nil {
		return nil, err
	}
	document, created, err := h.service.PutDocument(ctx, request.ID, registration)
	if err != nil {
		return nil, err
	}
	if created {
		return deliveryapi.PutDocument201JSONResponse{Body: fromDocument(document)}, nil
	}
	return deliveryapi.PutDocument200JSONResponse{Body: fromDocument(document)}, nil
}

func (h *handlers) GetAuditCheckpoint(ctx context.Context, _ deliveryapi.GetAuditCheckpointRequestObject) (deliveryapi.GetAuditCheckpointResponseObject, error) {
	checkpoint, err := h.service.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return deliveryapi.GetAuditCheckpoint200JSONResponse{Body: fromCheckpoint(checkpoint)}, nil
}

func (h *handlers) GetLiveness(context.Context, deliveryapi.GetLivenessRequestObject) (deliveryapi.GetLivenessResponseObject, error) {
	return deliveryapi.GetLiveness200JSONResponse{Body: deliveryapi.ServiceStatus{Status: deliveryapi.ServiceStatusStatusOk}}, nil
}

// readiness is the contract's operationId of GetReadiness.
const readiness = "getReadiness"

func (h *handlers) GetReadiness(ctx context.Context, _ deliveryapi.GetReadinessRequestObject) (deliveryapi.GetReadinessResponseObject, error) {
	if err := h.ready(ctx); err != nil {
		return nil, delivery.Unavailable(err)
	}
	return deliveryapi.GetReadiness200JSONResponse{Body: deliveryapi.ServiceStatus{Status: deliveryapi.ServiceStatusStatusOk}}, nil
}

func (h *handlers) GetContractYaml(context.Context, deliveryapi.GetContractYamlRequestObject) (deliveryapi.GetContractYamlResponseObject, error) {
	yaml := openapi.YAML()
	return deliveryapi.GetContractYaml200ApplicationYamlResponse{Body: bytes.NewReader(yaml), ContentLength: int64(len(yaml))}, nil
}

func (h *handlers) GetContractJSON(context.Context, deliveryapi.GetContractJSONRequestObject) (deliveryapi.GetContractJSONResponseObject, error) {
	return deliveryapi.GetContractJSON200JSONResponse{Body: h.contractJSON}, nil
}
