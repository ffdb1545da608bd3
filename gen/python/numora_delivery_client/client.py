# Copied from openapi/sdk/python/layer/client.py. Edit it there.

"""What a worker does, in one call each."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

import httpx

from .errors import strange
from .generated.api.deliveries import list_delivery_attempts, list_document_delivery, record_delivery
from .generated.api.documents import get_document, put_document
from .generated.api.outbox import (
    claim_deliveries,
    extend_claim,
    list_deliveries,
    list_outbox,
    release_claim,
    retry_push,
)
from .generated.client import AuthenticatedClient
from .generated.models import (
    Claim,
    ClaimedDeliveries,
    ClaimedDelivery,
    ClaimRequest,
    Delivery,
    DeliveryAttempt,
    DeliveryAttemptPage,
    DeliveryPage,
    DeliveryState,
    DeliveryStatus,
    Document,
    DocumentRegistration,
    FailedReport,
    LeaseExtension,
    OutboxItem,
    OutboxPage,
    RetryPush,
    SkippedReport,
    SucceededReport,
)
from .generated.types import UNSET, Unset
from .transport import Retry, RetryingTransport
from .version import __version__

DeliveryReport = SucceededReport | FailedReport | SkippedReport

T = TypeVar("T")


class Recorded(NamedTuple):
    """The attempt that a report became. replayed: it had been recorded before, and nothing was written now."""

    attempt: DeliveryAttempt
    replayed: bool


class _Page(Protocol[T]):
    data: list[T]
    next_cursor: str | None


class DeliveryClient:
    """Calls one server with one key. Any number of threads may share it; close it, or use it in a with statement.

    Each call is answered, or raises DeliveryError; until its deadline it is resent as RetryingTransport says. No wait is
    begun for longer than what is left of the deadline. Only what is one step with many waits can take longer: looking up
    the host's name, trying all of its addresses, and reading a status line and headers that arrive in pieces.

    Arguments that cannot be sent, such as an instant without a zone, are a ValueError, and so are settings that make no
    sense.

    base_url       where the server is, http or https; without a user and a password
    api_key        white space around it is cut off
    deadline       seconds that one call may take, with all its tries and pauses; a page of a list is a call
    longest_pause  seconds between two tries at most, unless the server asks for more
    try_timeout    seconds that one try may take; it is lost, too, when its body stalls for a quarter of what is left
    http           sends single tries: your own httpx.Client, for a proxy, certificates or tests. It is not closed here
    on_retry       told of each retry before its pause; nothing is logged or printed otherwise

    generated is the generated client, for operations that have no method here: the functions in
    numora_delivery_client.generated.api take it as client. Their synchronous variants retry and raise as all here do.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        deadline: float = 60.0,
        longest_pause: float = 10.0,
        try_timeout: float = 15.0,
        http: httpx.Client | None = None,
        on_retry: Callable[[Retry], None] | None = None,
    ) -> None:
        self._api_key = api_key.strip()
        if not re.fullmatch("[!-~]+", self._api_key):
            raise ValueError("the API key is empty, or has characters that no key has")
        _check_base_url(base_url)
        for name, seconds in ("deadline", deadline), ("longest_pause", longest_pause), ("try_timeout", try_timeout):
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} is not a positive number of seconds: {seconds}")
        transport = RetryingTransport(
            http,
            self._api_key,
            deadline=deadline,
            longest_pause=longest_pause,
            try_timeout=try_timeout,
            on_retry=on_retry,
        )
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "User-Agent": f"numora-delivery-client-python/{__version__}",
        }
        self._http = httpx.Client(base_url=base_url, headers=headers, transport=transport)
        self.generated = AuthenticatedClient(base_url, self._api_key).set_httpx_client(self._http)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> DeliveryClient:  # noqa: PYI034 -- Python 3.10 has no Self
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def record(self, document_id: str, report: DeliveryReport) -> Recorded:
        """Records what came of a try to deliver the document. Whoever is not sure that it arrived sends it again, as it
        is: the same execution_id and data are a replay; other data under it are a DeliveryError with code "conflict".
        """
        answer = self._send(record_delivery._get_kwargs(document_id, body=report))
        return Recorded(self._parsed(answer, DeliveryAttempt.from_dict), replayed=answer.status_code == 200)

    def get_document(self, document_id: str) -> Document:
        """The document with its push status and its deliveries."""
        return self._call(Document.from_dict, get_document._get_kwargs(document_id))

    def put_document(self, document_id: str, registration: DocumentRegistration) -> Document:
        """Registers the document, or replaces what was registered; providers that are left out stay as they are."""
        return self._call(Document.from_dict, put_document._get_kwargs(document_id, body=registration))

    def document_attempts(
        self,
        document_id: str,
        *,
        provider: str | None = None,
        status: DeliveryStatus | None = None,
        execution_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        page_size: int = 100,
    ) -> Iterator[DeliveryAttempt]:
        """All attempts to deliver the document, newest recorded first; each page is asked for when it is needed."""
        return self._pages(
            DeliveryAttemptPage.from_dict,
            lambda cursor: list_document_delivery._get_kwargs(
                document_id,
                provider=_given(provider),
                status=_given(status),
                execution_id=_given(execution_id),
                since=_given(since),
                until=_given(until),
                limit=page_size,
                cursor=cursor,
            ),
        )

    def attempts(
        self,
        *,
        document_id: str | None = None,
        provider: str | None = None,
        status: DeliveryStatus | None = None,
        execution_id: str | None = None,
        external_record_id: str | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        page_size: int = 100,
    ) -> Iterator[DeliveryAttempt]:
        """All attempts across documents, newest recorded first; each page is asked for when it is needed."""
        return self._pages(
            DeliveryAttemptPage.from_dict,
            lambda cursor: list_delivery_attempts._get_kwargs(
                document_id=_given(document_id),
                provider=_given(provider),
                status=_given(status),
                execution_id=_given(execution_id),
                external_record_id=_given(external_record_id),
                error_code=_given(error_code),
                request_id=_given(request_id),
                since=_given(since),
                until=_given(until),
                limit=page_size,
                cursor=cursor,
            ),
        )

    def outbox(self, provider: str, *, page_size: int = 100) -> Iterator[OutboxItem]:
        """What is due for a provider, oldest due first. Looking claims nothing."""
        return self._pages(
            OutboxPage.from_dict,
            lambda cursor: list_outbox._get_kwargs(provider=provider, limit=page_size, cursor=cursor),
        )

    def deliveries(
        self,
        *,
        provider: str | None = None,
        state: DeliveryState | None = None,
        external_id: str | None = None,
        page_size: int = 100,
    ) -> Iterator[Delivery]:
        """All deliveries, last updated first. One that is updated meanwhile moves to the front."""
        return self._pages(
            DeliveryPage.from_dict,
            lambda cursor: list_deliveries._get_kwargs(
                provider=_given(provider),
                state=_given(state),
                external_id=_given(external_id),
                limit=page_size,
                cursor=cursor,
            ),
        )

    def claim(
        self, provider: str, *, limit: int = 1, lease_seconds: int = 300, worker: str | None = None
    ) -> list[ClaimedDelivery]:
        """Leases up to limit due deliveries to this key; an empty list when nothing is due.

        It is not resent where its answer may be lost, but raises: a lease that nobody knows of runs out by itself, and
        counts as a try. So claim few at a time, and claim again.
        """
        body = ClaimRequest(provider, limit=limit, lease_seconds=lease_seconds, worker=worker)
        return self._call(ClaimedDeliveries.from_dict, claim_deliveries._get_kwargs(body=body)).data

    def extend(self, execution_id: str, *, lease_seconds: int = 300) -> Claim:
        """Sets the end of a lease to so many seconds from now. One that is over is a DeliveryError, "claim_over"."""
        body = LeaseExtension(lease_seconds=lease_seconds)
        return self._call(Claim.from_dict, extend_claim._get_kwargs(execution_id, body=body))

    def release(self, execution_id: str) -> Claim:
        """Gives a lease back, which counts as no try."""
        return self._call(Claim.from_dict, release_claim._get_kwargs(execution_id))

    def retry_push(
        self, document_id: str, provider: str, *, reason: str | None = None, force: bool = False
    ) -> Delivery:
        """Puts a failed or exhausted delivery back into the outbox; with force also one that was delivered or skipped.

        With force it is not resent where its answer may be lost, but raises: look at the delivery's requeued first.
        """
        body = RetryPush(provider, reason=reason, force=force)
        return self._call(Delivery.from_dict, retry_push._get_kwargs(document_id, body=body))

    def _call(self, parse: Callable[[dict[str, Any]], T], request: dict[str, Any]) -> T:
        return self._parsed(self._send(request), parse)

    def _send(self, request: dict[str, Any]) -> httpx.Response:
        return self._http.request(**request)

    def _parsed(self, answer: httpx.Response, parse: Callable[[dict[str, Any]], T]) -> T:
        try:
            return parse(answer.json())
        except (AttributeError, KeyError, TypeError, ValueError) as wrong:
            raise strange(answer, self._api_key, "is not what the contract says") from wrong

    def _pages(
        self, parse: Callable[[dict[str, Any]], _Page[T]], request: Callable[[str | Unset], dict[str, Any]]
    ) -> Iterator[T]:
        cursor: str | Unset | None = UNSET
        while cursor is not None:
            page = self._call(parse, request(cursor))
            yield from page.data
            cursor = page.next_cursor


def _check_base_url(base_url: str) -> None:
    """Repeats nothing of it: there may be a password in it."""
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        raise ValueError("the base URL is no URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the base URL has to begin with http:// or https:// and a host")
    if url.userinfo:
        raise ValueError("the base URL must have no user and no password: the API key is all that is sent")


def _given(value: T | None) -> T | Unset:
    return UNSET if value is None else value
