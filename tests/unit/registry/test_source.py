"""Reading through mirrors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import (
    ConfigError,
    ContentNotFoundError,
    DigestMismatchError,
    NameUnknownError,
)
from bakex.model.digest import Digest
from bakex.model.reference import Reference
from bakex.oci.verified import read, read_document
from bakex.registry.hosts import Hosts
from bakex.testing.images import put_blob, put_image
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.registry.conftest import MakeRig

BIG = bytes(range(256)) * 4096
OCTETS = "application/octet-stream"


@pytest.fixture
def mirror() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


def rules(tmp_path: Path, registry: FakeRegistry, *mirrors: str) -> Hosts:
    file = tmp_path / "registries.conf"
    lines = ["[[registry]]", f'location = "{registry.host}"']
    for place in mirrors:
        lines += ["[[registry.mirror]]", f'location = "{place}"']
    file.write_text("\n".join(lines))
    return Hosts(load({}), containers=[file], buildkit=())


async def test_a_mirror_is_asked_first_and_never_written_to(
    registry: FakeRegistry, mirror: FakeRegistry, make_rig: MakeRig, tmp_path: Path
) -> None:
    hosts = rules(tmp_path, registry, f"{mirror.host}/cache")
    reference = Reference.parse(f"{registry.host}/app:1")
    async with make_rig(hosts=hosts) as rig:
        cache = rig.repository(f"{mirror.host}/cache/app")
        image = await put_image(cache)
        await cache.tag(image, "1")
        mirror.log.clear()
        source = rig.client.source(reference)
        found = await source.resolve("1")
        document = await read_document(source, found)
        assert document.descriptor.digest == image.digest
        await put_blob(rig.client.repository(reference), b"new", OCTETS)
    assert registry.requests("GET /v2/app") == []
    assert {seen.method for seen in mirror.log} == {"GET", "HEAD"}


async def test_what_a_mirror_lacks_or_fails_to_give_comes_from_the_place_itself(
    registry: FakeRegistry, mirror: FakeRegistry, make_rig: MakeRig, tmp_path: Path
) -> None:
    hosts = rules(tmp_path, registry, "127.0.0.1:1", mirror.host)
    async with make_rig(hosts=hosts) as rig:
        repository = rig.repository(f"{registry.host}/app")
        image = await put_image(repository)
        await repository.tag(image, "1")
        blob = await put_blob(repository, BIG, OCTETS)
        await put_blob(rig.repository(f"{mirror.host}/app"), BIG, OCTETS)
        source = rig.client.source(Reference.parse(f"{registry.host}/app"))
        assert (await source.resolve("1")).digest == image.digest
        mirror.fail(Fault(match="GET .*/blobs/", truncate=100_000, times=9))
        assert await read(source, blob, limit=len(BIG)) == BIG
        mirror.heal()
        mirror.fail(Fault(match="GET .*/blobs/", corrupt=True, times=9))
        with pytest.raises(DigestMismatchError):
            await read(source, blob, limit=len(BIG))
        assert await read(source, blob, limit=len(BIG)) == BIG
        with pytest.raises(NameUnknownError):
            await source.resolve("2")
        missing = type(blob)(media_type=OCTETS, digest=Digest.of(b"no"), size=2)
        with pytest.raises(ContentNotFoundError):
            await read(source, missing, limit=2)


async def test_a_blocked_host_is_neither_read_nor_written(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    file = tmp_path / "registries.conf"
    file.write_text('[[registry]]\nlocation = "reg.example"\nblocked = true\n')
    async with make_rig(hosts=Hosts(load({}), containers=[file], buildkit=())) as rig:
        with pytest.raises(ConfigError, match="blocked"):
            rig.repository("reg.example/app")
        with pytest.raises(ConfigError, match="blocked"):
            rig.client.source(Reference.parse("reg.example/app"))
