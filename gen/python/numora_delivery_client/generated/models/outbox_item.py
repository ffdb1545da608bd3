# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ...instants import instant_text, parse_instant
from ..models.document_status import DocumentStatus, check_document_status

if TYPE_CHECKING:
    from ..models.delivery_attempt import DeliveryAttempt


T = TypeVar("T", bound="OutboxItem")


@_attrs_define
class OutboxItem:
    """A delivery that is due, with what its document is.

    Attributes:
        document_id (str): The document's id.
        schema (None | str): What kind of document it is, in the extraction's terms.
        status (DocumentStatus): Where the document stands; see "Push status" above.
        external_id (None | str): The document's id in the system it came from.
        metadata (dict[str, Any] | None): Anything the registering side wants to keep with the document: a JSON object of at most 16 KiB
            of UTF-8
            as sent. It comes back as it was sent, member order, number spelling and escapes included; only the white
            space between tokens is not kept. As anywhere in a body, U+0000 and numbers beyond a float64 (1e400) are
            refused.
        result_url (None | str): Where the reviewed data can be fetched. Absolute http or https, without user
            information.
        provider (str): The downstream system. Any name of this alphabet is accepted.
        tries (int): Since the last requeue: claims handed out and not released, and failed reports made without a
            claim.
        last_attempt (DeliveryAttempt | None): The attempt that decides the delivery's state, whole; null when there is
            none.
        due_at (datetime.datetime): Since when it is due, or was when it was claimed.
        updated_at (datetime.datetime): When something last happened to the delivery.
    """

    document_id: str
    schema: None | str
    status: DocumentStatus
    external_id: None | str
    metadata: dict[str, Any] | None
    result_url: None | str
    provider: str
    tries: int
    last_attempt: DeliveryAttempt | None
    due_at: datetime.datetime
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.delivery_attempt import DeliveryAttempt  # noqa: PLC0415

        document_id = self.document_id

        schema: None | str
        schema = self.schema

        status: str = self.status

        external_id: None | str
        external_id = self.external_id

        metadata = self.metadata

        result_url: None | str
        result_url = self.result_url

        provider = self.provider

        tries = self.tries

        last_attempt: dict[str, Any] | None
        if isinstance(self.last_attempt, DeliveryAttempt):
            last_attempt = self.last_attempt.to_dict()
        else:
            last_attempt = self.last_attempt

        due_at = instant_text(self.due_at)

        updated_at = instant_text(self.updated_at)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "document_id": document_id,
                "schema": schema,
                "status": status,
                "external_id": external_id,
                "metadata": metadata,
                "result_url": result_url,
                "provider": provider,
                "tries": tries,
                "last_attempt": last_attempt,
                "due_at": due_at,
                "updated_at": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.delivery_attempt import DeliveryAttempt  # noqa: PLC0415

        d = dict(src_dict)
        document_id = d.pop("document_id")

        def _parse_schema(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        schema = _parse_schema(d.pop("schema"))

        status = check_document_status(d.pop("status"))

        def _parse_external_id(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        external_id = _parse_external_id(d.pop("external_id"))

        metadata = d.pop("metadata")

        def _parse_result_url(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        result_url = _parse_result_url(d.pop("result_url"))

        provider = d.pop("provider")

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

        due_at = parse_instant(d.pop("due_at"))

        updated_at = parse_instant(d.pop("updated_at"))

        outbox_item = cls(
            document_id=document_id,
            schema=schema,
            status=status,
            external_id=external_id,
            metadata=metadata,
            result_url=result_url,
            provider=provider,
            tries=tries,
            last_attempt=last_attempt,
            due_at=due_at,
            updated_at=updated_at,
        )

        outbox_item.additional_properties = d
        return outbox_item

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
