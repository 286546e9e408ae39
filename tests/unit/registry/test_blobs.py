"""Blobs over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bakex.errors import (
    ContentNotFoundError,
    DeniedError,
    RegistryError,
    SizeMismatchError,
)
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_CONFIG
from bakex.oci.copy import once
from bakex.oci.verified import read, stream
from bakex.testing.images import put_blob
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.registry.conftest import MakeRig, Rig

OCTETS = "application/octet-stream"
BIG = bytes(range(256)) * 1024


def described(data: bytes) -> Descriptor:
    return Descriptor(media_type=OCTETS, digest=Digest.of(data), size=len(data))


async def test_a_small_blob_takes_two_requests(registry: FakeRegistry, rig: Rig) -> None:
    await put_blob(rig.repository(f"{registry.host}/app"), b"small", OCTETS)
    assert [seen.method for seen in registry.log] == ["GET", "POST", "PUT"]


async def test_a_large_blob_is_looked_for_first(registry: FakeRegistry, rig: Rig) -> None:
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert [seen.method for seen in registry.log] == ["GET", "HEAD", "POST", "PUT"]
    registry.log.clear()
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert registry.log == []


async def test_a_blob_that_is_there_does_not_move(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    async with make_rig() as other:
        registry.log.clear()

        def unread() -> AsyncIterator[bytes]:
            raise AssertionError("the content was read")

        await other.repository(f"{registry.host}/app").push(described(BIG), unread)
        assert registry.requests("PUT") == []


async def test_concurrent_pushes_are_one(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(put_blob(repository, BIG, OCTETS))
    assert len(registry.requests("PUT")) == 1


async def test_a_blob_of_another_repository_is_mounted(registry: FakeRegistry, rig: Rig) -> None:
    blob = await put_blob(rig.repository(f"{registry.host}/base"), BIG, OCTETS)
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert len(registry.requests("PUT")) == 1
    assert len(registry.requests("mount=")) == 1
    assert registry.content.has_blob("app", str(blob.digest))


async def test_a_mount_that_is_an_upload_session_is_used_as_one(
    registry: FakeRegistry, rig: Rig
) -> None:
    blob = await put_blob(rig.repository(f"{registry.host}/base"), BIG, OCTETS)
    registry.content.remove_blob("base", str(blob.digest))
    await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert len(registry.requests("POST")) == 2
    assert registry.content.has_blob("app", str(blob.digest))


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_a_refused_mount_is_an_upload(registry: FakeRegistry, rig: Rig, status: int) -> None:
    await put_blob(rig.repository(f"{registry.host}/base"), BIG, OCTETS)
    registry.fail(Fault(match="mount=", status=status))
    blob = await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert registry.content.has_blob("app", str(blob.digest))


async def test_another_size_is_not_the_blob(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, b"small", OCTETS)
    other = Descriptor(media_type=OCTETS, digest=Digest.of(b"small"), size=6)
    assert not await repository.exists(other)


async def test_a_refusal_is_not_the_same_as_missing(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="HEAD .*/blobs/", status=403))
    with pytest.raises(DeniedError, match=f"look for a blob in {registry.host}/app"):
        await rig.repository(f"{registry.host}/app").exists(described(b"x"))


async def test_a_refused_upload_says_why(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    registry.fail(Fault(match="POST", status=403))
    with pytest.raises(DeniedError):
        await put_blob(repository, b"x", OCTETS)
    registry.fail(Fault(match="PUT", status=413))
    with pytest.raises(RegistryError, match="too large for the registry, or for a proxy"):
        await put_blob(repository, b"x", OCTETS)


async def test_an_upload_without_a_location_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="POST", headers={"Location": None}))
    with pytest.raises(RegistryError, match="named no upload location"):
        await put_blob(rig.repository(f"{registry.host}/app"), b"x", OCTETS)


async def test_a_large_upload_reports_slots_back(registry: FakeRegistry, rig: Rig) -> None:
    data = bytes(9 << 20)
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, data, OCTETS)
    assert await read(repository, described(data), limit=len(data)) == data


async def test_a_download_comes_in_pieces(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    async with aclosing(stream(repository, described(BIG))) as chunks:
        first = await anext(chunks)
    assert BIG.startswith(first)
    assert await read(repository, described(BIG), limit=len(BIG)) == BIG


async def test_a_missing_blob_is_waited_for(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    registry.fail(Fault(match="GET .*/blobs/", status=404, times=3))
    assert await read(repository, described(BIG), limit=len(BIG)) == BIG
    assert rig.clock.slept == [0.1, 0.2, 0.4]
    with pytest.raises(ContentNotFoundError, match=rf"is not in {registry.host}/app"):
        await read(repository, described(b"never"), limit=10)
    assert sum(rig.clock.slept) < 5


async def test_a_download_goes_on_where_it_stopped(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    registry.log.clear()
    registry.fail(Fault(match="GET", truncate=1000), Fault(match="GET", truncate=5000))
    assert await read(repository, described(BIG), limit=len(BIG)) == BIG
    assert [seen.status for seen in registry.log] == [200, 206, 206]


async def test_a_server_without_ranges_is_read_again(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    registry.fail(
        Fault(match="GET", truncate=100_000),
        Fault(match="GET", status=200, body=BIG),
    )
    assert await read(repository, described(BIG), limit=len(BIG)) == BIG


async def test_another_range_is_not_taken(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    wrong: list[dict[str, str | None]] = [
        {"Content-Range": f"bytes 5-9/{len(BIG)}"},
        {"Content-Range": None},
    ]
    for headers in wrong:
        registry.fail(
            Fault(match="GET", truncate=1000),
            Fault(match="GET", headers=headers),
        )
        with pytest.raises(RegistryError, match="another range"):
            await read(repository, described(BIG), limit=len(BIG))


async def test_a_shorter_blob_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, b"small", OCTETS)
    longer = Descriptor(media_type=OCTETS, digest=Digest.of(b"small"), size=9)
    with pytest.raises(SizeMismatchError, match="5 bytes"):
        await read(repository, longer, limit=10)


async def test_a_busy_server_is_asked_again(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    registry.fail(Fault(match="GET", status=503, headers={"Retry-After": "9"}, times=2))
    assert await read(repository, described(BIG), limit=len(BIG)) == BIG
    assert rig.clock.monotonic() >= 18


async def test_a_refused_download_says_why(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(Fault(match="GET .*/blobs/", status=403))
    with pytest.raises(DeniedError, match="pull a blob from"):
        await read(rig.repository(f"{registry.host}/app"), described(b"x"), limit=5)


async def test_content_that_changed_is_not_taken_for_the_networks_fault(
    registry: FakeRegistry, rig: Rig
) -> None:
    repository = rig.repository(f"{registry.host}/app")
    with pytest.raises(SizeMismatchError):
        await repository.push(described(b"four"), partial(once, b"for"))
    assert len(registry.requests("PUT")) <= 1


async def test_a_config_is_fetched_once(
    registry: FakeRegistry, rig: Rig, make_rig: MakeRig
) -> None:
    config = await put_blob(rig.repository(f"{registry.host}/app"), b"{}", OCI_CONFIG)
    layer = await put_blob(rig.repository(f"{registry.host}/app"), b"layer", OCTETS)
    async with make_rig() as other:
        repository = other.repository(f"{registry.host}/app")
        for _ in range(2):
            assert await read(repository, config, limit=9) == b"{}"
            assert await read(repository, layer, limit=9) == b"layer"
        with pytest.raises(SizeMismatchError):
            await read(repository, replace(config, size=1), limit=9)
        got = [seen for seen in registry.requests("/blobs/sha256:") if seen.startswith("GET")]
        assert sum(str(config.digest) in seen for seen in got) == 1
        assert sum(str(layer.digest) in seen for seen in got) == 2
        # It is not taken for there when the registry says that it is gone.
        registry.fail(Fault(match=f"HEAD .*/{config.digest}", status=404, times=9))
        assert not await repository.exists(config)
        registry.log.clear()
        assert await read(repository, config, limit=9) == b"{}"
        assert len(registry.requests(f"/blobs/{config.digest}")) == 1
