# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from typing import Literal, cast

DocumentStatus = Literal[
    "failed", "processing", "push_failed", "push_pending", "push_succeeded", "review_required", "reviewed"
]


def check_document_status(value: str) -> DocumentStatus:
    """Lets every value pass: a server that is newer than this client may know more of them."""
    return cast(DocumentStatus, value)
