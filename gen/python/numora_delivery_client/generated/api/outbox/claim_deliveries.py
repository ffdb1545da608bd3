# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.claim_request import ClaimRequest
from ...models.claimed_deliveries import ClaimedDeliveries
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    body: ClaimRequest,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/delivery/claims",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ClaimedDeliveries | ErrorBody | None:
    if response.status_code == 200:
        response_200 = ClaimedDeliveries.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorBody.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ErrorBody.from_dict(response.json())

        return response_403

    if response.status_code == 413:
        response_413 = ErrorBody.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = ErrorBody.from_dict(response.json())

        return response_415

    if response.status_code == 422:
        response_422 = ErrorBody.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ErrorBody.from_dict(response.json())

        return response_429

    if response.status_code == 431:
        response_431 = ErrorBody.from_dict(response.json())

        return response_431

    if response.status_code == 500:
        response_500 = ErrorBody.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = ErrorBody.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ClaimedDeliveries | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ClaimRequest,
    x_request_id: str | Unset = UNSET,
) -> Response[ClaimedDeliveries | ErrorBody]:
    """Claim what is due

     Leases up to `limit` due deliveries of a provider to this worker, oldest due first, for
    `lease_seconds`.
    Nobody else gets them while the lease is open, however many claim at the same time. When nothing is
    due
    `data` is empty.

    - Hand `delivery_key` to the destination as its idempotency key.
    - Report under `execution_id`: that settles the lease.
    - Extend the lease when the work is slow, and release what you will not do.

    A claim whose answer was lost just runs out, and counts as a try then: ask for few at a time. So
    sending
    the request again after a `503` is safe. Only the key that claimed can extend and
    release; any key that may report can report under its `execution_id`.

    Needs the scope `delivery:write`.

    Args:
        x_request_id (str | Unset):
        body (ClaimRequest): How much a worker asks for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ClaimedDeliveries | ErrorBody]
    """

    kwargs = _get_kwargs(
        body=body,
        x_request_id=x_request_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ClaimRequest,
    x_request_id: str | Unset = UNSET,
) -> ClaimedDeliveries | ErrorBody | None:
    """Claim what is due

     Leases up to `limit` due deliveries of a provider to this worker, oldest due first, for
    `lease_seconds`.
    Nobody else gets them while the lease is open, however many claim at the same time. When nothing is
    due
    `data` is empty.

    - Hand `delivery_key` to the destination as its idempotency key.
    - Report under `execution_id`: that settles the lease.
    - Extend the lease when the work is slow, and release what you will not do.

    A claim whose answer was lost just runs out, and counts as a try then: ask for few at a time. So
    sending
    the request again after a `503` is safe. Only the key that claimed can extend and
    release; any key that may report can report under its `execution_id`.

    Needs the scope `delivery:write`.

    Args:
        x_request_id (str | Unset):
        body (ClaimRequest): How much a worker asks for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ClaimedDeliveries | ErrorBody
    """

    return sync_detailed(
        client=client,
        body=body,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ClaimRequest,
    x_request_id: str | Unset = UNSET,
) -> Response[ClaimedDeliveries | ErrorBody]:
    """Claim what is due

     Leases up to `limit` due deliveries of a provider to this worker, oldest due first, for
    `lease_seconds`.
    Nobody else gets them while the lease is open, however many claim at the same time. When nothing is
    due
    `data` is empty.

    - Hand `delivery_key` to the destination as its idempotency key.
    - Report under `execution_id`: that settles the lease.
    - Extend the lease when the work is slow, and release what you will not do.

    A claim whose answer was lost just runs out, and counts as a try then: ask for few at a time. So
    sending
    the request again after a `503` is safe. Only the key that claimed can extend and
    release; any key that may report can report under its `execution_id`.

    Needs the scope `delivery:write`.

    Args:
        x_request_id (str | Unset):
        body (ClaimRequest): How much a worker asks for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ClaimedDeliveries | ErrorBody]
    """

    kwargs = _get_kwargs(
        body=body,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ClaimRequest,
    x_request_id: str | Unset = UNSET,
) -> ClaimedDeliveries | ErrorBody | None:
    """Claim what is due

     Leases up to `limit` due deliveries of a provider to this worker, oldest due first, for
    `lease_seconds`.
    Nobody else gets them while the lease is open, however many claim at the same time. When nothing is
    due
    `data` is empty.

    - Hand `delivery_key` to the destination as its idempotency key.
    - Report under `execution_id`: that settles the lease.
    - Extend the lease when the work is slow, and release what you will not do.

    A claim whose answer was lost just runs out, and counts as a try then: ask for few at a time. So
    sending
    the request again after a `503` is safe. Only the key that claimed can extend and
    release; any key that may report can report under its `execution_id`.

    Needs the scope `delivery:write`.

    Args:
        x_request_id (str | Unset):
        body (ClaimRequest): How much a worker asks for.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ClaimedDeliveries | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            x_request_id=x_request_id,
        )
    ).parsed
