"""A repository keeps the contract of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.testing.checks import check_store

if TYPE_CHECKING:
    from bakex.testing.registry import FakeRegistry
    from tests.unit.registry.conftest import Rig


async def test_it_keeps_the_contract(registry: FakeRegistry, rig: Rig) -> None:
    await check_store(rig.repository(f"{registry.host}/team/app"))
