# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.audit_checkpoint import AuditCheckpoint
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    x_request_id: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_request_id, Unset):
        headers["x-request-id"] = x_request_id

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/v1/audit/checkpoint",
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> AuditCheckpoint | ErrorBody | None:
    if response.status_code == 200:
        response_200 = AuditCheckpoint.from_dict(response.json())

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
) -> Response[AuditCheckpoint | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    x_request_id: str | Unset = UNSET,
) -> Response[AuditCheckpoint | ErrorBody]:
    """Read the latest checkpoint of the audit history

     Every delivery attempt and every audit entry (who requeued what, what was done to keys) is an entry
    of one
    Merkle tree (RFC 6962) that only grows. While there is anything new, about once a minute, the server
    *seals* it: it signs a *checkpoint*, which says of the first `size` entries that together they hash
    to
    `root`. Of what was recorded after them it says nothing; the next one will.

    Keep checkpoints where nobody who can change the database can change them. Whoever has one can tell
    later
    whether any of its entries was changed, removed, added or put elsewhere: `numora-delivery audit
    verify
    --checkpoints FILE` builds the tree from the database again and holds it against those in the file.

    `note` says the same, signed. It is a *signed note*, whose lines are:

    1. the origin: the signing key's name;
    2. the size, in decimal;
    3. the root, in base64;
    4. when it was sealed, in UTC, to the microsecond;
    5. nothing: a blank line;
    6. the signature: an em dash, the key's name and, in base64, 4 bytes of the key's hash and the
    Ed25519
       signature of the first four lines, their line ends included.

    The public key alone verifies it, with `golang.org/x/mod/sumdb/note` or any other reader of signed
    notes.
    Get it from whoever runs the server, not from the server. The key of the example below, and of
    nothing
    else, is

        numora.example/delivery+3475330b+Aesan0+03tox7F1arFp44eSs1xoO8fo6TrOxPpehH1Da

    Needs the scope `delivery:read`.

    Args:
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditCheckpoint | ErrorBody]
    """

    kwargs = _get_kwargs(
        x_request_id=x_request_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    x_request_id: str | Unset = UNSET,
) -> AuditCheckpoint | ErrorBody | None:
    """Read the latest checkpoint of the audit history

     Every delivery attempt and every audit entry (who requeued what, what was done to keys) is an entry
    of one
    Merkle tree (RFC 6962) that only grows. While there is anything new, about once a minute, the server
    *seals* it: it signs a *checkpoint*, which says of the first `size` entries that together they hash
    to
    `root`. Of what was recorded after them it says nothing; the next one will.

    Keep checkpoints where nobody who can change the database can change them. Whoever has one can tell
    later
    whether any of its entries was changed, removed, added or put elsewhere: `numora-delivery audit
    verify
    --checkpoints FILE` builds the tree from the database again and holds it against those in the file.

    `note` says the same, signed. It is a *signed note*, whose lines are:

    1. the origin: the signing key's name;
    2. the size, in decimal;
    3. the root, in base64;
    4. when it was sealed, in UTC, to the microsecond;
    5. nothing: a blank line;
    6. the signature: an em dash, the key's name and, in base64, 4 bytes of the key's hash and the
    Ed25519
       signature of the first four lines, their line ends included.

    The public key alone verifies it, with `golang.org/x/mod/sumdb/note` or any other reader of signed
    notes.
    Get it from whoever runs the server, not from the server. The key of the example below, and of
    nothing
    else, is

        numora.example/delivery+3475330b+Aesan0+03tox7F1arFp44eSs1xoO8fo6TrOxPpehH1Da

    Needs the scope `delivery:read`.

    Args:
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditCheckpoint | ErrorBody
    """

    return sync_detailed(
        client=client,
        x_request_id=x_request_id,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    x_request_id: str | Unset = UNSET,
) -> Response[AuditCheckpoint | ErrorBody]:
    """Read the latest checkpoint of the audit history

     Every delivery attempt and every audit entry (who requeued what, what was done to keys) is an entry
    of one
    Merkle tree (RFC 6962) that only grows. While there is anything new, about once a minute, the server
    *seals* it: it signs a *checkpoint*, which says of the first `size` entries that together they hash
    to
    `root`. Of what was recorded after them it says nothing; the next one will.

    Keep checkpoints where nobody who can change the database can change them. Whoever has one can tell
    later
    whether any of its entries was changed, removed, added or put elsewhere: `numora-delivery audit
    verify
    --checkpoints FILE` builds the tree from the database again and holds it against those in the file.

    `note` says the same, signed. It is a *signed note*, whose lines are:

    1. the origin: the signing key's name;
    2. the size, in decimal;
    3. the root, in base64;
    4. when it was sealed, in UTC, to the microsecond;
    5. nothing: a blank line;
    6. the signature: an em dash, the key's name and, in base64, 4 bytes of the key's hash and the
    Ed25519
       signature of the first four lines, their line ends included.

    The public key alone verifies it, with `golang.org/x/mod/sumdb/note` or any other reader of signed
    notes.
    Get it from whoever runs the server, not from the server. The key of the example below, and of
    nothing
    else, is

        numora.example/delivery+3475330b+Aesan0+03tox7F1arFp44eSs1xoO8fo6TrOxPpehH1Da

    Needs the scope `delivery:read`.

    Args:
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuditCheckpoint | ErrorBody]
    """

    kwargs = _get_kwargs(
        x_request_id=x_request_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    x_request_id: str | Unset = UNSET,
) -> AuditCheckpoint | ErrorBody | None:
    """Read the latest checkpoint of the audit history

     Every delivery attempt and every audit entry (who requeued what, what was done to keys) is an entry
    of one
    Merkle tree (RFC 6962) that only grows. While there is anything new, about once a minute, the server
    *seals* it: it signs a *checkpoint*, which says of the first `size` entries that together they hash
    to
    `root`. Of what was recorded after them it says nothing; the next one will.

    Keep checkpoints where nobody who can change the database can change them. Whoever has one can tell
    later
    whether any of its entries was changed, removed, added or put elsewhere: `numora-delivery audit
    verify
    --checkpoints FILE` builds the tree from the database again and holds it against those in the file.

    `note` says the same, signed. It is a *signed note*, whose lines are:

    1. the origin: the signing key's name;
    2. the size, in decimal;
    3. the root, in base64;
    4. when it was sealed, in UTC, to the microsecond;
    5. nothing: a blank line;
    6. the signature: an em dash, the key's name and, in base64, 4 bytes of the key's hash and the
    Ed25519
       signature of the first four lines, their line ends included.

    The public key alone verifies it, with `golang.org/x/mod/sumdb/note` or any other reader of signed
    notes.
    Get it from whoever runs the server, not from the server. The key of the example below, and of
    nothing
    else, is

        numora.example/delivery+3475330b+Aesan0+03tox7F1arFp44eSs1xoO8fo6TrOxPpehH1Da

    Needs the scope `delivery:read`.

    Args:
        x_request_id (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuditCheckpoint | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            x_request_id=x_request_id,
        )
    ).parsed
