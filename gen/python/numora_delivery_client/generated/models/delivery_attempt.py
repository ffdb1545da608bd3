# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant
from ..models.delivery_status import DeliveryStatus, check_delivery_status

if TYPE_CHECKING:
    from ..models.recorded_by import RecordedBy


T = TypeVar("T", bound="DeliveryAttempt")


@_attrs_define
class DeliveryAttempt:
    """A recorded report. It never changes.

    Attributes:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        status (DeliveryStatus): What happened.
        execution_id (str): Names one delivery attempt, across all documents and providers. 1 to 255 printable ASCII
            characters
            without space; compared byte for byte.
        attempted_at (datetime.datetime): When the worker tried, by its own clock: RFC 3339 with a zone, from 2000-01-01
            to 24 hours from now
            (else 422). Cut, not rounded, to the microsecond.
        external_record_id (None | str): The record's id in the downstream system. Required when `status` is
            `succeeded`.
        external_url (None | str): Where a person can see the record. Absolute http or https, without user information.
        error_code (None | str): A machine's word for what went wrong, the worker's or the destination's.
        error_message (None | str): What went wrong, for people. Any text; kept as it is.
        id (str): The attempt's id, a UUID made here.
        document_id (str): The document's id.
        request_id (str): The `x-request-id` of the request that recorded it.
        recorded_by (RecordedBy): Whose key recorded it.
        recorded_at (datetime.datetime): When the server recorded it, by the database's clock; strictly increasing
            within one delivery.
    """

    provider: str
    status: DeliveryStatus
    execution_id: str
    attempted_at: datetime.datetime
    external_record_id: None | str
    external_url: None | str
    error_code: None | str
    error_message: None | str
    id: str
    document_id: str
    request_id: str
    recorded_by: RecordedBy
    recorded_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        status: str = self.status

        execution_id = self.execution_id

        attempted_at = instant_text(self.attempted_at)

        external_record_id: None | str
        external_record_id = self.external_record_id

        external_url: None | str
        external_url = self.external_url

        error_code: None | str
        error_code = self.error_code

        error_message: None | str
        error_message = self.error_message

        id = self.id

        document_id = self.document_id

        request_id = self.request_id

        recorded_by = self.recorded_by.to_dict()

        recorded_at = instant_text(self.recorded_at)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "provider": provider,
                "status": status,
                "execution_id": execution_id,
                "attempted_at": attempted_at,
                "external_record_id": external_record_id,
                "external_url": external_url,
                "error_code": error_code,
                "error_message": error_message,
                "id": id,
                "document_id": document_id,
                "request_id": request_id,
                "recorded_by": recorded_by,
                "recorded_at": recorded_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.recorded_by import RecordedBy  # noqa: PLC0415

        d = dict(src_dict)
        provider = d.pop("provider")

        status = check_delivery_status(d.pop("status"))

        execution_id = d.pop("execution_id")

        attempted_at = parse_instant(d.pop("attempted_at"))

        def _parse_external_record_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        external_record_id = _parse_external_record_id(d.pop("external_record_id"))

        def _parse_external_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        external_url = _parse_external_url(d.pop("external_url"))

        def _parse_error_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error_code = _parse_error_code(d.pop("error_code"))

        def _parse_error_message(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        error_message = _parse_error_message(d.pop("error_message"))

        id = d.pop("id")

        document_id = d.pop("document_id")

        request_id = d.pop("request_id")

        recorded_by = RecordedBy.from_dict(d.pop("recorded_by"))

        recorded_at = parse_instant(d.pop("recorded_at"))

        delivery_attempt = cls(
            provider=provider,
            status=status,
            execution_id=execution_id,
            attempted_at=attempted_at,
            external_record_id=external_record_id,
            external_url=external_url,
            error_code=error_code,
            error_message=error_message,
            id=id,
            document_id=document_id,
            request_id=request_id,
            recorded_by=recorded_by,
            recorded_at=recorded_at,
        )

        delivery_attempt.additional_properties = d
        return delivery_attempt

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
