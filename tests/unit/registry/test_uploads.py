"""Uploads at once and in pieces."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bakex.errors import DigestMismatchError, RegistryError, SizeMismatchError
from bakex.model.descriptor import Descriptor
from bakex.model.digest import Digest
from bakex.oci.copy import once
from bakex.oci.file import FileContent
from bakex.oci.layout import OciLayout
from bakex.oci.verified import stream
from bakex.registry.request import Request
from bakex.testing.images import put_blob
from bakex.testing.registry import FakeRegistry, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.registry.conftest import Rig

OCTETS = "application/octet-stream"
BIG = random.Random(1).randbytes(3 << 20)
WHOLE = r"PUT .*/blobs/uploads/.*digest="


def narrow() -> Fault:
    return Fault(match=WHOLE, status=413)


async def pushed(registry: FakeRegistry, rig: Rig, *faults: Fault) -> list[str]:
    """Push a large blob while things go wrong; return the methods of its upload requests."""
    registry.fail(*faults)
    blob = await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert registry.content.blob("app", str(blob.digest)).read_bytes() == BIG
    assert registry.is_done
    return [seen.split()[0] for seen in registry.requests("/blobs/uploads/")]


async def test_what_is_too_large_goes_in_pieces(registry: FakeRegistry, rig: Rig) -> None:
    assert await pushed(registry, rig, narrow()) == [
        "POST", "PUT", "POST", "PATCH", "PATCH", "PUT"
    ]  # fmt: skip
    # The next blob starts with what the first one has found out.
    registry.log.clear()
    await put_blob(rig.repository(f"{registry.host}/app"), BIG[1:], OCTETS)
    assert [s.split()[0] for s in registry.requests("uploads")] == ["POST", "PATCH", "PATCH", "PUT"]


async def test_pieces_become_smaller_and_smaller(registry: FakeRegistry, rig: Rig) -> None:
    methods = await pushed(registry, rig, narrow(), Fault(match="PATCH", status=413, times=2))
    assert methods[-1] == "PUT"
    assert methods.count("PATCH") == 2 + 8  # two refused, then eight of 384 KiB


async def test_pieces_have_a_least_size(registry: FakeRegistry, rig: Rig) -> None:
    least: dict[str, str | None] = {"OCI-Chunk-Min-Length": str(2 << 20)}
    faults = (narrow(), Fault(match="POST", headers=least))
    assert (await pushed(registry, rig, *faults)).count("PATCH") == 2
    registry.fail(Fault(match="PATCH", status=413, times=99))
    with pytest.raises(RegistryError, match="too large"):
        await put_blob(rig.repository(f"{registry.host}/app"), BIG[1:], OCTETS)


async def test_a_small_blob_that_is_too_large_is_an_error(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(narrow())
    with pytest.raises(RegistryError, match="HTTP 413"):
        await put_blob(rig.repository(f"{registry.host}/app"), b"small", OCTETS)


@pytest.mark.parametrize("status", [405, 411, 415, 501])
async def test_a_refused_way_is_followed_by_the_other_one(
    registry: FakeRegistry, rig: Rig, status: int
) -> None:
    methods = await pushed(registry, rig, Fault(match=WHOLE, status=status))
    assert methods == ["POST", "PUT", "POST", "PATCH", "PUT"]


async def test_a_broken_piece_is_asked_about(registry: FakeRegistry, rig: Rig) -> None:
    faults = (narrow(), Fault(match="PATCH", reset="after"))
    assert "GET" in await pushed(registry, rig, *faults)
    assert registry.requests("PATCH")[0].split("?")[0] in registry.requests("PATCH")[1]


async def test_a_registry_that_took_less_gets_the_rest(registry: FakeRegistry, rig: Rig) -> None:
    await pushed(registry, rig, narrow(), Fault(match="PATCH", keep=1000, times=2))


async def test_a_registry_that_takes_nothing_is_given_up(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(narrow(), Fault(match="PATCH", keep=0, times=99))
    with pytest.raises(RegistryError, match="takes no more of it"):
        await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert len(registry.requests("PATCH")) <= 6


async def test_wrong_content_is_noticed_in_pieces_too(registry: FakeRegistry, rig: Rig) -> None:
    registry.fail(narrow())
    repository = rig.repository(f"{registry.host}/app")
    await put_blob(repository, BIG, OCTETS)
    wrong = Descriptor(media_type=OCTETS, digest=Digest.of(b"other"), size=len(BIG))
    with pytest.raises(DigestMismatchError):
        await repository.push(wrong, lambda: once(BIG))
    assert not registry.content.has_blob("app", str(wrong.digest))


@pytest.mark.parametrize("seed", range(6))
async def test_random_failures_of_pieces_end_well(
    registry: FakeRegistry, rig: Rig, seed: int
) -> None:
    chance = random.Random(seed)
    kinds = [
        Fault(match="PATCH", reset="before"),
        Fault(match="PATCH", reset="after"),
        Fault(match="PATCH", reset="body", after=chance.randrange(1, 400_000)),
        Fault(match="PATCH", status=503),
        Fault(match="PATCH", status=416),
        Fault(match="PATCH", keep=chance.randrange(1, 200_000)),
        Fault(match="PATCH", status=429, headers={"Retry-After": "1"}),
    ]
    some = [replace(chance.choice(kinds), skip=chance.randrange(3)) for _ in range(4)]
    registry.fail(narrow(), *some)
    blob = await put_blob(rig.repository(f"{registry.host}/app"), BIG, OCTETS)
    assert registry.content.blob("app", str(blob.digest)).read_bytes() == BIG


async def test_a_push_can_be_tried_without_pushing(registry: FakeRegistry, rig: Rig) -> None:
    repository = rig.repository(f"{registry.host}/app")
    registry.fail(Fault(match="DELETE", status=405))
    await repository.check_push()
    await repository.check_push()
    methods = [seen.split()[0] for seen in registry.requests("uploads")]
    assert methods == ["POST", "DELETE", "POST", "DELETE"]


@pytest.fixture
def large(tmp_path: Path) -> tuple[OciLayout, Descriptor]:
    """Return a layout with a blob that is worth sending without reading it."""
    layout = OciLayout.create(tmp_path / "layout", durable=False)
    return layout, asyncio.run(put_blob(layout, BIG * 3, OCTETS))


def path(large: tuple[OciLayout, Descriptor]) -> Path:
    layout, blob = large
    return layout.path(blob.digest)


async def sent(registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]) -> int:
    """Push the blob, and return how often it was sent."""
    layout, blob = large
    repository = rig.repository(f"{registry.host}/app")
    await repository.push(blob, partial(stream, layout, blob))
    assert registry.content.blob("app", str(blob.digest)).read_bytes() == BIG * 3
    assert registry.is_done
    return sum(seen.startswith("PUT") for seen in registry.requests("uploads"))


async def test_a_large_file_is_not_read(
    registry: FakeRegistry,
    rig: Rig,
    large: tuple[OciLayout, Descriptor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FileContent, "asend", None)
    assert await sent(registry, rig, large) == 1


async def test_a_large_file_that_was_damaged_on_its_way_is_sent_again(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]
) -> None:
    registry.fail(Fault(match=WHOLE, corrupt_request=True))
    assert await sent(registry, rig, large) == 2


@pytest.mark.parametrize("status", [413, 415])
async def test_a_large_file_can_go_in_pieces_as_well(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor], status: int
) -> None:
    registry.fail(Fault(match=WHOLE, status=status))
    assert await sent(registry, rig, large) == 2
    assert registry.requests("PATCH")


async def test_a_large_file_that_is_damaged_is_refused(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]
) -> None:
    path(large).write_bytes(bytes(len(BIG) * 3))
    with pytest.raises(DigestMismatchError, match=str(large[1].digest)):
        await sent(registry, rig, large)
    assert not registry.content.has_blob("app", str(large[1].digest))


async def test_a_large_file_that_is_too_short_is_refused(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]
) -> None:
    path(large).write_bytes(BIG)
    with pytest.raises(SizeMismatchError, match=f"has {len(BIG)} bytes"):
        await sent(registry, rig, large)
    assert not registry.content.has_blob("app", str(large[1].digest))


async def test_a_registry_that_does_not_say_what_it_has_stored_is_checked(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]
) -> None:
    registry.fail(Fault(match=WHOLE, headers={"Docker-Content-Digest": None}))
    assert await sent(registry, rig, large) == 1


async def test_a_registry_that_compares_no_digests_is_found_out(
    registry: FakeRegistry, rig: Rig, large: tuple[OciLayout, Descriptor]
) -> None:
    registry.fail(Fault(match=WHOLE, status=201))
    path(large).write_bytes(bytes(len(BIG) * 3))
    with pytest.raises(RegistryError, match="has stored damaged content as sha256:") as caught:
        await sent(registry, rig, large)
    assert "has the digest" in caught.value.detail
    assert not caught.value.transient


def test_a_request_has_a_longest_time() -> None:
    small = Request(method="GET", target="/", action="a", place="b")
    large = Request(method="PUT", target="/", action="a", place="b", length=4 << 30, read_s=600)
    assert small.whole_s == 120
    assert large.whole_s > 1_000_000
