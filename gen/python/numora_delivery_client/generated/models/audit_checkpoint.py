# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant

T = TypeVar("T", bound="AuditCheckpoint")


@_attrs_define
class AuditCheckpoint:
    """What the server signed of the audit history.

    Attributes:
        origin (str): The name of the key that signed it.
        size (int): How many entries the tree has. They are its first, and every later tree begins with them.
        root (str): The tree's hash (RFC 6962, SHA-256), 32 bytes in base64.
        sealed_at (datetime.datetime): When it was signed, by the database's clock.
        note (str): The signed note, whole, line ends included. Keep it as it is.
    """

    origin: str
    size: int
    root: str
    sealed_at: datetime.datetime
    note: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        origin = self.origin

        size = self.size

        root = self.root

        sealed_at = instant_text(self.sealed_at)

        note = self.note

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "origin": origin,
                "size": size,
                "root": root,
                "sealed_at": sealed_at,
                "note": note,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        origin = d.pop("origin")

        size = d.pop("size")

        root = d.pop("root")

        sealed_at = parse_instant(d.pop("sealed_at"))

        note = d.pop("note")

        audit_checkpoint = cls(
            origin=origin,
            size=size,
            root=root,
            sealed_at=sealed_at,
            note=note,
        )

        audit_checkpoint.additional_properties = d
        return audit_checkpoint

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
