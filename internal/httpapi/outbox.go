package httpapi

import (
	"context"

	"github.com/numora/delivery/gen/deliveryapi"
	"github.com/numora/delivery/internal/delivery"
)

func (h *handlers) ListOutbox(ctx context.Context, request deliveryapi.ListOutboxRequestObject) (deliveryapi.ListOutboxResponseObject, error) {
	query, err := toOutboxQuery(request.Params)
	if err != nil {
		return nil, err
	}
	page, err := h.service.Outbox(ctx, query)
	if err != nil {
		return nil, err
	}
	return deliveryapi.ListOutbox200JSONResponse{Body: fromOutboxPage(page, outboxFilters(query))}, nil
}

func (h *handlers) ClaimDeliveries(ctx context.Context, request deliveryapi.ClaimDeliveriesRequestObject) (deliveryapi.ClaimDeliveriesResponseObject, error) {
	claimed, err := h.service.Claim(ctx, toClaimRequest(*request.Body, principalOf(ctx)))
	if err != nil {
		return nil, err
	}
	return deliveryapi.ClaimDeliveries200JSONResponse{Body: deliveryapi.ClaimedDeliveries{Data: fromAll(claimed, fromClaimed)}}, nil
}

func (h *handlers) ExtendClaim(ctx context.Context, request deliveryapi.ExtendClaimRequestObject) (deliveryapi.ExtendClaimResponseObject, error) {
	claim, err := h.service.ExtendClaim(ctx, request.ExecutionID, principalOf(ctx), toLease(request.Body.LeaseSeconds))
	if err != nil {
		return nil, err
	}
	return deliveryapi.ExtendClaim200JSONResponse{Body: fromClaim(claim)}, nil
}

func (h *handlers) ReleaseClaim(ctx context.Context, request deliveryapi.ReleaseClaimRequestObject) (deliveryapi.ReleaseClaimResponseObject, error) {
	claim, err := h.service.ReleaseClaim(ctx, request.ExecutionID, principalOf(ctx))
	if err != nil {
		return nil, err
	}
	return deliveryapi.ReleaseClaim200JSONResponse{Body: fromClaim(claim)}, nil
}

func (h *handlers) RetryPush(ctx context.Context, request deliveryapi.RetryPushRequestObject) (deliveryapi.RetryPushResponseObject, error) {
	requeued, err := h.service.Requeue(ctx, delivery.Requeue{
		DocumentID: request.ID, Provider: request.Body.Provider, Reason: value(request.Body.Reason), Force: value(request.Body.Force),
		By: principalOf(ctx), RequestID: callOf(ctx).requestID,
	})
	if err != nil {
		return nil, err
	}
	return deliveryapi.RetryPush200JSONResponse{Body: fromDelivery(requeued)}, nil
}

func (h *handlers) ListDeliveries(ctx context.Context, request deliveryapi.ListDeliveriesRequestObject) (deliveryapi.ListDeliveriesResponseObject, error) {
	query, err := toDeliveryQuery(request.Params)
	if err != nil {
		return nil, err
	}
	page, err := h.service.Deliveries(ctx, query)
	if err != nil {
		return nil, err
	}
	return deliveryapi.ListDeliveries200JSONResponse{Body: fromDeliveryPage(page, deliveryFilters(query))}, nil
}

// principalOf returns whose key the request has.
func principalOf(ctx context.Context) delivery.Principal {
	key := callOf(ctx).key
	return delivery.Principal{KeyID: key.ID, Name: key.Name}
}
