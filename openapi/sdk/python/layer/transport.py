"""Below everything that calls the server: resends what may be resent, and turns what is no success into DeliveryError."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from .errors import DeliveryError, error_of, redacted

_FIRST_PAUSE = 0.5  # seconds; doubled after each try
_PART_OF_A_WAIT = 0.25  # of the time that is left, for one wait within a body
_SENT_NOTHING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)  # no connection, so no effect
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)  # this side's mistake: it would be made again


@dataclass(frozen=True)
class Retry:
    """Told to on_retry before each pause: how many tries there were, the seconds until the next, and why."""

    tries: int
    pause: float
    error: DeliveryError


class RetryingTransport(httpx.BaseTransport):
    """Sends each request, the very same bytes, until it is answered for good or its deadline is near.

    Resent is on 429, on 503 and where no answer came; other statuses are for the caller. Pauses double from half a second
    up to longest_pause, half of each left to chance so that workers do not come back all at once, and are never shorter
    than Retry-After. A pause that would end after the deadline is not begun: the last error is raised at once.

    Every answer that is no success, or is no JSON, is raised as DeliveryError; so is a redirect, which is never followed,
    for a POST would become a GET, whose success says nothing. Holds no state: any number of threads may
    share it.
    """

    def __init__(
        self,
        http: httpx.Client | None,
        api_key: str,
        *,
        deadline: float,
        longest_pause: float,
        try_timeout: float,
        on_retry: Callable[[Retry], None] | None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http, self._is_own, self._api_key = http or httpx.Client(), http is None, api_key
        self._deadline, self._longest_pause, self._try_timeout = deadline, longest_pause, try_timeout
        self._on_retry, self._sleep, self._clock = on_retry, sleep, clock

    def close(self) -> None:
        if self._is_own:
            self._http.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()  # the body is in memory from here on, and stays as it is
        give_up_at = self._clock() + self._deadline
        tries, longest = 1, min(_FIRST_PAUSE, self._longest_pause)
        while True:
            got = self._try(request, give_up_at)
            if isinstance(got, httpx.Response):
                return got
            pause = max(longest * random.uniform(0.5, 1), got.retry_after or 0)
            if not _may_resend(request, got) or self._clock() + pause >= give_up_at:
                raise got
            if self._on_retry:
                self._on_retry(Retry(tries, pause, got))
            self._sleep(pause)
            tries, longest = tries + 1, min(2 * longest, self._longest_pause)

    def _try(self, request: httpx.Request, give_up_at: float) -> httpx.Response | DeliveryError:
        try:
            answer = self._receive(request, min(self._clock() + self._try_timeout, give_up_at))
        except httpx.RequestError as lost:
            error = DeliveryError(redacted(f"no answer: {type(lost).__name__}: {lost}", self._api_key))
            error.__cause__ = lost
            return error
        return error_of(answer, self._api_key) or answer

    def _receive(self, request: httpx.Request, until: float) -> httpx.Response:
        """The whole answer, in time where that can be had: httpx limits each wait by itself, and not their sum.

        So each step may only wait for what is left when it begins. Reading the body is many waits with the limit of the
        first, and each may last a quarter of what was left; none begins that could end after until. Reading the head is
        many waits as well, but nothing is called in between: a head that comes in pieces may take longer.
        """
        timeout: dict[str, float | None] = {}

        def limit(step: str = "", _: object = None) -> None:  # called before connecting, sending, reading head and body
            left = until - self._clock()
            if step.endswith(".receive_response_body.started"):
                left *= _PART_OF_A_WAIT
            timeout.update(httpx.Timeout(max(0.001, left)).as_dict())

        limit()
        request.extensions = {**request.extensions, "timeout": timeout, "trace": limit}
        answer, chunks = self._http.send(request, stream=True, follow_redirects=False), []
        last_wait = until - (until - self._clock()) * _PART_OF_A_WAIT
        try:
            for chunk in answer.iter_bytes():
                chunks.append(chunk)
                if self._clock() > last_wait:
                    raise httpx.ReadTimeout("the answer took too long", request=request)
        finally:
            answer.close()
        headers = answer.headers.copy()
        for of_the_wire in "content-encoding", "content-length", "transfer-encoding":
            headers.pop(of_the_wire, None)
        return httpx.Response(answer.status_code, headers=headers, content=b"".join(chunks), request=request)


def _may_resend(request: httpx.Request, error: DeliveryError) -> bool:
    if error.status is None:
        lost = error.__cause__
        if isinstance(lost, _SENT_NOTHING):
            return True
        return isinstance(lost, httpx.TransportError) and not isinstance(lost, _HOPELESS) and not _acts_twice(request)
    if error.status == 503:
        return error.outcome == "not_executed" or not _acts_twice(request)
    return error.status == 429


def _acts_twice(request: httpx.Request) -> bool:
    """Whether sending it again after it was executed does more than sending it once. All else this API takes twice.

    A claim leases other deliveries then, and the first ones wait until their leases run out. A forced requeue has a
    delivery written once more that has been written since the first one.
    """
    if request.url.path.endswith("/v1/delivery/claims"):
        return True
    return request.url.path.endswith("/actions/retry-push") and json.loads(request.content).get("force") is True
