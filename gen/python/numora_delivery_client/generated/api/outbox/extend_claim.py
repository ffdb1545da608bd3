# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.claim import Claim
from ...models.error_body import ErrorBody
from ...models.lease_extension import LeaseExtension
from ...types import UNSET, Response, Unset


def _get_kwargs(
    execution_id: str,
    *,
    body: LeaseExtension,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/delivery/claims/{execution_id}/extend".format(
            execution_id=quote(str(execution_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Claim | ErrorBody | None:
    if response.status_code == 200:
        response_200 = Claim.from_dict(response.json())

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

    if response.status_code == 409:
        response_409 = ErrorBody.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ErrorBody.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = ErrorBody.from_dict(response.json())

        return response_415

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


def _build_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Response[Claim | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    execution_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LeaseExtension,
    x_request_id: str | Unset = UNSET,
) -> Response[Claim | ErrorBody]:
    """Prolong a lease

     Sets the end of a lease that this key holds to `lease_seconds` from now. Call it well before the
    lease runs
    out; one that is over can't be had back (`409 claim_over`), for somebody else may have it by now.

    Needs the scope `delivery:write`.

    Args:
        execution_id (str): Names this claim; what became of it is reported under this execution
            id.
        x_request_id (str | Unset):
        body (LeaseExtension): How long a lease goes on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Claim | ErrorBody]
    """

    kwargs = _get_kwargs(
        execution_id=execution_id,
        body=body,
        x_request_id=x_request_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    execution_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LeaseExtension,
    x_request_id: str | Unset = UNSET,
) -> Claim | ErrorBody | None:
    """Prolong a lease

     Sets the end of a lease that this key holds to `lease_seconds` from now. Call it well before the
    lease runs
    out; one that is over can't be had back (`409 claim_over`), for somebody else may have it by now.

    Needs the scope `delivery:write`.

    Args:
        execution_id (str): Names this claim; what became of it is reported under this execution
            id.
        x_request_id (str | Unset):
        body (LeaseExtension): How long a lease goes on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Claim | ErrorBody
    """

    return sync_detailed(
        execution_id=execution_id,
        client=client,
        body=body,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    execution_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LeaseExtension,
    x_request_id: str | Unset = UNSET,
) -> Response[Claim | ErrorBody]:
    """Prolong a lease

     Sets the end of a lease that this key holds to `lease_seconds` from now. Call it well before the
    lease runs
    out; one that is over can't be had back (`409 claim_over`), for somebody else may have it by now.

    Needs the scope `delivery:write`.

    Args:
        execution_id (str): Names this claim; what became of it is reported under this execution
            id.
        x_request_id (str | Unset):
        body (LeaseExtension): How long a lease goes on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Claim | ErrorBody]
    """

    kwargs = _get_kwargs(
        execution_id=execution_id,
        body=body,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    execution_id: str,
    *,
    client: AuthenticatedClient | Client,
    body: LeaseExtension,
    x_request_id: str | Unset = UNSET,
) -> Claim | ErrorBody | None:
    """Prolong a lease

     Sets the end of a lease that this key holds to `lease_seconds` from now. Call it well before the
    lease runs
    out; one that is over can't be had back (`409 claim_over`), for somebody else may have it by now.

    Needs the scope `delivery:write`.

    Args:
        execution_id (str): Names this claim; what became of it is reported under this execution
            id.
        x_request_id (str | Unset):
        body (LeaseExtension): How long a lease goes on.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Claim | ErrorBody
    """

    return (
        await asyncio_detailed(
            execution_id=execution_id,
            client=client,
            body=body,
            x_request_id=x_request_id,
        )
    ).parsed
