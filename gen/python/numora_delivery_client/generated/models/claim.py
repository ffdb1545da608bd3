# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant

T = TypeVar("T", bound="Claim")


@_attrs_define
class Claim:
    """A lease that was handed out on one delivery.

    Attributes:
        execution_id (str): Names this claim; what became of it is reported under this execution id.
        document_id (str): The document's id.
        provider (str): The downstream system. Any name of this alphabet is accepted.
        delivery_key (str): For the destination, as its idempotency key; the same for every claim of the delivery until
            a requeue.
        worker (None | str): What the worker calls itself, for people who look at its claims.
        lease_expires_at (datetime.datetime | None): When the lease ends; null once it was given back.
        released_at (datetime.datetime | None): When it was given back; null unless it was.
    """

    execution_id: str
    document_id: str
    provider: str
    delivery_key: str
    worker: None | str
    lease_expires_at: datetime.datetime | None
    released_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        execution_id = self.execution_id

        document_id = self.document_id

        provider = self.provider

        delivery_key = self.delivery_key

        worker: None | str
        worker = self.worker

        lease_expires_at: None | str
        if isinstance(self.lease_expires_at, datetime.datetime):
            lease_expires_at = instant_text(self.lease_expires_at)
        else:
            lease_expires_at = self.lease_expires_at

        released_at: None | str
        if isinstance(self.released_at, datetime.datetime):
            released_at = instant_text(self.released_at)
        else:
            released_at = self.released_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "execution_id": execution_id,
                "document_id": document_id,
                "provider": provider,
                "delivery_key": delivery_key,
                "worker": worker,
                "lease_expires_at": lease_expires_at,
                "released_at": released_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        execution_id = d.pop("execution_id")

        document_id = d.pop("document_id")

        provider = d.pop("provider")

        delivery_key = d.pop("delivery_key")

        def _parse_worker(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        worker = _parse_worker(d.pop("worker"))

        def _parse_lease_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                lease_expires_at_type_0 = parse_instant(data)

                return lease_expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        lease_expires_at = _parse_lease_expires_at(d.pop("lease_expires_at"))

        def _parse_released_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                released_at_type_0 = parse_instant(data)

                return released_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        released_at = _parse_released_at(d.pop("released_at"))

        claim = cls(
            execution_id=execution_id,
            document_id=document_id,
            provider=provider,
            delivery_key=delivery_key,
            worker=worker,
            lease_expires_at=lease_expires_at,
            released_at=released_at,
        )

        claim.additional_properties = d
        return claim

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
