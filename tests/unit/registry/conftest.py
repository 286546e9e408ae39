"""A registry, and clients for it whose clock does not wait."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from bakex.config import load
from bakex.model.reference import Reference
from bakex.registry.client import RegistryClient
from bakex.registry.hosts import Hosts
from bakex.registry.retry import RetryPolicy
from bakex.testing.clock import ManualClock
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bakex.registry.repository import Repository


@dataclass(slots=True)
class Rig:
    client: RegistryClient
    clock: ManualClock

    def repository(self, name: str, *, insecure: bool = False) -> Repository:
        return self.client.repository(Reference.parse(name), insecure=insecure)


class MakeRig(Protocol):
    def __call__(
        self,
        *,
        keys: StaticKeychain | None = None,
        environ: dict[str, str] | None = None,
        **options: Any,
    ) -> AbstractAsyncContextManager[Rig]: ...


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture
def make_rig(tmp_path: Path) -> MakeRig:
    @asynccontextmanager
    async def make(
        *,
        keys: StaticKeychain | None = None,
        environ: dict[str, str] | None = None,
        **options: Any,
    ) -> AsyncGenerator[Rig, None]:
        settings = load({"HOME": str(tmp_path), **(environ or {})}, cwd=tmp_path)
        options.setdefault("hosts", Hosts(settings, containers=(), buildkit=()))
        options.setdefault("policy", RetryPolicy(jitter=lambda top: top))
        clock = ManualClock()
        client = RegistryClient(
            keychain=keys or StaticKeychain(), settings=settings, clock=clock, **options
        )
        try:
            yield Rig(client, clock)
        finally:
            await client.aclose()
            await client.aclose()

    return make


@pytest.fixture
async def rig(make_rig: MakeRig) -> AsyncGenerator[Rig, None]:
    async with make_rig() as found:
        yield found
