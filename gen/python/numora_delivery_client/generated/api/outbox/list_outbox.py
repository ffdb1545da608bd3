# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...models.outbox_page import OutboxPage
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    provider: str,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    params: dict[str, Any] = {}

    params["provider"] = provider

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/delivery/outbox",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> ErrorBody | OutboxPage | None:
    if response.status_code == 200:
        response_200 = OutboxPage.from_dict(response.json())

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
) -> Response[ErrorBody | OutboxPage]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    provider: str,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[ErrorBody | OutboxPage]:
    """List what is due

     What is due for a provider now, oldest due first. **Listing claims nothing**: two workers that list
    see the
    same. To work on it, claim it. A provider that the server's settings do not name has nothing due. To
    read
    on, send `next_cursor` back as `cursor` with the same provider; what is claimed or settled meanwhile
    is
    left out.

    Needs the scope `delivery:read`.

    Args:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | OutboxPage]
    """

    kwargs = _get_kwargs(
        provider=provider,
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
    provider: str,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> ErrorBody | OutboxPage | None:
    """List what is due

     What is due for a provider now, oldest due first. **Listing claims nothing**: two workers that list
    see the
    same. To work on it, claim it. A provider that the server's settings do not name has nothing due. To
    read
    on, send `next_cursor` back as `cursor` with the same provider; what is claimed or settled meanwhile
    is
    left out.

    Needs the scope `delivery:read`.

    Args:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | OutboxPage
    """

    return sync_detailed(
        client=client,
        provider=provider,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    provider: str,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[ErrorBody | OutboxPage]:
    """List what is due

     What is due for a provider now, oldest due first. **Listing claims nothing**: two workers that list
    see the
    same. To work on it, claim it. A provider that the server's settings do not name has nothing due. To
    read
    on, send `next_cursor` back as `cursor` with the same provider; what is claimed or settled meanwhile
    is
    left out.

    Needs the scope `delivery:read`.

    Args:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | OutboxPage]
    """

    kwargs = _get_kwargs(
        provider=provider,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    provider: str,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> ErrorBody | OutboxPage | None:
    """List what is due

     What is due for a provider now, oldest due first. **Listing claims nothing**: two workers that list
    see the
    same. To work on it, claim it. A provider that the server's settings do not name has nothing due. To
    read
    on, send `next_cursor` back as `cursor` with the same provider; what is claimed or settled meanwhile
    is
    left out.

    Needs the scope `delivery:read`.

    Args:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | OutboxPage
    """

    return (
        await asyncio_detailed(
            client=client,
            provider=provider,
            limit=limit,
            cursor=cursor,
            x_request_id=x_request_id,
        )
    ).parsed
