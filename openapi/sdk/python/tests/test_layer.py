"""The layer against a server that is played: what it sends, when it sends it again, and what its errors say."""

import contextlib
import gzip
import json
import socket
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any
from unittest import mock

import httpx
from numora_delivery_client import (
    DeliveryAttempt,
    DeliveryClient,
    DeliveryError,
    DocumentRegistration,
    Retry,
    SucceededReport,
    instants,
    transport,
)
from numora_delivery_client.generated.api.deliveries import get_delivery_attempt

KEY = "sk_test_canary_0123456789"
NOON = datetime(2026, 3, 24, 12, tzinfo=timezone.utc)
REPORT = SucceededReport("sap", "succeeded", "e-1", NOON, "crm-1")
ATTEMPT = {
    "id": "a-1",
    "document_id": "doc-1",
    "provider": "sap",
    "status": "succeeded",
    "execution_id": "e-1",
    "attempted_at": "2026-03-24T12:00:00Z",
    "external_record_id": "crm-1",
    "external_url": None,
    "error_code": None,
    "error_message": None,
    "request_id": "r-1",
    "recorded_by": {"key_id": "k", "name": "worker"},
    "recorded_at": "2026-03-24T12:00:01.5Z",
}
RECORDED = httpx.Response(201, json=ATTEMPT)
NOTHING_DUE = httpx.Response(200, json={"data": []})
LIMITED = httpx.Response(429, json={"error": {"code": "rate_limited", "message": "wait", "request_id": "r-1"}})
Played = httpx.Response | Exception


def unavailable(outcome: str, **headers: str) -> httpx.Response:
    error = {"code": "unavailable", "message": "wait", "request_id": "r-1", "outcome": outcome}
    return httpx.Response(503, headers=headers, json={"error": error})


class Layer(unittest.TestCase):
    """Time passes here only in pauses, and where an answer takes some."""

    def setUp(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.sent: list[httpx.Request] = []
        self.timeouts: list[dict[str, float]] = []
        self.retries: list[Retry] = []

    @contextlib.contextmanager
    def client(self, *answers: Played, takes: float = 0, **options: Any) -> Iterator[DeliveryClient]:
        """A client whose tries are answered one after the other, and the last answer for ever."""

        def answer(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            self.timeouts.append(dict(request.extensions["timeout"]))
            self.now += takes
            played = answers[min(len(self.sent), len(answers)) - 1]
            if isinstance(played, Exception):
                raise played
            return httpx.Response(played.status_code, headers=played.headers, content=played.content)

        def sleep(seconds: float) -> None:
            self.pauses.append(seconds)
            self.now += seconds

        def played_transport(*arguments: Any, **keywords: Any) -> transport.RetryingTransport:
            return real(*arguments, **keywords, sleep=sleep, clock=lambda: self.now)

        real = transport.RetryingTransport
        with (
            httpx.Client(transport=httpx.MockTransport(answer)) as http,
            mock.patch("numora_delivery_client.client.RetryingTransport", played_transport),
            DeliveryClient("http://numora.test", KEY, http=http, on_retry=self.retries.append, **options) as numora,
        ):
            yield numora

    def refused(self, call: Callable[..., object], *arguments: Any, **keywords: Any) -> DeliveryError:
        with self.assertRaises(DeliveryError) as raised:
            call(*arguments, **keywords)
        self.assertNotIn(KEY[:12], f"{raised.exception} {raised.exception!r} {raised.exception.message}")
        return raised.exception


class Retries(Layer):
    def test_sends_the_same_bytes_until_it_is_answered(self) -> None:
        with self.client(LIMITED, unavailable("outcome_unknown"), httpx.ReadError("reset"), RECORDED) as numora:
            recorded = numora.record("doc-1", REPORT)
        self.assertEqual((recorded.attempt.id, recorded.replayed), ("a-1", False))
        self.assertEqual(len(self.sent), 4)
        self.assertEqual(len({request.content for request in self.sent}), 1)
        self.assertEqual(json.loads(self.sent[0].content)["attempted_at"], "2026-03-24T12:00:00Z")
        self.assertEqual([retry.tries for retry in self.retries], [1, 2, 3])
        self.assertEqual([retry.error.status for retry in self.retries], [429, 503, None])

    def test_pauses_double_up_to_the_longest_with_half_left_to_chance(self) -> None:
        with self.client(*[httpx.ConnectError("refused")] * 8, RECORDED) as numora:
            numora.record("doc-1", REPORT)
        for pause, most in zip(self.pauses, [0.5, 1, 2, 4, 8, 10, 10, 10], strict=True):
            self.assertTrue(most / 2 <= pause <= most, self.pauses)

    def test_waits_as_many_seconds_as_the_server_asks(self) -> None:
        with self.client(unavailable("not_executed", **{"Retry-After": "17"}), RECORDED) as numora:
            numora.record("doc-1", REPORT)
        self.assertEqual(self.pauses, [17])

    def test_waits_until_the_date_that_the_server_names(self) -> None:
        date = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
        with self.client(unavailable("not_executed", **{"Retry-After": date}), RECORDED) as numora:
            numora.record("doc-1", REPORT)
        self.assertTrue(25 < self.pauses[0] <= 30, self.pauses)

    def test_a_retry_after_that_says_nothing_is_none(self) -> None:
        past = "Tue, 24 Mar 2020 12:00:00 GMT"
        for value, seconds in (("soon", None), ("-5", None), ("", None), (past, 0), ("9" * 400, float("inf"))):
            with self.subTest(value), self.client(unavailable("not_executed", **{"Retry-After": value})) as numora:
                error = self.refused(numora.get_document, "doc-1")
                self.assertEqual(error.retry_after, seconds)

    def test_gives_up_at_once_when_the_pause_would_end_after_the_deadline(self) -> None:
        with self.client(unavailable("outcome_unknown", **{"Retry-After": "3"}), deadline=10) as numora:
            error = self.refused(numora.record, "doc-1", REPORT)
        self.assertEqual((error.status, error.code, error.outcome), (503, "unavailable", "outcome_unknown"))
        self.assertEqual(self.pauses, [3, 3, 3])
        self.assertEqual(error.retry_after, 3)

    def test_a_try_takes_no_longer_than_its_own_time_and_what_is_left_of_the_deadline(self) -> None:
        with self.client(httpx.ReadTimeout("slow"), takes=15, deadline=20) as numora:
            error = self.refused(numora.record, "doc-1", REPORT)
        self.assertEqual(self.timeouts[0]["read"], 15)
        self.assertTrue(4 <= self.timeouts[1]["read"] < 5, self.timeouts)
        self.assertEqual((error.status, error.code), (None, None))
        self.assertIsInstance(error.__cause__, httpx.ReadTimeout)

    def test_an_answer_that_drips_is_a_lost_one(self) -> None:
        with self.client(RECORDED, takes=16, deadline=20) as numora:
            self.assertIsInstance(self.refused(numora.record, "doc-1", REPORT).__cause__, httpx.ReadTimeout)

    def test_other_statuses_are_for_the_caller(self) -> None:
        for status in 400, 404, 409, 500, 502, 504:
            with self.subTest(status), self.client(httpx.Response(status)) as numora:
                before = len(self.sent)
                error = self.refused(numora.record, "doc-1", REPORT)
                self.assertEqual((error.status, len(self.sent) - before), (status, 1))

    def test_a_redirect_is_not_followed_even_if_the_callers_client_would(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            if request.url.path == "/elsewhere":
                return httpx.Response(200, json=ATTEMPT)
            return httpx.Response(status, headers={"Location": "/elsewhere"})

        for status in 301, 307:
            self.sent.clear()
            with (
                self.subTest(status),
                httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as http,
                DeliveryClient("http://numora.test", KEY, http=http) as numora,
            ):
                error = self.refused(numora.record, "doc-1", REPORT)
                self.assertEqual((error.status, error.code, len(self.sent)), (status, None, 1))

    def test_the_generated_client_retries_and_raises_too(self) -> None:
        with self.client(LIMITED, httpx.Response(200, json=ATTEMPT), httpx.Response(200, json=[])) as numora:
            attempt = get_delivery_attempt.sync("a-1", client=numora.generated)
            self.assertIsInstance(attempt, DeliveryAttempt)
            error = self.refused(get_delivery_attempt.sync, "a-1", client=numora.generated)
        self.assertEqual((error.status, error.code), (200, None))


class OverTheWire(unittest.TestCase):
    """What only shows with a socket in between."""

    @contextlib.contextmanager
    def server(self, *parts: bytes | float) -> Iterator[str]:
        """A server that answers each connection with these parts, and waits for so many seconds in between."""

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                for part in parts:
                    if isinstance(part, float):
                        closed.wait(part)
                    else:
                        connection.sendall(part)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    answer(listener.accept()[0])

        closed = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=serve)
            thread.start()
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                closed.set()
                listener.shutdown(socket.SHUT_RDWR)
        thread.join()

    def test_waits_do_not_add_up_beyond_the_deadline(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        with self.server(0.9, head, 9.0, b"{}") as url, DeliveryClient(url, KEY, deadline=1) as numora:
            started = time.monotonic()
            with self.assertRaises(DeliveryError) as raised:
                numora.get_document("doc-1")
        self.assertIsInstance(raised.exception.__cause__, httpx.ReadTimeout)
        self.assertLess(time.monotonic() - started, 1.7)

    def test_a_body_that_drips_does_not_outlast_the_deadline(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"
        for drip in ([b" ", 0.1] * 40, [b" ", 0.22] * 20, [b" ", 0.22, b" ", 0.22, b" ", 0.22, b" ", 9.0], [9.0]):
            with self.subTest(drip), self.server(head, *drip) as url, DeliveryClient(url, KEY, deadline=1) as numora:
                started = time.monotonic()
                with self.assertRaises(DeliveryError) as raised:
                    numora.get_document("doc-1")
                self.assertLess(time.monotonic() - started, 1.4)
                self.assertIsInstance(raised.exception.__cause__, httpx.ReadTimeout)

    def test_a_body_in_pieces_that_come_in_time_is_read(self) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
        with (
            self.server(head, 0.2, b'{"data', 0.2, b'": []}') as url,
            DeliveryClient(url, KEY, try_timeout=2) as numora,
        ):
            self.assertEqual(numora.claim("sap"), [])

    def test_a_compressed_answer_is_read(self) -> None:
        body = gzip.compress(json.dumps({"data": []}).encode())
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        with self.server(head.encode() + body) as url, DeliveryClient(url, KEY) as numora:
            self.assertEqual(numora.claim("sap"), [])

    def test_a_refused_connection_has_its_cause(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        numora = DeliveryClient(f"http://127.0.0.1:{port}", KEY, deadline=0.1)
        with numora, self.assertRaises(DeliveryError) as raised:
            numora.get_document("doc-1")
        self.assertIsInstance(raised.exception.__cause__, httpx.ConnectError)
        self.assertIsNone(raised.exception.status)


class WhatWouldActTwice(Layer):
    def test_a_claim_is_not_resent_where_its_answer_may_be_lost(self) -> None:
        for lost in (
            httpx.ReadTimeout("slow"),
            httpx.ReadError("reset"),
            unavailable("outcome_unknown"),
            httpx.Response(503),
        ):
            with self.subTest(lost), self.client(lost, NOTHING_DUE) as numora:
                self.sent.clear()
                self.refused(numora.claim, "sap")
                self.assertEqual(len(self.sent), 1)

    def test_a_claim_is_resent_where_it_had_no_effect(self) -> None:
        played = LIMITED, unavailable("not_executed"), httpx.ConnectError("refused"), NOTHING_DUE
        with self.client(*played) as numora:
            self.assertEqual(numora.claim("sap"), [])
        self.assertEqual(len({request.content for request in self.sent}), 1)

    def test_a_requeue_is_resent_unless_it_is_forced(self) -> None:
        for force, tries in (False, 2), (True, 1):
            with self.subTest(force=force), self.client(httpx.ReadError("reset"), httpx.Response(404)) as numora:
                self.sent.clear()
                self.refused(numora.retry_push, "doc-1", "sap", force=force)
                self.assertEqual(len(self.sent), tries)


class Errors(Layer):
    def test_a_refusal_names_the_fields(self) -> None:
        details = [{"field": "execution_id", "issue": "is wrong"}]
        body = {"code": "invalid_payload", "message": "refused", "request_id": "r-7", "details": details}
        with self.client(httpx.Response(400, json={"error": body})) as numora:
            error = self.refused(numora.record, "doc-1", REPORT)
        self.assertEqual((error.status, error.code, error.message), (400, "invalid_payload", "refused"))
        self.assertEqual([(detail.field, detail.issue) for detail in error.details], [("execution_id", "is wrong")])
        self.assertEqual(str(error), "400 invalid_payload: refused (request r-7)")

    def test_null_is_as_good_as_nothing(self) -> None:
        body = {"code": "conflict", "message": "m", "request_id": "r-1", "details": None, "outcome": None}
        with self.client(httpx.Response(409, json={"error": body})) as numora:
            error = self.refused(numora.get_document, "doc-1")
        self.assertEqual((error.code, error.details, error.outcome), ("conflict", [], None))

    def test_a_code_that_is_newer_than_this_client_is_told(self) -> None:
        body = {"code": "moved", "message": "elsewhere", "request_id": "r-1", "details": [], "hint": 1}
        with self.client(httpx.Response(410, json={"error": body})) as numora:
            self.assertEqual(self.refused(numora.get_document, "doc-1").code, "moved")

    def test_what_is_not_this_apis_answer_is_an_error_without_a_code(self) -> None:
        deep = b"[" * 100_000
        for status, content in (
            (502, b"<html><h1>Bad Gateway</h1></html>"),
            *((status, content) for status in (200, 201, 204, 404, 500) for content in (b"", b"hello", b"[]", deep)),
            *(
                (500, content)
                for content in (b"{}", b'{"error":"no"}', b'{"error":{"code":1,"message":2,"request_id":3}}')
            ),
            (301, b""),
            (200, b"{}"),
            (201, b'{"id": "a-1", "recorded_at": "today"}'),
            (409, b'{"error":{"code":"conflict","message":"m","request_id":"r","details":"d"}}'),
            (200, b"\xff\xfe{}"),
        ):
            with (
                self.subTest(status=status, content=content[:60]),
                self.client(httpx.Response(status, content=content)) as numora,
            ):
                error = self.refused(numora.record, "doc-1", REPORT)
                self.assertEqual((error.status, error.code, error.details), (status, None, []))
                self.assertIn("the answer is", error.message)

    def test_a_strange_answer_has_the_request_id_of_its_header(self) -> None:
        for status, headers, request_id in (
            (502, {"X-Request-Id": "r-9"}, "r-9"),
            (200, {"X-Request-Id": "r-9"}, "r-9"),
            (502, {"X-Request-Id": ""}, None),
            (502, {}, None),
        ):
            played = httpx.Response(status, headers=headers, text="<html>")
            with self.subTest(status=status, headers=headers), self.client(played) as numora:
                self.assertEqual(self.refused(numora.get_document, "doc-1").request_id, request_id)

    def test_a_strange_answer_is_quoted_with_at_most_200_characters(self) -> None:
        with self.client(httpx.Response(502, text="x" * 100 + "\n" + "y" * 1000)) as numora:
            error = self.refused(numora.get_document, "doc-1")
        self.assertIn("x" * 100 + " " + "y" * 99 + "'", error.message)

    def test_the_key_shows_nowhere(self) -> None:
        echo = httpx.Response(502, text="y" * 160 + f" Authorization: Bearer {KEY}")
        named = httpx.Response(400, json={"error": {"code": "x", "message": f"what is {KEY}?", "request_id": "r-1"}})
        for played in echo, named, httpx.ConnectError(f"no way to {KEY}"):
            with self.subTest(played), self.client(played, deadline=0.1) as numora:
                self.refused(numora.get_document, "doc-1")
                numora.generated.get_async_httpx_client()  # which keeps the key in its headers
                self.assertNotIn(KEY[:12], f"{numora!r} {numora.generated!r} {vars(numora)['_http']!r}")
        self.assertEqual(self.sent[0].headers["Authorization"], f"Bearer {KEY}")

    def test_the_key_shows_in_no_detail_and_no_request_id(self) -> None:
        details = [{"field": f"header {KEY}", "issue": f"{KEY} is wrong", "more": [{"seen": KEY}]}]
        body = {"code": "unauthorized", "message": "no", "request_id": f"r-{KEY}", "details": details}
        strange = httpx.Response(502, headers={"X-Request-Id": KEY})
        with self.client(httpx.Response(401, json={"error": body}), strange) as numora:
            error = self.refused(numora.get_document, "doc-1")
            self.assertEqual((error.details[0].field, error.details[0].issue), ("header ***", "*** is wrong"))
            self.assertNotIn(KEY, f"{error.details} {error.request_id}")
            self.assertEqual(self.refused(numora.get_document, "doc-1").request_id, "***")

    def test_a_key_that_is_too_short_to_be_secret_mangles_no_text(self) -> None:
        body = {"code": "unauthorized", "message": "the key is unknown", "request_id": "r-1"}

        def answer(_: httpx.Request) -> httpx.Response:
            return played

        for key in "e", "unknown":
            for played in httpx.Response(401, json={"error": body}), httpx.Response(502, text="the key is unknown"):
                with (
                    self.subTest(key=key, played=played),
                    httpx.Client(transport=httpx.MockTransport(answer)) as http,
                    DeliveryClient("http://numora.test", key, http=http) as numora,
                    self.assertRaisesRegex(DeliveryError, "the key is unknown"),
                ):
                    numora.get_document("doc-1")

    def test_settings_that_make_no_sense_are_refused(self) -> None:
        for url in "", "numora.test", "//numora.test", "ftp://numora.test", "http://", "http:///v1", "http://x:port":
            with self.subTest(url), self.assertRaises(ValueError):
                DeliveryClient(url, KEY)
        for url in "https://user@numora.test", "https://user:hunter2@numora.test":
            with self.subTest(url), self.assertRaisesRegex(ValueError, "no password") as raised:
                DeliveryClient(url, KEY)
            self.assertNotIn("hunter2", str(raised.exception))
        for name in "deadline", "longest_pause", "try_timeout":
            for seconds in 0, -1, float("nan"), float("inf"):
                setting: Any = {name: seconds}
                with self.subTest(setting), self.assertRaisesRegex(ValueError, name):
                    DeliveryClient("http://numora.test", KEY, **setting)
        DeliveryClient("https://numora.test:8443/below", KEY, deadline=1, longest_pause=0.1).close()

    def test_a_key_that_cannot_be_sent_is_refused_without_repeating_it(self) -> None:
        for key in "", " \n", "sk_test\nX-Other: 1", "sk_test 1", "sk_test\x7f", "sk_tést":
            with self.assertRaises(ValueError) as raised:
                DeliveryClient("http://numora.test", key)
            self.assertNotIn("sk_t", str(raised.exception))
        DeliveryClient("http://numora.test", f"{KEY}\n").close()  # as a file ends


class Lists(Layer):
    def test_goes_on_while_there_is_a_next_cursor(self) -> None:
        pages = [[{**ATTEMPT, "id": f"a-{page}{n}"} for n in range(2)] for page in range(3)]
        answers = [
            httpx.Response(200, json={"data": data, "next_cursor": cursor})
            for data, cursor in zip(pages, ["one", "two", None], strict=True)
        ]
        with self.client(*answers) as numora:
            attempts = numora.document_attempts("doc 1/..", since=NOON, until="2026-03-25T00:00:00+01:00", page_size=2)
            self.assertEqual(self.sent, [])
            self.assertEqual([attempt.id for attempt in attempts], ["a-00", "a-01", "a-10", "a-11", "a-20", "a-21"])
        self.assertEqual([request.url.params.get("cursor") for request in self.sent], [None, "one", "two"])
        self.assertEqual(self.sent[0].url.raw_path.split(b"?")[0], b"/v1/documents/doc%201%2F../delivery")
        for request in self.sent:
            self.assertEqual(request.url.params["since"], "2026-03-24T12:00:00Z")
            self.assertEqual(request.url.params["until"], "2026-03-25T00:00:00+01:00")
            self.assertEqual(request.url.params["limit"], "2")


class Models(Layer):
    def test_what_is_newer_in_an_answer_passes(self) -> None:
        newer = {**ATTEMPT, "status": "postponed", "colour": "green"}
        with self.client(httpx.Response(200, json=newer)) as numora:
            attempt, replayed = numora.record("doc-1", REPORT)
        self.assertEqual((attempt.status, attempt["colour"], replayed), ("postponed", "green", True))

    def test_metadata_are_a_plain_object(self) -> None:
        document: dict[str, Any] = {
            "id": "doc-1",
            "schema": None,
            "status": "reviewed",
            "external_id": None,
            "result_url": None,
        }
        document |= {"created_at": "2026-03-24T12:00:00Z", "updated_at": "2026-03-24T12:00:00Z", "deliveries": []}
        for metadata in {"vendor": {"name": "Acmé"}, "lines": [1, 2.5]}, None:
            with self.client(httpx.Response(201, json={**document, "metadata": metadata})) as numora:
                got = numora.put_document("doc-1", DocumentRegistration("reviewed", metadata=metadata))
            self.assertEqual(got.metadata, metadata)

    def test_instants(self) -> None:
        for text, instant in (
            ("2026-03-24T12:00:00Z", NOON),
            ("2026-03-24T13:00:00.0+01:00", NOON),
            ("2026-03-24T12:00:00.5Z", NOON.replace(microsecond=500_000)),
            ("2026-03-24T12:00:00.1234567Z", NOON.replace(microsecond=123_456)),
        ):
            self.assertEqual(instants.parse_instant(text), instant)
        for text in "", "today", "2026-03-24", "2026-03-24T12:00:00", "2026-13-24T12:00:00Z":
            self.assertRaises(ValueError, instants.parse_instant, text)
        zone = timezone(timedelta(hours=5, minutes=30))
        self.assertEqual(instants.instant_text(NOON.astimezone(zone)), "2026-03-24T12:00:00Z")

    def test_an_instant_without_a_zone_is_refused_before_anything_is_sent(self) -> None:
        report = SucceededReport("sap", "succeeded", "e-1", datetime(2026, 3, 24), "crm-1")
        with self.client(RECORDED) as numora, self.assertRaisesRegex(ValueError, "zone"):
            numora.record("doc-1", report)
        self.assertEqual(self.sent, [])


if __name__ == "__main__":
    unittest.main()
