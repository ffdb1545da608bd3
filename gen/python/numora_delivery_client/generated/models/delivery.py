# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant
from ..models.delivery_state import DeliveryState, check_delivery_state

if TYPE_CHECKING:
    from ..models.claimed_by import ClaimedBy
    from ..models.delivery_attempt import DeliveryAttempt
    from ..models.requeued import Requeued


T = TypeVar("T", bound="Delivery")


@_attrs_define
class Delivery:
    """The obligation to bring one document to one provider.

    Attributes:
        document_id (str): The document's id.
        provider (str): The downstream system. Any name of this alphabet is accepted.
        state (DeliveryState): `pending`: a lease is open, a worker is at it; else `succeeded`, `skipped`, `failed`:
            what the latest attempt
            says; `exhausted`: its tries are used up; `ready`: nothing attempted yet. All since the last requeue.
        tries (int): Since the last requeue: claims handed out and not released, and failed reports made without a
            claim.
        last_attempt (DeliveryAttempt | None): The attempt that decides `state`, whole; null when there is none.
        due_at (datetime.datetime | None): When it is, or since when it was, due; null while it is leased, exhausted,
            delivered or skipped, or not offered.
        claimed_by (ClaimedBy | None): Who is at it; null when no lease is open.
        lease_expires_at (datetime.datetime | None): When the open lease ends; null when none is open.
        requeued (None | Requeued): The last time somebody requeued it; null when nobody did.
        updated_at (datetime.datetime): When something last happened to it.
    """

    document_id: str
    provider: str
    state: DeliveryState
    tries: int
    last_attempt: DeliveryAttempt | None
    due_at: datetime.datetime | None
    claimed_by: ClaimedBy | None
    lease_expires_at: datetime.datetime | None
    requeued: None | Requeued
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.claimed_by import ClaimedBy  # noqa: PLC0415
        from ..models.delivery_attempt import DeliveryAttempt  # noqa: PLC0415
        from ..models.requeued import Requeued  # noqa: PLC0415

        document_id = self.document_id

        provider = self.provider

        state: str = self.state

        tries = self.tries

        last_attempt: dict[str, Any] | None
        if isinstance(self.last_attempt, DeliveryAttempt):
            last_attempt = self.last_attempt.to_dict()
        else:
            last_attempt = self.last_attempt

        due_at: None | str
        if isinstance(self.due_at, datetime.datetime):
            due_at = instant_text(self.due_at)
        else:
            due_at = self.due_at

        claimed_by: dict[str, Any] | None
        if isinstance(self.claimed_by, ClaimedBy):
            claimed_by = self.claimed_by.to_dict()
        else:
            claimed_by = self.claimed_by

        lease_expires_at: None | str
        if isinstance(self.lease_expires_at, datetime.datetime):
            lease_expires_at = instant_text(self.lease_expires_at)
        else:
            lease_expires_at = self.lease_expires_at

        requeued: dict[str, Any] | None
        if isinstance(self.requeued, Requeued):
            requeued = self.requeued.to_dict()
        else:
            requeued = self.requeued

        updated_at = instant_text(self.updated_at)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "document_id": document_id,
                "provider": provider,
                "state": state,
                "tries": tries,
                "last_attempt": last_attempt,
                "due_at": due_at,
                "claimed_by": claimed_by,
                "lease_expires_at": lease_expires_at,
                "requeued": requeued,
                "updated_at": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.claimed_by import ClaimedBy  # noqa: PLC0415
        from ..models.delivery_attempt import DeliveryAttempt  # noqa: PLC0415
        from ..models.requeued import Requeued  # noqa: PLC0415

        d = dict(src_dict)
        document_id = d.pop("document_id")

        provider = d.pop("provider")

        state = check_delivery_state(d.pop("state"))

        tries = d.pop("tries")

        def _parse_last_attempt(data: object) -> DeliveryAttempt | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                last_attempt_type_0 = DeliveryAttempt.from_dict(data)

                return last_attempt_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(DeliveryAttempt | None, data)

        last_attempt = _parse_last_attempt(d.pop("last_attempt"))

        def _parse_due_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = parse_instant(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        due_at = _parse_due_at(d.pop("due_at"))

        def _parse_claimed_by(data: object) -> ClaimedBy | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                claimed_by_type_0 = ClaimedBy.from_dict(data)

                return claimed_by_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ClaimedBy | None, data)

        claimed_by = _parse_claimed_by(d.pop("claimed_by"))

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

        def _parse_requeued(data: object) -> None | Requeued:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                requeued_type_0 = Requeued.from_dict(data)

                return requeued_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Requeued, data)

        requeued = _parse_requeued(d.pop("requeued"))

        updated_at = parse_instant(d.pop("updated_at"))

        delivery = cls(
            document_id=document_id,
            provider=provider,
            state=state,
            tries=tries,
            last_attempt=last_attempt,
            due_at=due_at,
            claimed_by=claimed_by,
            lease_expires_at=lease_expires_at,
            requeued=requeued,
            updated_at=updated_at,
        )

        delivery.additional_properties = d
        return delivery

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
