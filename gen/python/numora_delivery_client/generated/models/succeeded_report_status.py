# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from typing import Literal, cast

SucceededReportStatus = Literal["succeeded"]


def check_succeeded_report_status(value: str) -> SucceededReportStatus:
    """Lets every value pass: a server that is newer than this client may know more of them."""
    return cast(SucceededReportStatus, value)
