# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="LeaseExtension")


@_attrs_define
class LeaseExtension:
    """How long a lease goes on.

    Attributes:
        lease_seconds (int | Unset): How long the lease lasts, from now.
    """

    lease_seconds: int | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        lease_seconds = self.lease_seconds

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if lease_seconds is not UNSET:
            field_dict["lease_seconds"] = lease_seconds

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        lease_seconds = d.pop("lease_seconds", UNSET)

        lease_extension = cls(
            lease_seconds=lease_seconds,
        )

        return lease_extension
