# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.document_registration_status import DocumentRegistrationStatus, check_document_registration_status
from ..types import UNSET, Unset

T = TypeVar("T", bound="DocumentRegistration")


@_attrs_define
class DocumentRegistration:
    """
    Attributes:
        status (DocumentRegistrationStatus): Where extraction and review stand. Only a `reviewed` document shows a push
            status.
        schema (None | str | Unset): What kind of document it is, in the extraction's terms.
        external_id (None | str | Unset): The document's id in the system it came from.
        metadata (dict[str, Any] | None | Unset): Anything the registering side wants to keep with the document: a JSON object of at most
            16 KiB of UTF-8
            as sent. It comes back as it was sent, member order, number spelling and escapes included; only the white
            space between tokens is not kept. As anywhere in a body, U+0000 and numbers beyond a float64 (1e400) are
            refused.
        result_url (None | str | Unset): Where the reviewed data can be fetched. Absolute http or https, without user
            information.
        providers (list[str] | None | Unset): The providers the document has to reach. Where the server's settings name
            the providers, any other
            is refused (422).
    """

    status: DocumentRegistrationStatus
    schema: None | str | Unset = UNSET
    external_id: None | str | Unset = UNSET
    metadata: dict[str, Any] | None | Unset = UNSET
    result_url: None | str | Unset = UNSET
    providers: list[str] | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        status: str = self.status

        schema: None | str | Unset
        if isinstance(self.schema, Unset):
            schema = UNSET
        else:
            schema = self.schema

        external_id: None | str | Unset
        if isinstance(self.external_id, Unset):
            external_id = UNSET
        else:
            external_id = self.external_id

        metadata = self.metadata

        result_url: None | str | Unset
        if isinstance(self.result_url, Unset):
            result_url = UNSET
        else:
            result_url = self.result_url

        providers: list[str] | None | Unset
        if isinstance(self.providers, Unset):
            providers = UNSET
        elif isinstance(self.providers, list):
            providers = self.providers

        else:
            providers = self.providers

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "status": status,
            }
        )
        if schema is not UNSET:
            field_dict["schema"] = schema
        if external_id is not UNSET:
            field_dict["external_id"] = external_id
        if metadata is not UNSET:
            field_dict["metadata"] = metadata
        if result_url is not UNSET:
            field_dict["result_url"] = result_url
        if providers is not UNSET:
            field_dict["providers"] = providers

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        status = check_document_registration_status(d.pop("status"))

        def _parse_schema(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        schema = _parse_schema(d.pop("schema", UNSET))

        def _parse_external_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        external_id = _parse_external_id(d.pop("external_id", UNSET))

        metadata = d.pop("metadata", UNSET)

        def _parse_result_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        result_url = _parse_result_url(d.pop("result_url", UNSET))

        def _parse_providers(data: object) -> list[str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                providers_type_0 = cast(list[str], data)

                return providers_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None | Unset, data)

        providers = _parse_providers(d.pop("providers", UNSET))

        document_registration = cls(
            status=status,
            schema=schema,
            external_id=external_id,
            metadata=metadata,
            result_url=result_url,
            providers=providers,
        )

        return document_registration
