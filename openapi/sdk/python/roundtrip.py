"""Goes through the whole API with the installed package, against a real server; prints "ok <step>" for each step.

NUMORA_API_URL and NUMORA_API_KEY (all scopes) name a fresh server. NUMORA_PROXY_URL answers everything 502 with an HTML
page, NUMORA_DOWN_URL everything 503. NUMORA_FLAKY_URL answers a POST 429, then 503, each with Retry-After: 1, then passes it
on and hangs up instead of answering, and from then on passes everything on. After the line "restart" whoever reads the output
kills the server, writes "dead" to this program's input, and starts the server again about a second later.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone

from numora_delivery_client import (
    DeliveryClient,
    DeliveryError,
    DocumentRegistration,
    FailedReport,
    Retry,
    SucceededReport,
)

URL, KEY = os.environ["NUMORA_API_URL"], os.environ["NUMORA_API_KEY"]
DOCUMENT, PROVIDER = "sdk-python", "sap-python"
NOW = datetime.now(timezone.utc)  # one instant for all: a report that is sent again has to be the same
numora = DeliveryClient(URL, KEY)


def client(variable: str, deadline: float = 60) -> DeliveryClient:
    return DeliveryClient(os.environ[variable], KEY, deadline=deadline)


def succeeded(execution_id: str, record: str, provider: str = PROVIDER) -> SucceededReport:
    return SucceededReport(
        provider=provider,
        status="succeeded",
        execution_id=execution_id,
        attempted_at=NOW,
        external_record_id=record,
    )


def failed(execution_id: str, provider: str = PROVIDER) -> FailedReport:
    return FailedReport(
        provider=provider,
        status="failed",
        execution_id=execution_id,
        attempted_at=NOW,
        error_code="crm_429",
        error_message="rate limited",
    )


def reviewed(document: str, provider: str) -> None:
    numora.put_document(document, DocumentRegistration(status="reviewed", providers=[provider]))


def refusal(call: Callable[[], object]) -> DeliveryError:
    try:
        got = call()
    except DeliveryError as error:
        return error
    raise SystemExit(f"no error, but {got}")


def expect(wanted: bool, got: object) -> None:
    if not wanted:
        raise SystemExit(f"not as expected: {got!r}")


def ok(step: str) -> None:
    print(f"ok {step}", flush=True)


reviewed(DOCUMENT, PROVIDER)
ok("register")

first = numora.record(DOCUMENT, succeeded("python-1", "crm-1"))
expect(not first.replayed, first)
ok("record")

again = numora.record(DOCUMENT, succeeded("python-1", "crm-1"))
expect(again.replayed and again.attempt.id == first.attempt.id, again)
ok("replay")

error = refusal(lambda: numora.record(DOCUMENT, succeeded("python-1", "crm-2")))
expect(error.status == 409 and error.code == "conflict" and bool(error.request_id), error)
expect([detail.field for detail in error.details] == ["external_record_id"], error.details)
ok("conflict")

error = refusal(lambda: numora.record(DOCUMENT, succeeded("has space", "crm-1")))
expect(error.status == 400 and error.code == "invalid_payload", error)
expect("execution_id" in [detail.field for detail in error.details], error.details)
ok("invalid")

error = refusal(lambda: numora.record("sdk-nobody", succeeded("python-unknown", "crm-1")))
expect(error.status == 404 and error.code == "not_found", error)
ok("unknown")

with DeliveryClient(URL, "sk_test_wrong") as stranger:
    error = refusal(lambda: stranger.get_document(DOCUMENT))
expect(error.status == 401 and error.code == "unauthorized", error)
ok("unauthorized")

for number in range(1, 46):
    numora.record(DOCUMENT, failed(f"python-page-{number}"))
attempts = list(numora.document_attempts(DOCUMENT, page_size=20))
expect(len(attempts) == 46 and len({attempt.id for attempt in attempts}) == 46, len(attempts))
wanted = [f"python-page-{number}" for number in range(45, 0, -1)] + ["python-1"]
expect([attempt.execution_id for attempt in attempts] == wanted, [attempt.execution_id for attempt in attempts])
ok("pages")

reviewed("sdk-python-claim", "erp-python")
[item] = numora.claim("erp-python", limit=1, lease_seconds=60)
extended = numora.extend(item.execution_id, lease_seconds=300).lease_expires_at
expect(extended is not None and extended > item.lease_expires_at, extended)
numora.record(item.document_id, succeeded(item.execution_id, "erp-1", "erp-python"))
document = numora.get_document("sdk-python-claim")
expect(document.status == "push_succeeded", document)
expect(numora.claim("erp-python") == [], "something is still due")
ok("claim")

reviewed("sdk-python-release", "rel-python")
[given_back] = numora.claim("rel-python")
expect(numora.release(given_back.execution_id).released_at is not None, given_back)
[item] = numora.claim("rel-python")
expect(item.delivery_key == given_back.delivery_key and item.execution_id != given_back.execution_id, item)
numora.record(item.document_id, failed(item.execution_id, "rel-python"))
numora.retry_push(item.document_id, "rel-python", reason="round trip")
[requeued] = numora.claim("rel-python")
expect(requeued.delivery_key != item.delivery_key, requeued)
ok("release")

with client("NUMORA_PROXY_URL") as proxied:
    error = refusal(lambda: proxied.get_document(DOCUMENT))
expect(error.status == 502 and error.code is None, error)
ok("proxy")

started = time.monotonic()
with client("NUMORA_FLAKY_URL") as flaky:
    recorded = flaky.record(DOCUMENT, succeeded("python-flaky", "crm-flaky"))
expect(recorded.replayed, recorded)  # the try whose answer was lost had recorded it
expect(time.monotonic() - started >= 2, time.monotonic() - started)
ok("flaky")

started = time.monotonic()
with client("NUMORA_DOWN_URL", deadline=3) as down:
    error = refusal(lambda: down.record(DOCUMENT, succeeded("python-down", "crm-down")))
expect(error.status == 503 and error.code == "unavailable" and error.outcome is not None, error)
expect(time.monotonic() - started < 5, time.monotonic() - started)
ok("down")

print("restart", flush=True)
expect(sys.stdin.readline().strip() == "dead", "nobody says that the server is dead")
retries: list[Retry] = []
with DeliveryClient(URL, KEY, deadline=30, on_retry=retries.append) as patient:
    patient.record(DOCUMENT, succeeded("python-restart", "crm-restart"))
    attempts = list(patient.document_attempts(DOCUMENT, execution_id="python-restart"))
expect(len(attempts) == 1, attempts)
expect(len(retries) >= 1, retries)
ok("restart")
numora.close()
