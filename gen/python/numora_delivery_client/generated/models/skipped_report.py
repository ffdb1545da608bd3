# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ...instants import instant_text, parse_instant
from ..models.skipped_report_status import SkippedReportStatus, check_skipped_report_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="SkippedReport")


@_attrs_define
class SkippedReport:
    """The worker completed on purpose without creating records.

    Attributes:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        status (SkippedReportStatus):
        execution_id (str): Names one delivery attempt, across all documents and providers. 1 to 255 printable ASCII
            characters
            without space; compared byte for byte.
        attempted_at (datetime.datetime | str): When the worker tried, by its own clock: RFC 3339 with a zone, from
            2000-01-01 to 24 hours from now
            (else 422). Cut, not rounded, to the microsecond.
        external_record_id (None | str | Unset): The record's id in the downstream system. Required when `status` is
            `succeeded`.
        external_url (None | str | Unset): Where a person can see the record. Absolute http or https, without user
            information.
        error_code (None | str | Unset): A machine's word for what went wrong, the worker's or the destination's.
        error_message (None | str | Unset): What went wrong, for people. Any text; kept as it is.
    """

    provider: str
    status: SkippedReportStatus
    execution_id: str
    attempted_at: datetime.datetime | str
    external_record_id: None | str | Unset = UNSET
    external_url: None | str | Unset = UNSET
    error_code: None | str | Unset = UNSET
    error_message: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        status: str = self.status

        execution_id = self.execution_id

        attempted_at: str
        if isinstance(self.attempted_at, datetime.datetime):
            attempted_at = instant_text(self.attempted_at)
        else:
            attempted_at = self.attempted_at

        external_record_id: None | str | Unset
        if isinstance(self.external_record_id, Unset):
            external_record_id = UNSET
        else:
            external_record_id = self.external_record_id

        external_url: None | str | Unset
        if isinstance(self.external_url, Unset):
            external_url = UNSET
        else:
            external_url = self.external_url

        error_code: None | str | Unset
        if isinstance(self.error_code, Unset):
            error_code = UNSET
        else:
            error_code = self.error_code

        error_message: None | str | Unset
        if isinstance(self.error_message, Unset):
            error_message = UNSET
        else:
            error_message = self.error_message

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "provider": provider,
                "status": status,
                "execution_id": execution_id,
                "attempted_at": attempted_at,
            }
        )
        if external_record_id is not UNSET:
            field_dict["external_record_id"] = external_record_id
        if external_url is not UNSET:
            field_dict["external_url"] = external_url
        if error_code is not UNSET:
            field_dict["error_code"] = error_code
        if error_message is not UNSET:
            field_dict["error_message"] = error_message

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        provider = d.pop("provider")

        status = check_skipped_report_status(d.pop("status"))

        execution_id = d.pop("execution_id")

        def _parse_attempted_at(data: object) -> datetime.datetime | str:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                attempted_at_type_0 = parse_instant(data)

                return attempted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | str, data)

        attempted_at = _parse_attempted_at(d.pop("attempted_at"))

        def _parse_external_record_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        external_record_id = _parse_external_record_id(d.pop("external_record_id", UNSET))

        def _parse_external_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        external_url = _parse_external_url(d.pop("external_url", UNSET))

        def _parse_error_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        error_code = _parse_error_code(d.pop("error_code", UNSET))

        def _parse_error_message(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        error_message = _parse_error_message(d.pop("error_message", UNSET))

        skipped_report = cls(
            provider=provider,
            status=status,
            execution_id=execution_id,
            attempted_at=attempted_at,
            external_record_id=external_record_id,
            external_url=external_url,
            error_code=error_code,
            error_message=error_message,
        )

        return skipped_report
