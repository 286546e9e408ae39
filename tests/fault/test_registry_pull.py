"""Reading an image while the registry misbehaves: the right bytes, or an error."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import BakexError
from bakex.model.reference import Reference
from bakex.oci.copy import copy
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.registry.client import RegistryClient
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_attested
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor

LAYER = bytes(range(256)) * 800
BLOB, MANIFEST = "GET .*/blobs/", "GET .*/manifests/"

SURVIVED = {
    "reset at a blob": Fault(match=BLOB, reset="before", times=3),
    "a blob cut short": Fault(match=BLOB, truncate=1000, times=4),
    "a blob cut short at once": Fault(match=BLOB, truncate=0, times=3),
    "a blob damaged": Fault(match=BLOB, corrupt=True, times=2),
    "a manifest cut short": Fault(match=MANIFEST, truncate=10, times=2),
    "a blob not seen yet": Fault(match=BLOB, status=404, times=3),
    "a manifest not seen yet": Fault(match=MANIFEST, status=404, times=3),
    "502": Fault(match="GET", status=502, times=3),
    "429": Fault(match=BLOB, status=429, headers={"Retry-After": "3"}, times=3),
}
FATAL = {
    "always damaged": Fault(match=BLOB, corrupt=True, times=99),
    "always cut short": Fault(match=BLOB, truncate=0, times=999),
    "a damaged manifest": Fault(match=MANIFEST, corrupt=True, times=99),
    "another document": Fault(match=MANIFEST, status=200, body=b"{}", times=99),
    "a page": Fault(match=BLOB, status=200, body=b"<html>please log in</html>", times=99),
    "never there": Fault(match=BLOB, status=404, times=999),
    "endless": Fault(match=MANIFEST, status=200, body=bytes(6 << 20), times=99),
}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@asynccontextmanager
async def client_for(home: Path) -> AsyncGenerator[RegistryClient, None]:
    client = RegistryClient(
        keychain=StaticKeychain(), settings=load({}, cwd=home), clock=ManualClock()
    )
    yield client
    await client.aclose()


async def pushed(registry: FakeRegistry, home: Path) -> tuple[MemoryStore, Descriptor]:
    local = MemoryStore()
    root = await put_attested(local, layers=({"f": LAYER}, {"g": b"small"}))
    async with client_for(home) as client:
        await copy(local, client.repository(Reference.parse(f"{registry.host}/app")), root)
    return local, root


@pytest.mark.parametrize("fault", SURVIVED)
async def test_a_pull_survives(registry: FakeRegistry, tmp_path: Path, fault: str) -> None:
    local, root = await pushed(registry, tmp_path)
    registry.fail(replace(SURVIVED[fault]))
    target = MemoryStore()
    async with client_for(tmp_path) as client:
        await copy(client.repository(Reference.parse(f"{registry.host}/app")), target, root)
    assert target.blobs == local.blobs


@pytest.mark.parametrize("fault", FATAL)
async def test_a_pull_fails_with_an_error_and_leaves_only_whole_blobs(
    registry: FakeRegistry, tmp_path: Path, fault: str
) -> None:
    local, root = await pushed(registry, tmp_path)
    registry.fail(replace(FATAL[fault]))
    target = OciLayout.create(tmp_path / "layout")
    async with client_for(tmp_path) as client:
        with pytest.raises(BakexError):
            await copy(client.repository(Reference.parse(f"{registry.host}/app")), target, root)
    kept = {path.name: path.read_bytes() for path in (target.root / "blobs/sha256").iterdir()}
    assert all(
        local.blobs[digest] == kept[digest.hex] for digest in local.blobs if digest.hex in kept
    )
    assert set(kept) <= {digest.hex for digest in local.blobs}
    assert root.digest.hex not in kept
