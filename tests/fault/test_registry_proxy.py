"""Pushes and pulls through a proxy that fails, in front of a real registry.

Each ends well or with one clear error; afterwards the registry has what it should have, byte by
byte, and the client has done nothing that it must not do.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest

from bakex.config import load
from bakex.errors import BakexError, DeniedError
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_INDEX, OCI_MANIFEST
from bakex.model.platform import Platform
from bakex.model.reference import Reference
from bakex.oci.assemble import assemble
from bakex.oci.copy import copy, once, push_document, walk
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.validate import validate
from bakex.registry.client import RegistryClient
from bakex.registry.credential import Credential
from bakex.registry.hosts import Hosts
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_attested
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, Fault, RegistryAuth
from bakex.testing.registry_proxy import RegistryProxy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor
    from tests.conftest import LoopbackRegistry

PLATFORMS = tuple(map(Platform.parse, ("linux/amd64", "linux/arm64")))
LARGE = 1 << 20
NUMBERS = itertools.count()
UPLOAD, BLOB, MANIFEST = "/blobs/uploads/", "/blobs/sha256", "/manifests/"
SEND = f"(PUT|PATCH) .*{UPLOAD}"
ANY = "(GET|HEAD|POST|PUT|PATCH) /v2/."
LACKS = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}'
UNKNOWN = b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'
PAGE: dict[str, str | None] = {"Content-Type": "text/html"}
NOT_HTTP = b"\x16\x03\x01 not http at all\r\n\r\n"
HUGE_HEAD = b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"a" * 200_000 + b"\r\n\r\n"


def after(value: str) -> dict[str, str | None]:
    return {"Retry-After": value}


def lying(name: str, value: str | None) -> dict[str, str | None]:
    return {name: value}


# Large bodies are too large, as for some proxies: what follows is in chunks.
NARROW = Fault(match=f"PUT .*{UPLOAD}.*digest=", status=413, times=2)
DATE = "Thu, 01 Jan 2026 00:00:20 GMT"

SURVIVED: dict[str, list[Fault]] = {
    "nothing": [],
    "429 in seconds, everywhere": [Fault(match=ANY, status=429, headers=after("7"), times=9)],
    "429 with a date": [Fault(match=f"POST .*{UPLOAD}", status=429, headers=after(DATE), times=5)],
    "429 with a date that has passed": [
        Fault(match="POST", status=429, headers=after("Wed, 01 Jan 2020 00:00:00 GMT"), times=5)
    ],
    "429 with garbage": [Fault(match=ANY, status=429, headers=after("soon, maybe"), times=9)],
    "429 without a word": [Fault(match=ANY, status=429, times=9)],
    "429 in the middle of a body": [
        Fault(match=f"PUT .*{UPLOAD}", status=429, headers=after("3"), early=True, times=3)
    ],
    "429 again and again": [Fault(match="PUT", status=429, headers=after("0"), times=20)],
    "408": [Fault(match=SEND, status=408, times=3)],
    "425 and 499": [Fault(match=SEND, status=425), Fault(match="HEAD", status=499)],
    "500 at uploads": [Fault(match=SEND, status=500, times=4)],
    "502 with a page": [Fault(match=ANY, status=502, body=b"<html>", headers=PAGE, times=5)],
    "503 with a date": [Fault(match=ANY, status=503, headers=after(DATE), times=5)],
    "504 and 522": [Fault(match=ANY, status=504, times=3), Fault(match=ANY, status=522, times=2)],
    "reset at the first contact": [Fault(match="GET /v2/$", reset="before", times=2)],
    "reset before a request": [
        Fault(match=f"{method} /v2/.", reset="before", times=4)
        for method in ("HEAD", "POST", "PUT", "GET")
    ],
    "reset in the middle of bodies": [
        Fault(match=SEND, reset="body", after=1000, times=3),
        Fault(match=SEND, reset="body", after=700_000, times=2),
    ],
    "answers lost": [
        Fault(match=f"{method} /v2/.", reset="after", times=4)
        for method in ("HEAD", "POST", "PUT", "GET")
    ],
    "answers to uploads lost": [Fault(match=f"PUT .*{UPLOAD}", reset="after", times=5)],
    "answers to manifests lost": [Fault(match=f"PUT .*{MANIFEST}", reset="after", times=5)],
    "the answer to a tag lost every time": [
        Fault(match=f"PUT .*{MANIFEST}latest", reset="after", times=6)
    ],
    "answers cut short": [Fault(match=f"(GET|PUT) .*{MANIFEST}", truncate=7, times=3)],
    "upload session lost": [Fault(match=SEND, status=404, body=UNKNOWN, times=4)],
    "upload session lost with 400": [Fault(match=SEND, status=400, times=1)],
    "416": [Fault(match=SEND, status=416, times=2)],
    "content damaged on its way": [Fault(match=SEND, corrupt_request=True, times=4)],
    "garbage instead of HTTP": [Fault(match=ANY, garbage=NOT_HTTP, times=5)],
    "a huge head": [Fault(match="POST", garbage=HUGE_HEAD, times=2)],
    "an empty answer": [Fault(match=ANY, garbage=b"\r\n", times=3)],
    "a page with 200 for a manifest": [
        Fault(match=f"GET .*{MANIFEST}", status=200, body=b"<html>", headers=PAGE, times=2)
    ],
    "another digest in answers": [
        Fault(
            match=f"(PUT|HEAD) .*{MANIFEST}sha256",
            headers=lying("Docker-Content-Digest", "sha256:" + "0" * 64),
            times=9,
        )
    ],
    "no digest in answers": [
        Fault(match="/v2/", headers=lying("Docker-Content-Digest", None), times=99)
    ],
    "a digest that is none": [
        Fault(match=f"HEAD .*{MANIFEST}", headers=lying("Docker-Content-Digest", "x"), times=1)
    ],
    "another media type": [
        Fault(match=f"HEAD .*{MANIFEST}", headers=lying("Content-Type", "text/html"), times=9)
    ],
    "another length of blobs": [
        Fault(match=f"HEAD .*{BLOB}", headers=lying("Content-Length", "3"), times=3)
    ],
    "relative locations": [Fault(match=UPLOAD, location="relative", times=99)],
    "opaque locations": [Fault(match=UPLOAD, location="opaque", times=99)],
    "locations on another host": [Fault(match=UPLOAD, elsewhere="location", times=99)],
    "redirects to another host": [
        Fault(match="(GET|HEAD) .*(blobs|manifests)/", elsewhere="redirect", times=99)
    ],
    "uploads redirected": [Fault(match=f"PUT .*{UPLOAD}", elsewhere="redirect", times=3)],
    "mounts refused": [Fault(match="mount=", query="", times=99)],
    "mounts forbidden": [Fault(match="mount=", status=403, times=99)],
    "mounts unknown": [Fault(match="mount=", status=405, times=99)],
    "parts not seen yet": [Fault(match=f"PUT .*{MANIFEST}", status=404, body=LACKS, times=4)],
    "parts not seen for long": [Fault(match=f"PUT .*{MANIFEST}", status=400, body=LACKS, times=9)],
    "manifests not seen yet": [Fault(match=f"(HEAD|GET) .*{MANIFEST}", status=404, times=4)],
    "blobs not seen yet": [Fault(match=f"HEAD .*{BLOB}", status=404, times=2, skip=6)],
    "the tag not seen yet": [Fault(match=f"HEAD .*{MANIFEST}latest", status=404, times=3)],
    "too large": [NARROW],
    "too large, before the end": [replace(NARROW, early=True)],
    "chunks cut by resets": [NARROW, Fault(match="PATCH", reset="body", after=100_000, times=3)],
    "answers to chunks lost": [NARROW, Fault(match="PATCH", reset="after", times=3)],
    "chunks taken in part": [NARROW, Fault(match="PATCH", keep=50_000, times=3)],
    "chunks refused": [NARROW, Fault(match="PATCH", status=416, times=2)],
    "chunks too many": [NARROW, Fault(match="PATCH", status=429, headers=after("4"), times=3)],
    "chunks to a lost session": [
        NARROW,
        Fault(match="PATCH", reset="body", after=10_000, times=2),
        Fault(match=f"GET .*{UPLOAD}", status=404, body=UNKNOWN, times=2),
    ],
    "a range that is none": [
        NARROW,
        Fault(match="PATCH", headers=lying("Range", "bytes 12;what"), times=3),
    ],
    "only chunks": [Fault(match=f"PUT .*{UPLOAD}.*digest=.*", status=405, times=2)],
    "no chunks": [NARROW, Fault(match="PATCH", status=405, times=2)],
    "chunks at opaque locations elsewhere": [
        NARROW,
        Fault(match=UPLOAD, location="opaque", elsewhere="location", times=99),
    ],
}
WITH_TOKENS: dict[str, list[Fault]] = {
    "nothing": [],
    "token revoked at HEAD": [Fault(match="HEAD", revoke=True, times=2)],
    "token revoked at POST": [Fault(match="POST .*/blobs", revoke=True, times=2)],
    "token revoked at uploads": [Fault(match=SEND, revoke=True, times=4)],
    "token revoked at a manifest": [Fault(match=f"PUT .*{MANIFEST}", revoke=True, times=2)],
    "token revoked at the tag": [Fault(match=f"PUT .*{MANIFEST}latest", revoke=True)],
    "token server busy": [Fault(match="/token", status=503, headers=after("5"), times=3)],
    "token server throttles": [Fault(match="/token", status=429, times=3)],
    "token server resets": [Fault(match="/token", reset="before", times=3)],
    "an answer with a token cut short": [Fault(match="/token", truncate=5, times=2)],
    "garbage for a token": [Fault(match="/token", garbage=NOT_HTTP, times=2)],
    "redirects to another host": [
        Fault(match="(GET|HEAD) .*(blobs|manifests)/", elsewhere="redirect", times=99)
    ],
    "locations on another host": [Fault(match=UPLOAD, elsewhere="location", times=99)],
    "chunks on another host": [
        NARROW,
        Fault(match=UPLOAD, elsewhere="location", times=99),
    ],
    "401 in the middle of a body": [
        Fault(match=f"PUT .*{UPLOAD}", revoke=True, early=True, times=2)
    ],
}
FATAL: dict[str, list[Fault]] = {
    "denied": [Fault(match="POST", status=403, times=99)],
    "denied at the end": [Fault(match=f"PUT .*{MANIFEST}", status=403, times=99)],
    "500 for ever": [Fault(match=SEND, status=500, times=999)],
    "429 for ever": [Fault(match="POST", status=429, headers=after("1"), times=999)],
    "429 for ever, at once": [Fault(match="POST", status=429, headers=after("0"), times=999)],
    "429 for a day": [Fault(match="HEAD", status=429, headers=after("86400"), times=99)],
    "429 for an eternity": [Fault(match="POST", status=429, headers=after("9" * 30), times=99)],
    "503 until next year": [
        Fault(
            match="POST",
            status=503,
            headers=after("Fri, 01 Jan 2027 00:00:00 GMT"),
            times=99,
        )
    ],
    "reset for ever": [Fault(match="PUT", reset="before", times=999)],
    "damaged for ever": [Fault(match=SEND, corrupt_request=True, times=999)],
    "sessions lost for ever": [Fault(match=SEND, status=404, body=UNKNOWN, times=999)],
    "too large for ever": [Fault(match=SEND, status=413, times=999)],
    "parts never seen": [Fault(match=f"PUT .*{MANIFEST}", status=400, body=LACKS, times=999)],
    "garbage for ever": [Fault(match="POST", garbage=NOT_HTTP, times=999)],
    "huge heads for ever": [Fault(match="POST", garbage=HUGE_HEAD, times=999)],
    "chunks of nothing": [NARROW, Fault(match="PATCH", keep=0, times=999)],
    "redirects in a circle": [
        Fault(match=f"HEAD .*{BLOB}", status=307, headers=lying("Location", ""), times=999)
    ],
    "a redirect to a file": [
        Fault(match="POST", status=307, headers=lying("Location", "file:///etc/passwd"), times=99)
    ],
    "a location with a user": [
        Fault(match="POST", headers=lying("Location", "http://joe:x@127.0.0.1/"), times=99)
    ],
    "no location": [Fault(match="POST", headers=lying("Location", None), times=99)],
    "blobs that vanish": [Fault(match=f"HEAD .*{BLOB}", status=404, times=999)],
    "manifests that vanish": [Fault(match=f"HEAD .*{MANIFEST}", status=404, times=999)],
}


@dataclass(slots=True)
class Rig:
    proxy: RegistryProxy
    real: LoopbackRegistry
    client: RegistryClient
    clock: ManualClock
    name: str

    @property
    def repository(self) -> Any:
        return self.client.repository(Reference.parse(f"{self.proxy.host}/{self.name}"))

    def stored(self, path: str, accept: str = "*/*") -> bytes:
        """Return what the registry itself has."""
        url = f"{self.real.url}/v2/{self.name}/{path}"
        with urlopen(Request(url, headers={"Accept": accept}), timeout=30) as answer:
            body: bytes = answer.read()
        return body

    def tags(self) -> list[str]:
        try:
            return list(json.loads(self.stored("tags/list"))["tags"] or [])
        except OSError:
            return []


@asynccontextmanager
async def rig_for(
    registry: LoopbackRegistry, home: Path, *, tokens: bool = False
) -> AsyncGenerator[Rig, None]:
    auth = RegistryAuth(access=Access.TOKEN, users={"joe": "hunter2"}) if tokens else None
    clock = ManualClock()
    settings = load({}, cwd=home)
    with RegistryProxy(registry.host, auth=auth, clock=clock) as proxy:
        keys = StaticKeychain({proxy.host: Credential(username="joe", secret="hunter2")})
        client = RegistryClient(
            keychain=keys,
            settings=settings,
            clock=clock,
            hosts=Hosts(settings, containers=(), buildkit=()),
        )
        try:
            yield Rig(proxy, registry, client, clock, f"fault/app{next(NUMBERS)}")
        finally:
            await client.aclose()


@pytest.fixture(scope="module")
def built() -> tuple[MemoryStore, Descriptor]:
    return asyncio.run(make())


async def make() -> tuple[MemoryStore, Descriptor]:
    local, parts, chance = MemoryStore(), [], random.Random(1)
    for platform in PLATFORMS:
        layers = ({"large": chance.randbytes(LARGE)}, {"small": str(platform).encode()})
        root = await put_attested(local, str(platform), layers=layers)
        parts.append(await collect(local, root, platform=platform))
    return local, await push_document(local, assemble(parts).raw)


async def push(rig: Rig, local: MemoryStore, root: Descriptor) -> None:
    """Push an image as a publication does: mounts included, verified, then tagged."""
    base = rig.client.repository(Reference.parse(f"{rig.proxy.host}/{rig.name}/base"))
    layer = max((await walk(local, root)).blobs.values(), key=lambda blob: blob.size)
    await base.push(layer, partial(once, local.blobs[layer.digest]))
    await copy(local, rig.repository, root, limit=4)
    await validate(rig.repository, root, platforms=PLATFORMS)
    await rig.repository.tag(root, "latest")


async def assert_whole(rig: Rig, local: MemoryStore, root: Descriptor) -> None:
    accept = f"{OCI_INDEX}, {OCI_MANIFEST}"
    assert rig.stored("manifests/latest", accept) == local.blobs[root.digest]
    graph = await walk(local, root)
    for descriptor, document in graph.documents.values():
        assert rig.stored(f"manifests/{descriptor.digest}", accept) == document.raw
    for blob in graph.blobs.values():
        assert hashlib.sha256(rig.stored(f"blobs/{blob.digest}")).hexdigest() == blob.digest.hex


async def survive(rig: Rig, faults: list[Fault], built: tuple[MemoryStore, Descriptor]) -> None:
    local, root = built
    rig.proxy.fail(*(replace(fault) for fault in faults))
    async with asyncio.timeout(60):
        await push(rig, local, root)
    rig.proxy.heal()
    await assert_whole(rig, local, root)
    assert rig.proxy.violations == []


@pytest.mark.parametrize("fault", SURVIVED)
async def test_a_push_survives(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    fault: str,
) -> None:
    async with rig_for(registry, tmp_path) as rig:
        await survive(rig, SURVIVED[fault], built)
        assert sum(rig.clock.slept) < 600


@pytest.mark.parametrize("fault", WITH_TOKENS)
async def test_a_push_with_tokens_survives(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    fault: str,
) -> None:
    async with rig_for(registry, tmp_path, tokens=True) as rig:
        await survive(rig, WITH_TOKENS[fault], built)
        if not WITH_TOKENS[fault]:
            # One for the base, one for all of the push, one that mounts from the one to the other.
            assert len(rig.proxy.auth.issued) <= 3


@pytest.mark.parametrize("fault", FATAL)
async def test_a_push_fails_clearly(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    fault: str,
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path, tokens=True) as rig:
        rig.proxy.fail(*(replace(each) for each in FATAL[fault]))
        with pytest.raises(BakexError) as caught:
            async with asyncio.timeout(60):
                await push(rig, local, root)
        error = caught.value
        assert rig.proxy.host in error.summary or "sha256:" in error.summary
        assert "hunter2" not in f"{error!r} {error.detail} {error.hint}"
        assert rig.tags() == []
        assert rig.proxy.violations == []
        assert sum(rig.clock.slept) < 900


async def test_a_blob_goes_up_once_although_the_answer_is_lost(
    registry: LoopbackRegistry, built: tuple[MemoryStore, Descriptor], tmp_path: Path
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        rig.proxy.fail(Fault(match=f"PUT .*{UPLOAD}", reset="after", times=99))
        await copy(local, rig.repository, root)
        for digest in (await walk(local, root)).blobs:
            assert rig.proxy.committed(str(digest)) == 1


async def test_many_pushes_of_the_same_content_are_one(
    registry: LoopbackRegistry, built: tuple[MemoryStore, Descriptor], tmp_path: Path
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(copy(local, rig.repository, root))
        for digest in (await walk(local, root)).blobs:
            assert rig.proxy.committed(str(digest)) == 1


async def test_a_second_run_sends_nothing(
    registry: LoopbackRegistry, built: tuple[MemoryStore, Descriptor], tmp_path: Path
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        await copy(local, rig.repository, root)
        name = rig.name
    async with rig_for(registry, tmp_path) as rig:
        rig.name = name
        await copy(local, rig.repository, root)
        assert rig.proxy.requests(UPLOAD) == []


async def test_parts_that_went_missing_are_pushed_again(
    registry: LoopbackRegistry, built: tuple[MemoryStore, Descriptor], tmp_path: Path
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        # The registry says that it has them, and does not.
        lie = lying("Content-Length", None)
        rig.proxy.fail(Fault(match=f"HEAD .*{BLOB}", status=200, headers=lie, times=2))
        await copy(local, rig.repository, root)
        await validate(rig.repository, root, contents=True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}'),
        (403, b'{"errors":[{"code":"DENIED"}]}'),
        (405, b'{"errors":[{"code":"UNAUTHORIZED"}]}'),
        (409, b""),
        (412, b'{"errors":[{"code":"PRECONDITION"}]}'),
    ],
)
async def test_an_immutable_tag_is_called_so(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    status: int,
    body: bytes,
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        await push(rig, local, root)
        other = await put_attested(rig.repository)
        rig.proxy.fail(Fault(match=f"PUT .*{MANIFEST}latest", status=status, body=body, times=9))
        with pytest.raises(DeniedError, match="it exists, and the registry refused"):
            await rig.repository.tag(other, "latest")
        # The same again is no change.
        await rig.repository.tag(root, "latest")
        await assert_whole(rig, local, root)


@pytest.mark.parametrize("seed", range(8))
async def test_a_flaky_registry(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    seed: int,
) -> None:
    chance = random.Random(seed)
    names = [name for name in SURVIVED if "host" not in name and "for long" not in name]
    faults = [fault for name in chance.sample(names, 6) for fault in SURVIVED[name]]
    some = [
        replace(fault, times=1, skip=chance.randrange(6)) for fault in faults if fault.status != 413
    ]
    async with rig_for(registry, tmp_path, tokens=bool(seed % 2)) as rig:
        await survive(rig, some, built)


PULLS: dict[str, list[Fault]] = {
    "blobs cut short": [Fault(match=f"GET .*{BLOB}", truncate=500_000, times=3)],
    "blobs cut short at once": [Fault(match=f"GET .*{BLOB}", truncate=0, times=4)],
    "blobs damaged": [Fault(match=f"GET .*{BLOB}", corrupt=True, times=2)],
    "a wrong length": [
        Fault(match=f"GET .*{BLOB}", headers=lying("Content-Length", "7"), truncate=7, times=3)
    ],
    "manifests damaged": [Fault(match=f"GET .*{MANIFEST}", corrupt=True, times=3)],
    "ranges ignored": [
        Fault(match=f"GET .*{BLOB}", truncate=500_000),
        Fault(match=f"GET .*{BLOB}", headers=lying("Content-Range", None)),
    ],
    "redirects": [Fault(match="GET .*/(blobs|manifests)/", elsewhere="redirect", times=99)],
    "429": [Fault(match=f"GET .*{BLOB}", status=429, headers=after("5"), times=5)],
    "resets": [Fault(match="GET", reset="before", times=5)],
    "pages": [Fault(match=f"GET .*{BLOB}", status=502, body=b"<html>", headers=PAGE, times=4)],
    "not there yet": [Fault(match="GET .*/(blobs|manifests)/", status=404, times=4)],
}


@pytest.mark.parametrize("fault", PULLS)
async def test_a_pull_survives(
    registry: LoopbackRegistry,
    built: tuple[MemoryStore, Descriptor],
    tmp_path: Path,
    fault: str,
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        await copy(local, rig.repository, root)
        name = rig.name
    async with rig_for(registry, tmp_path, tokens=True) as rig:
        rig.name = name
        rig.proxy.fail(*(replace(each) for each in PULLS[fault]))
        target = MemoryStore()
        await copy(rig.repository, target, root)
        wanted = {digest: local.blobs[digest] for digest in target.blobs}
        assert target.blobs == wanted
        assert len(wanted) == len((await walk(local, root)).descriptors)
        assert rig.proxy.violations == []


async def test_several_tags_go_one_by_one_where_they_have_to(
    registry: LoopbackRegistry, built: tuple[MemoryStore, Descriptor], tmp_path: Path
) -> None:
    local, root = built
    async with rig_for(registry, tmp_path) as rig:
        await copy(local, rig.repository, root)
        await rig.repository.tag_all(root, ["1.2.3", "1.2", "latest"])
        assert sorted(rig.tags()) == ["1.2", "1.2.3", "latest"]
        assert sorted(await rig.repository.tags()) == ["1.2", "1.2.3", "latest"]
        digest = str(Digest.of(local.blobs[root.digest]))
        for name in ("1.2", "latest"):
            assert str((await rig.repository.resolve(name)).digest) == digest
