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
    from ..models.delivery import Delivery


T = TypeVar("T", bound="Document")


@_attrs_define
class Document:
    """
    Attributes:
        id (str): The document's id.
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
        created_at (datetime.datetime): When it was first registered.
        updated_at (datetime.datetime): When its registration last changed. Reports do not change it; see each
            delivery's `updated_at`.
        deliveries (list[Delivery]): One for each provider it has to reach, by name.
    """

    id: str
    schema: None | str
    status: DocumentStatus
    external_id: None | str
    metadata: dict[str, Any] | None
    result_url: None | str
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deliveries: list[Delivery]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        schema: None | str
        schema = self.schema

        status: str = self.status

        external_id: None | str
        external_id = self.external_id

        metadata = self.metadata

        result_url: None | str
        result_url = self.result_url

        created_at = instant_text(self.created_at)

        updated_at = instant_text(self.updated_at)

        deliveries = []
        for deliveries_item_data in self.deliveries:
            deliveries_item = deliveries_item_data.to_dict()
            deliveries.append(deliveries_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "schema": schema,
                "status": status,
                "external_id": external_id,
                "metadata": metadata,
                "result_url": result_url,
                "created_at": created_at,
                "updated_at": updated_at,
                "deliveries": deliveries,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.delivery import Delivery  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

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

        created_at = parse_instant(d.pop("created_at"))

        updated_at = parse_instant(d.pop("updated_at"))

        deliveries = []
        _deliveries = d.pop("deliveries")
        for deliveries_item_data in _deliveries:
            deliveries_item = Delivery.from_dict(deliveries_item_data)

            deliveries.append(deliveries_item)

        document = cls(
            id=id,
            schema=schema,
            status=status,
            external_id=external_id,
            metadata=metadata,
            result_url=result_url,
            created_at=created_at,
            updated_at=updated_at,
            deliveries=deliveries,
        )

        document.additional_properties = d
        return document

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
