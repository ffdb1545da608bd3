# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="RetryPush")


@_attrs_define
class RetryPush:
    """Which delivery is to be requeued, and why.

    Attributes:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        reason (None | str | Unset): Why, for people. Any text; kept as it is.
        force (bool | Unset): Also when it was delivered or skipped. The destination is written to once more then.
            Default: False.
    """

    provider: str
    reason: None | str | Unset = UNSET
    force: bool | Unset = False

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        reason: None | str | Unset
        if isinstance(self.reason, Unset):
            reason = UNSET
        else:
            reason = self.reason

        force = self.force

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "provider": provider,
            }
        )
        if reason is not UNSET:
            field_dict["reason"] = reason
        if force is not UNSET:
            field_dict["force"] = force

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        provider = d.pop("provider")

        def _parse_reason(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reason = _parse_reason(d.pop("reason", UNSET))

        force = d.pop("force", UNSET)

        retry_push = cls(
            provider=provider,
            reason=reason,
            force=force,
        )

        return retry_push
