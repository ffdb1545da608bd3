# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from typing import Literal, cast

FailedReportStatus = Literal["failed"]


def check_failed_report_status(value: str) -> FailedReportStatus:
    """Lets every value pass: a server that is newer than this client may know more of them."""
    return cast(FailedReportStatus, value)
