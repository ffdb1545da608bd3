"""Must not pass the type checker: it reports "succeeded" and tells no external_record_id."""

from datetime import datetime, timezone

from numora_delivery_client import DeliveryClient, SucceededReport


def report(numora: DeliveryClient) -> None:
    now = datetime.now(timezone.utc)
    numora.record("doc-1", SucceededReport(provider="sap", status="succeeded", execution_id="e-1", attempted_at=now))
