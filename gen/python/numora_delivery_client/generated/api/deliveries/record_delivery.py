# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.delivery_attempt import DeliveryAttempt
from ...models.error_body import ErrorBody
from ...models.failed_report import FailedReport
from ...models.skipped_report import SkippedReport
from ...models.succeeded_report import SucceededReport
from ...types import UNSET, Response, Unset


def _get_kwargs(
    id: str,
    *,
    body: FailedReport | SkippedReport | SucceededReport,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/v1/documents/{id}/delivery".format(
            id=quote(str(id), safe=""),
        ),
    }

    if isinstance(body, SucceededReport):
        _kwargs["json"] = body.to_dict()
    elif isinstance(body, FailedReport):
        _kwargs["json"] = body.to_dict()
    else:
        _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeliveryAttempt | ErrorBody | None:
    if response.status_code == 200:
        response_200 = DeliveryAttempt.from_dict(response.json())

        return response_200

    if response.status_code == 201:
        response_201 = DeliveryAttempt.from_dict(response.json())

        return response_201

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
) -> Response[DeliveryAttempt | ErrorBody]:
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
    body: FailedReport | SkippedReport | SucceededReport,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryAttempt | ErrorBody]:
    """Record a delivery report

     Records what happened when your worker tried to bring this document to a downstream system. Use it
    only when your worker performed the write itself; never in a Numora-managed `dispatch` set-up.

    - `succeeded`: the destination took it; `external_record_id` is required.
    - `failed`: the destination refused it or could not be reached.
    - `skipped`: the worker completed on purpose without creating records, for example because a
      supplier lookup found no match. For the push status it counts like a success.

    Send the report again whenever you are unsure whether it arrived: the same `execution_id` with the
    same data is answered `200` with the original attempt. The same id with other data is `409`. A
    report is recorded whatever state the document is in, and whichever provider it names: a provider
    that the document did not have yet is added to its deliveries. Under the `execution_id` that a claim
    of
    this delivery handed out it settles the lease, and it is recorded even when that is over.

    Needs the scope `delivery:write`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (FailedReport | SkippedReport | SucceededReport): What happened when a worker tried
            to deliver a document. `status` decides which fields are required.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryAttempt | ErrorBody]
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
    body: FailedReport | SkippedReport | SucceededReport,
    x_request_id: str | Unset = UNSET,
) -> DeliveryAttempt | ErrorBody | None:
    """Record a delivery report

     Records what happened when your worker tried to bring this document to a downstream system. Use it
    only when your worker performed the write itself; never in a Numora-managed `dispatch` set-up.

    - `succeeded`: the destination took it; `external_record_id` is required.
    - `failed`: the destination refused it or could not be reached.
    - `skipped`: the worker completed on purpose without creating records, for example because a
      supplier lookup found no match. For the push status it counts like a success.

    Send the report again whenever you are unsure whether it arrived: the same `execution_id` with the
    same data is answered `200` with the original attempt. The same id with other data is `409`. A
    report is recorded whatever state the document is in, and whichever provider it names: a provider
    that the document did not have yet is added to its deliveries. Under the `execution_id` that a claim
    of
    this delivery handed out it settles the lease, and it is recorded even when that is over.

    Needs the scope `delivery:write`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (FailedReport | SkippedReport | SucceededReport): What happened when a worker tried
            to deliver a document. `status` decides which fields are required.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryAttempt | ErrorBody
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
    body: FailedReport | SkippedReport | SucceededReport,
    x_request_id: str | Unset = UNSET,
) -> Response[DeliveryAttempt | ErrorBody]:
    """Record a delivery report

     Records what happened when your worker tried to bring this document to a downstream system. Use it
    only when your worker performed the write itself; never in a Numora-managed `dispatch` set-up.

    - `succeeded`: the destination took it; `external_record_id` is required.
    - `failed`: the destination refused it or could not be reached.
    - `skipped`: the worker completed on purpose without creating records, for example because a
      supplier lookup found no match. For the push status it counts like a success.

    Send the report again whenever you are unsure whether it arrived: the same `execution_id` with the
    same data is answered `200` with the original attempt. The same id with other data is `409`. A
    report is recorded whatever state the document is in, and whichever provider it names: a provider
    that the document did not have yet is added to its deliveries. Under the `execution_id` that a claim
    of
    this delivery handed out it settles the lease, and it is recorded even when that is over.

    Needs the scope `delivery:write`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (FailedReport | SkippedReport | SucceededReport): What happened when a worker tried
            to deliver a document. `status` decides which fields are required.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeliveryAttempt | ErrorBody]
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
    body: FailedReport | SkippedReport | SucceededReport,
    x_request_id: str | Unset = UNSET,
) -> DeliveryAttempt | ErrorBody | None:
    """Record a delivery report

     Records what happened when your worker tried to bring this document to a downstream system. Use it
    only when your worker performed the write itself; never in a Numora-managed `dispatch` set-up.

    - `succeeded`: the destination took it; `external_record_id` is required.
    - `failed`: the destination refused it or could not be reached.
    - `skipped`: the worker completed on purpose without creating records, for example because a
      supplier lookup found no match. For the push status it counts like a success.

    Send the report again whenever you are unsure whether it arrived: the same `execution_id` with the
    same data is answered `200` with the original attempt. The same id with other data is `409`. A
    report is recorded whatever state the document is in, and whichever provider it names: a provider
    that the document did not have yet is added to its deliveries. Under the `execution_id` that a claim
    of
    this delivery handed out it settles the lease, and it is recorded even when that is over.

    Needs the scope `delivery:write`.

    Args:
        id (str): The document's id.
        x_request_id (str | Unset):
        body (FailedReport | SkippedReport | SucceededReport): What happened when a worker tried
            to deliver a document. `status` decides which fields are required.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeliveryAttempt | ErrorBody
    """

    return (
        await asyncio_detailed(
            id=id,
            client=client,
            body=body,
            x_request_id=x_request_id,
        )
    ).parsed
