"""Must not pass the type checker: it reports "succeeded" with a report of something else."""

from datetime import datetime, timezone

from numora_delivery_client import DeliveryClient, FailedReport


def report(numora: DeliveryClient) -> None:
    now = datetime.now(timezone.utc)
    numora.record("doc-1", FailedReport(provider="sap", status="succeeded", execution_id="e-1", attempted_at=now))
