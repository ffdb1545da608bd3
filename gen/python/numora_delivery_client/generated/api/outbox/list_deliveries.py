# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.delivery_page import DeliveryPage
from ...models.delivery_state import DeliveryState
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    provider: str | Unset = UNSET,
    state: DeliveryState | Unset = UNSET,
    external_id: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    params: dict[str, Any] = {}

    params["provider"] = provider

    json_state: str | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = state

    params["state"] = json_state

    params["external_id"] = external_id

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/deliveries",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeliveryPage | ErrorBody | None:
    if response.status_code == 200:
        response_200 = DeliveryPage.from_dict(response.json())

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
) -> Response[DeliveryPage | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    state: DeliveryState | Unset = UNSET,
    external_id: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryPage | ErrorBody]:
    """List deliveries across documents

     All deliveries, last updated first: "what is stuck". Filters combine with "and". Deliveries to
    retired
    providers are left out. To read on, send `next_cursor` back as `cursor` with the same filters; a
    delivery
    that is updated meanwhile moves to the front.

    Needs the scope `delivery:read`.

    Args:
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        state (DeliveryState | Unset): `pending`: a lease is open, a worker is at it; else
            `succeeded`, `skipped`, `failed`: what the latest attempt
            says; `exhausted`: its tries are used up; `ready`: nothing attempted yet. All since the
            last requeue.
        external_id (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        provider=provider,
        state=state,
        external_id=external_id,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    state: DeliveryState | Unset = UNSET,
    external_id: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> DeliveryPage | ErrorBody | None:
    """List deliveries across documents

     All deliveries, last updated first: "what is stuck". Filters combine with "and". Deliveries to
    retired
    providers are left out. To read on, send `next_cursor` back as `cursor` with the same filters; a
    delivery
    that is updated meanwhile moves to the front.

    Needs the scope `delivery:read`.

    Args:
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        state (DeliveryState | Unset): `pending`: a lease is open, a worker is at it; else
            `succeeded`, `skipped`, `failed`: what the latest attempt
            says; `exhausted`: its tries are used up; `ready`: nothing attempted yet. All since the
            last requeue.
        external_id (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryPage | ErrorBody
    """

    return sync_detailed(
        client=client,
        provider=provider,
        state=state,
        external_id=external_id,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    state: DeliveryState | Unset = UNSET,
    external_id: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryPage | ErrorBody]:
    """List deliveries across documents

     All deliveries, last updated first: "what is stuck". Filters combine with "and". Deliveries to
    retired
    providers are left out. To read on, send `next_cursor` back as `cursor` with the same filters; a
    delivery
    that is updated meanwhile moves to the front.

    Needs the scope `delivery:read`.

    Args:
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        state (DeliveryState | Unset): `pending`: a lease is open, a worker is at it; else
            `succeeded`, `skipped`, `failed`: what the latest attempt
            says; `exhausted`: its tries are used up; `ready`: nothing attempted yet. All since the
            last requeue.
        external_id (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        provider=provider,
        state=state,
        external_id=external_id,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    state: DeliveryState | Unset = UNSET,
    external_id: str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> DeliveryPage | ErrorBody | None:
    """List deliveries across documents

     All deliveries, last updated first: "what is stuck". Filters combine with "and". Deliveries to
    retired
    providers are left out. To read on, send `next_cursor` back as `cursor` with the same filters; a
    delivery
    that is updated meanwhile moves to the front.

    Needs the scope `delivery:read`.

    Args:
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        state (DeliveryState | Unset): `pending`: a lease is open, a worker is at it; else
            `succeeded`, `skipped`, `failed`: what the latest attempt
            says; `exhausted`: its tries are used up; `ready`: nothing attempted yet. All since the
            last requeue.
        external_id (str | Unset):
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryPage | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            provider=provider,
            state=state,
            external_id=external_id,
            limit=limit,
            cursor=cursor,
            x_request_id=x_request_id,
        )
    ).parsed
