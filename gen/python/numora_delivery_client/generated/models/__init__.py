# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

"""Contains all the data models used in inputs/outputs"""

from .audit_checkpoint import AuditCheckpoint
from .claim import Claim
from .claim_request import ClaimRequest
from .claimed_by import ClaimedBy
from .claimed_deliveries import ClaimedDeliveries
from .claimed_delivery import ClaimedDelivery
from .delivery import Delivery
from .delivery_attempt import DeliveryAttempt
from .delivery_attempt_page import DeliveryAttemptPage
from .delivery_data import DeliveryData
from .delivery_page import DeliveryPage
from .delivery_state import DeliveryState
from .delivery_status import DeliveryStatus
from .document import Document
from .document_registration import DocumentRegistration
from .document_registration_status import DocumentRegistrationStatus
from .document_status import DocumentStatus
from .error import Error
from .error_body import ErrorBody
from .error_code import ErrorCode
from .error_detail import ErrorDetail
from .error_outcome import ErrorOutcome
from .failed_report import FailedReport
from .failed_report_status import FailedReportStatus
from .lease_extension import LeaseExtension
from .outbox_item import OutboxItem
from .outbox_page import OutboxPage
from .recorded_by import RecordedBy
from .requeued import Requeued
from .retry_push import RetryPush
from .service_status import ServiceStatus
from .service_status_status import ServiceStatusStatus
from .skipped_report import SkippedReport
from .skipped_report_status import SkippedReportStatus
from .succeeded_report import SucceededReport
from .succeeded_report_status import SucceededReportStatus

__all__ = (
    "AuditCheckpoint",
    "Claim",
    "ClaimedBy",
    "ClaimedDeliveries",
    "ClaimedDelivery",
    "ClaimRequest",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryAttemptPage",
    "DeliveryData",
    "DeliveryPage",
    "DeliveryState",
    "DeliveryStatus",
    "Document",
    "DocumentRegistration",
    "DocumentRegistrationStatus",
    "DocumentStatus",
    "Error",
    "ErrorBody",
    "ErrorCode",
    "ErrorDetail",
    "ErrorOutcome",
    "FailedReport",
    "FailedReportStatus",
    "LeaseExtension",
    "OutboxItem",
    "OutboxPage",
    "RecordedBy",
    "Requeued",
    "RetryPush",
    "ServiceStatus",
    "ServiceStatusStatus",
    "SkippedReport",
    "SkippedReportStatus",
    "SucceededReport",
    "SucceededReportStatus",
)
