"""Passes the type checker: each of the three outcomes, lists, and the way of a claim."""

from datetime import datetime, timezone

from numora_delivery_client import (
    DeliveryClient,
    DeliveryError,
    DeliveryReport,
    DocumentRegistration,
    FailedReport,
    SkippedReport,
    SucceededReport,
)
from numora_delivery_client.generated.api.deliveries import get_delivery_attempt


def work(numora: DeliveryClient) -> None:
    numora.put_document("doc-1", DocumentRegistration(status="reviewed", providers=["sap"], metadata={"total": 12}))
    for item in numora.claim("sap", limit=2, lease_seconds=60, worker="worker-1"):
        total = item.metadata["total"] if item.metadata else None
        report: DeliveryReport = SucceededReport(
            provider=item.provider,
            status="succeeded",
            execution_id=item.execution_id,
            attempted_at=datetime.now(timezone.utc),
            external_record_id=f"sap-{item.delivery_key}-{total}",
        )
        numora.extend(item.execution_id, lease_seconds=300)
        recorded = numora.record(item.document_id, report)
        print(recorded.attempt.id, recorded.replayed, recorded.attempt.recorded_at.year)
        numora.release(item.execution_id)

    instant = "2026-03-24T03:00:00.000Z"
    numora.record("doc-1", FailedReport(provider="sap", status="failed", execution_id="e-2", attempted_at=instant))
    numora.record("doc-1", SkippedReport(provider="sap", status="skipped", execution_id="e-3", attempted_at=instant))
    numora.retry_push("doc-1", "sap", reason="it works again")

    for attempt in numora.document_attempts("doc-1", status="failed", since=instant, page_size=20):
        print(attempt.error_code, attempt.recorded_by.name)
    print([attempt.id for attempt in numora.attempts(error_code="crm_429")])
    print([due.due_at for due in numora.outbox("sap")], [stuck.tries for stuck in numora.deliveries(state="exhausted")])
    print(get_delivery_attempt.sync("019d1d1a-7f00-7c1b-8a52-3b1f0e6d9c55", client=numora.generated))

    try:
        print(numora.get_document("doc-1").status == "push_succeeded")
    except DeliveryError as error:
        if error.code == "not_found":
            print(error.status, error.request_id, [(detail.field, detail.issue) for detail in error.details])
