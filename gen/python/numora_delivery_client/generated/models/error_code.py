# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from typing import Literal, cast

ErrorCode = Literal[
    "claim_over",
    "conflict",
    "forbidden",
    "header_too_large",
    "internal_error",
    "invalid_payload",
    "invalid_value",
    "method_not_allowed",
    "not_found",
    "payload_too_large",
    "rate_limited",
    "unauthorized",
    "unavailable",
    "unsupported_media_type",
]


def check_error_code(value: str) -> ErrorCode:
    """Lets every value pass: a server that is newer than this client may know more of them."""
    return cast(ErrorCode, value)
