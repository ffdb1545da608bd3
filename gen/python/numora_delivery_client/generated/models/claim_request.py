# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="ClaimRequest")


@_attrs_define
class ClaimRequest:
    """How much a worker asks for.

    Attributes:
        provider (str): The downstream system. Any name of this alphabet is accepted.
        limit (int | Unset): How many deliveries at most. Default: 1.
        lease_seconds (int | Unset): How long the lease lasts, from now.
        worker (None | str | Unset): What the worker calls itself, for people who look at its claims.
    """

    provider: str
    limit: int | Unset = 1
    lease_seconds: int | Unset = UNSET
    worker: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        provider = self.provider

        limit = self.limit

        lease_seconds = self.lease_seconds

        worker: None | str | Unset
        if isinstance(self.worker, Unset):
            worker = UNSET
        else:
            worker = self.worker

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "provider": provider,
            }
        )
        if limit is not UNSET:
            field_dict["limit"] = limit
        if lease_seconds is not UNSET:
            field_dict["lease_seconds"] = lease_seconds
        if worker is not UNSET:
            field_dict["worker"] = worker

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        provider = d.pop("provider")

        limit = d.pop("limit", UNSET)

        lease_seconds = d.pop("lease_seconds", UNSET)

        def _parse_worker(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        worker = _parse_worker(d.pop("worker", UNSET))

        claim_request = cls(
            provider=provider,
            limit=limit,
            lease_seconds=lease_seconds,
            worker=worker,
        )

        return claim_request
