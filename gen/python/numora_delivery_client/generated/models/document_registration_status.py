# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from typing import Literal, cast

DocumentRegistrationStatus = Literal["failed", "processing", "review_required", "reviewed"]


def check_document_registration_status(value: str) -> DocumentRegistrationStatus:
    """Lets every value pass: a server that is newer than this client may know more of them."""
    return cast(DocumentRegistrationStatus, value)
