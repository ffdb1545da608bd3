# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant

if TYPE_CHECKING:
    from ..models.recorded_by import RecordedBy


T = TypeVar("T", bound="Requeued")


@_attrs_define
class Requeued:
    """An order to start a delivery anew.

    Attributes:
        at (datetime.datetime): When it was given.
        by (RecordedBy): Whose key recorded it.
        reason (None | str): Why, for people. Any text; kept as it is.
    """

    at: datetime.datetime
    by: RecordedBy
    reason: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        at = instant_text(self.at)

        by = self.by.to_dict()

        reason: None | str
        reason = self.reason

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "at": at,
                "by": by,
                "reason": reason,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.recorded_by import RecordedBy  # noqa: PLC0415

        d = dict(src_dict)
        at = parse_instant(d.pop("at"))

        by = RecordedBy.from_dict(d.pop("by"))

        def _parse_reason(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reason = _parse_reason(d.pop("reason"))

        requeued = cls(
            at=at,
            by=by,
            reason=reason,
        )

        requeued.additional_properties = d
        return requeued

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
