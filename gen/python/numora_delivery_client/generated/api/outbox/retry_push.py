# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.delivery import Delivery
from ...models.error_body import ErrorBody
from ...models.retry_push import RetryPush
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: str,
    *,
    body: RetryPush,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/documents/{id}/actions/retry-push".format(
            id=quote(str(id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(*, client: AuthenticatedClient | Client, response: httpx.Response) -> Delivery | ErrorBody | None:
    if response.status_code == 200:
        response_200 = Delivery.from_dict(response.json())

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


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Delivery | ErrorBody]:
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
    body: RetryPush,
    x_request_id: str | Unset = UNSET,
) -> Response[Delivery | ErrorBody]:
    """Requeue a delivery by hand

     Puts a failed or exhausted delivery back into the outbox, due at once when its document is reviewed,
    else
    as soon as it is. It starts anew: with no tries, under a new `delivery_key`. What was delivered or
    skipped
    is delivered again only with `force: true`. For a delivery that is due already nothing is recorded.

    Who ordered it, when and why is kept, and shown as `requeued`. After a `503` with `outcome_unknown`
    look at
    `requeued` before you send `force: true` again: the delivery may have been delivered since.

    Needs the scope `delivery:requeue`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (RetryPush): Which delivery is to be requeued, and why.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Delivery | ErrorBody]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
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
    body: RetryPush,
    x_request_id: str | Unset = UNSET,
) -> Delivery | ErrorBody | None:
    """Requeue a delivery by hand

     Puts a failed or exhausted delivery back into the outbox, due at once when its document is reviewed,
    else
    as soon as it is. It starts anew: with no tries, under a new `delivery_key`. What was delivered or
    skipped
    is delivered again only with `force: true`. For a delivery that is due already nothing is recorded.

    Who ordered it, when and why is kept, and shown as `requeued`. After a `503` with `outcome_unknown`
    look at
    `requeued` before you send `force: true` again: the delivery may have been delivered since.

    Needs the scope `delivery:requeue`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (RetryPush): Which delivery is to be requeued, and why.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Delivery | ErrorBody
    """

    return sync_detailed(
        id=id,
        client=client,
        body=body,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: RetryPush,
    x_request_id: str | Unset = UNSET,
) -> Response[Delivery | ErrorBody]:
    """Requeue a delivery by hand

     Puts a failed or exhausted delivery back into the outbox, due at once when its document is reviewed,
    else
    as soon as it is. It starts anew: with no tries, under a new `delivery_key`. What was delivered or
    skipped
    is delivered again only with `force: true`. For a delivery that is due already nothing is recorded.

    Who ordered it, when and why is kept, and shown as `requeued`. After a `503` with `outcome_unknown`
    look at
    `requeued` before you send `force: true` again: the delivery may have been delivered since.

    Needs the scope `delivery:requeue`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (RetryPush): Which delivery is to be requeued, and why.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Delivery | ErrorBody]
    """

    kwargs = _get_kwargs(
        id=id,
        body=body,
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    id: str,
    *,
    client: AuthenticatedClient | Client,
    body: RetryPush,
    x_request_id: str | Unset = UNSET,
) -> Delivery | ErrorBody | None:
    """Requeue a delivery by hand

     Puts a failed or exhausted delivery back into the outbox, due at once when its document is reviewed,
    else
    as soon as it is. It starts anew: with no tries, under a new `delivery_key`. What was delivered or
    skipped
    is delivered again only with `force: true`. For a delivery that is due already nothing is recorded.

    Who ordered it, when and why is kept, and shown as `requeued`. After a `503` with `outcome_unknown`
    look at
    `requeued` before you send `force: true` again: the delivery may have been delivered since.

    Needs the scope `delivery:requeue`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (RetryPush): Which delivery is to be requeued, and why.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Delivery | ErrorBody
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
            x_request_id=x_request_id,
        )
    ).parsed
