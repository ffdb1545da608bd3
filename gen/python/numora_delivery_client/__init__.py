# Copied from openapi/sdk/python/layer/__init__.py. Edit it there.

"""Client of the Numora Delivery API: claim what is due, deliver it, report what came of it. Start with DeliveryClient."""

from .client import DeliveryClient, DeliveryReport, Recorded
from .errors import DeliveryError
from .generated.models import (
    Claim,
    ClaimedBy,
    ClaimedDelivery,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    DeliveryStatus,
    Document,
    DocumentRegistration,
    DocumentStatus,
    ErrorCode,
    ErrorDetail,
    ErrorOutcome,
    FailedReport,
    OutboxItem,
    RecordedBy,
    Requeued,
    SkippedReport,
    SucceededReport,
)
from .transport import Retry
from .version import __version__

__all__ = [
    "Claim",
    "ClaimedBy",
    "ClaimedDelivery",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryClient",
    "DeliveryError",
    "DeliveryReport",
    "DeliveryState",
    "DeliveryStatus",
    "Document",
    "DocumentRegistration",
    "DocumentStatus",
    "ErrorCode",
    "ErrorDetail",
    "ErrorOutcome",
    "FailedReport",
    "OutboxItem",
    "Recorded",
    "RecordedBy",
    "Requeued",
    "Retry",
    "SkippedReport",
    "SucceededReport",
    "__version__",
]
