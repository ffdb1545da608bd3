# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ....instants import instant_text
from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.delivery_attempt_page import DeliveryAttemptPage
from ...models.delivery_status import DeliveryStatus
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: str,
    *,
    provider: str | Unset = UNSET,
    status: DeliveryStatus | Unset = UNSET,
    execution_id: str | Unset = UNSET,
    since: datetime.datetime | str | Unset = UNSET,
    until: datetime.datetime | str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    params: dict[str, Any] = {}

    params["provider"] = provider

    json_status: str | Unset = UNSET
    if not isinstance(status, Unset):
        json_status = status

    params["status"] = json_status

    params["execution_id"] = execution_id

    json_since: str | Unset
    if isinstance(since, Unset):
        json_since = UNSET
    elif isinstance(since, datetime.datetime):
        json_since = instant_text(since)
    else:
        json_since = since
    params["since"] = json_since

    json_until: str | Unset
    if isinstance(until, Unset):
        json_until = UNSET
    elif isinstance(until, datetime.datetime):
        json_until = instant_text(until)
    else:
        json_until = until
    params["until"] = json_until

    params["limit"] = limit

    params["cursor"] = cursor

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/documents/{id}/delivery".format(
            id=quote(str(id), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeliveryAttemptPage | ErrorBody | None:
    if response.status_code == 200:
        response_200 = DeliveryAttemptPage.from_dict(response.json())

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

    if response.status_code == 404:
        response_404 = ErrorBody.from_dict(response.json())

        return response_404

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
) -> Response[DeliveryAttemptPage | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    status: DeliveryStatus | Unset = UNSET,
    execution_id: str | Unset = UNSET,
    since: datetime.datetime | str | Unset = UNSET,
    until: datetime.datetime | str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryAttemptPage | ErrorBody]:
    """List a document's delivery attempts

     The audit history of one document, newest *recorded* first. Filters combine with "and". To read on,
    send `next_cursor` back as `cursor` with the same filters; paging is stable while new attempts
    arrive.

    Needs the scope `delivery:read`.

    Args:
        id (str): The document's id.
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        status (DeliveryStatus | Unset): What happened.
        execution_id (str | Unset): Names one delivery attempt, across all documents and
            providers. 1 to 255 printable ASCII characters
            without space; compared byte for byte.
        since (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        until (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryAttemptPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        id=id,
        provider=provider,
        status=status,
        execution_id=execution_id,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    status: DeliveryStatus | Unset = UNSET,
    execution_id: str | Unset = UNSET,
    since: datetime.datetime | str | Unset = UNSET,
    until: datetime.datetime | str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> DeliveryAttemptPage | ErrorBody | None:
    """List a document's delivery attempts

     The audit history of one document, newest *recorded* first. Filters combine with "and". To read on,
    send `next_cursor` back as `cursor` with the same filters; paging is stable while new attempts
    arrive.

    Needs the scope `delivery:read`.

    Args:
        id (str): The document's id.
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        status (DeliveryStatus | Unset): What happened.
        execution_id (str | Unset): Names one delivery attempt, across all documents and
            providers. 1 to 255 printable ASCII characters
            without space; compared byte for byte.
        since (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        until (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryAttemptPage | ErrorBody
    """

    return sync_detailed(
        id=id,
        client=client,
        provider=provider,
        status=status,
        execution_id=execution_id,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    status: DeliveryStatus | Unset = UNSET,
    execution_id: str | Unset = UNSET,
    since: datetime.datetime | str | Unset = UNSET,
    until: datetime.datetime | str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryAttemptPage | ErrorBody]:
    """List a document's delivery attempts

     The audit history of one document, newest *recorded* first. Filters combine with "and". To read on,
    send `next_cursor` back as `cursor` with the same filters; paging is stable while new attempts
    arrive.

    Needs the scope `delivery:read`.

    Args:
        id (str): The document's id.
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        status (DeliveryStatus | Unset): What happened.
        execution_id (str | Unset): Names one delivery attempt, across all documents and
            providers. 1 to 255 printable ASCII characters
            without space; compared byte for byte.
        since (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        until (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryAttemptPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        id=id,
        provider=provider,
        status=status,
        execution_id=execution_id,
        since=since,
        until=until,
        limit=limit,
        cursor=cursor,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    provider: str | Unset = UNSET,
    status: DeliveryStatus | Unset = UNSET,
    execution_id: str | Unset = UNSET,
    since: datetime.datetime | str | Unset = UNSET,
    until: datetime.datetime | str | Unset = UNSET,
    limit: int | Unset = 20,
    cursor: str | Unset = UNSET,
    x_request_id: str | Unset = UNSET,
) -> DeliveryAttemptPage | ErrorBody | None:
    """List a document's delivery attempts

     The audit history of one document, newest *recorded* first. Filters combine with "and". To read on,
    send `next_cursor` back as `cursor` with the same filters; paging is stable while new attempts
    arrive.

    Needs the scope `delivery:read`.

    Args:
        id (str): The document's id.
        provider (str | Unset): The downstream system. Any name of this alphabet is accepted.
        status (DeliveryStatus | Unset): What happened.
        execution_id (str | Unset): Names one delivery attempt, across all documents and
            providers. 1 to 255 printable ASCII characters
            without space; compared byte for byte.
        since (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        until (datetime.datetime | str | Unset): An instant, RFC 3339 with a zone.
        limit (int | Unset):  Default: 20.
        cursor (str | Unset):
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryAttemptPage | ErrorBody
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            provider=provider,
            status=status,
            execution_id=execution_id,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
            x_request_id=x_request_id,
        )
    ).parsed
