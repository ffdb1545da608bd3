"""The one error of this client, and how an answer becomes one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .generated.models import ErrorBody, ErrorCode, ErrorDetail, ErrorOutcome
from .generated.types import Unset

_LONGEST_QUOTE = 200  # characters of a strange answer that a message repeats
_SHORTEST_SECRET = 8  # characters; a shorter key is no secret, and cutting it out would mangle words


class DeliveryError(Exception):
    """A call that did not succeed: it was refused, the answer was none of this API's, or there was no answer.

    status      the HTTP status; None when nothing was answered. The cause is in __cause__ then
    code        the contract's word for the error; None when the answer is none of this API's. A newer server may
                have words that ErrorCode does not list
    message     one sentence that a person can act on
    details     what is wrong with which field, where that can be said
    request_id  names the request in the server's log
    outcome     on 503: "not_executed", the request certainly had no effect, or "outcome_unknown", it may have had one
    retry_after seconds that the server asks to wait before the next try
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: ErrorCode | None = None,
        details: Sequence[ErrorDetail] = (),
        request_id: str | None = None,
        outcome: ErrorOutcome | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = list(details)
        self.request_id = request_id
        self.outcome = outcome
        self.retry_after = retry_after

    def __str__(self) -> str:
        known = [str(word) for word in (self.status, self.code) if word is not None]
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{' '.join(known)}{': ' if known else ''}{self.message}{request}"


def error_of(answer: httpx.Response, api_key: str) -> DeliveryError | None:
    """What is wrong with an answer; None when it is a success with JSON. The key is cut out of whatever it repeats."""
    body = _json_object(answer)
    if answer.is_success:
        return None if body is not None else strange(answer, api_key, "is not JSON")
    try:
        body = _cut_out(api_key, body or {})
        for optional in "details", "outcome":
            if body["error"].get(optional, ...) is None:  # null says as little as nothing
                del body["error"][optional]
        error = ErrorBody.from_dict(body).error
        if not isinstance(error.code, str) or not isinstance(error.message, str):
            raise TypeError
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return strange(answer, api_key, "is not this API's")
    return DeliveryError(
        error.message,
        status=answer.status_code,
        code=error.code,
        details=[] if isinstance(error.details, Unset) else error.details,
        request_id=error.request_id,
        outcome=None if isinstance(error.outcome, Unset) else error.outcome,
        retry_after=_retry_after(answer),
    )


def strange(answer: httpx.Response, api_key: str, what: str) -> DeliveryError:
    """An error without a code, for an answer that the contract does not know, as from a proxy or another program."""
    text = " ".join(redacted(answer.text, api_key).split())
    return DeliveryError(
        f"the answer {what}: {text[:_LONGEST_QUOTE]!r}" if text else f"the answer {what}: it is empty",
        status=answer.status_code,
        request_id=redacted(answer.headers.get("x-request-id", ""), api_key) or None,
        retry_after=_retry_after(answer),
    )


def redacted(text: str, api_key: str) -> str:
    return text.replace(api_key, "***") if len(api_key) >= _SHORTEST_SECRET else text


def _cut_out(api_key: str, value: Any) -> Any:
    """The same JSON without the key in any text."""
    if isinstance(value, str):
        return redacted(value, api_key)
    if isinstance(value, list):
        return [_cut_out(api_key, item) for item in value]
    if isinstance(value, dict):
        return {name: _cut_out(api_key, member) for name, member in value.items()}
    return value


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        body = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _retry_after(answer: httpx.Response) -> float | None:
    """Retry-After in seconds from now; it may be a number of seconds or an HTTP date."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]+", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())
