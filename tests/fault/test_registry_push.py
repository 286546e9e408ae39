"""A whole push while the registry misbehaves: it ends well, or with an error and no tag moved."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bakex.config import load
from bakex.errors import BakexError
from bakex.model.platform import Platform
from bakex.model.reference import Reference
from bakex.oci.assemble import assemble
from bakex.oci.copy import copy, push_document, walk
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.validate import validate
from bakex.registry.client import RegistryClient
from bakex.registry.credential import Credential
from bakex.testing.clock import ManualClock
from bakex.testing.images import put_attested
from bakex.testing.keychain import StaticKeychain
from bakex.testing.registry import Access, FakeRegistry, Fault, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.model.descriptor import Descriptor

PLATFORMS = tuple(map(Platform.parse, ("linux/amd64", "linux/arm64", "linux/arm/v7")))
LAYER = bytes(range(256)) * 800
BLOB, UPLOAD, MANIFEST = r"/blobs/sha256", r"/blobs/uploads/", r"/manifests/"
UNKNOWN = b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}'
LOST = b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'
PAGE: dict[str, str | None] = {"Content-Type": "text/html"}
SOON: dict[str, str | None] = {"Retry-After": "2"}
DATE: dict[str, str | None] = {"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}

SURVIVED = {
    "reset at the first contact": Fault(match="GET /v2/$", reset="before"),
    "reset at HEAD": Fault(match=f"HEAD .*{BLOB}", reset="before", times=2),
    "reset at POST": Fault(match=f"POST .*{UPLOAD}", reset="before", times=3),
    "answer to POST lost": Fault(match=f"POST .*{UPLOAD}", reset="after", times=3),
    "reset in an upload": Fault(match=f"PUT .*{UPLOAD}", reset="before", times=3),
    "answer to an upload lost": Fault(match=f"PUT .*{UPLOAD}", reset="after", times=3),
    "reset at a manifest": Fault(match=f"PUT .*{MANIFEST}", reset="before", times=2),
    "answer to a manifest lost": Fault(match=f"PUT .*{MANIFEST}", reset="after", times=2),
    "answer to a tag lost": Fault(match=f"PUT .*{MANIFEST}latest", reset="after"),
    "500 at upload": Fault(match=f"PUT .*{UPLOAD}", status=500, times=3),
    "502 with a page": Fault(match="POST", status=502, body=b"<html>", headers=PAGE, times=3),
    "503 everywhere": Fault(match="/v2/", status=503, headers=SOON, times=4),
    "429 in seconds": Fault(match="HEAD", status=429, headers=SOON, times=3),
    "429 with a date": Fault(match="POST", status=429, headers=DATE, times=2),
    "408": Fault(match="PUT", status=408, times=2),
    "upload session lost": Fault(match=f"PUT .*{UPLOAD}", status=404, body=LOST, times=3),
    "range refused": Fault(match=f"PUT .*{UPLOAD}", status=416, times=2),
    "content damaged on its way": Fault(match=f"PUT .*{UPLOAD}", corrupt_request=True, times=2),
    "parts not seen yet": Fault(match=f"PUT .*{MANIFEST}", status=400, body=UNKNOWN, times=3),
    "token revoked before an upload": Fault(match=f"PUT .*{UPLOAD}", revoke=True, times=2),
    "token revoked before a manifest": Fault(match=f"PUT .*{MANIFEST}", revoke=True),
    "token revoked before POST": Fault(match="POST .*/blobs", revoke=True, times=2),
    "token server busy": Fault(match="/token", status=503, times=3),
    "token server resets": Fault(match="/token", reset="before", times=2),
    "tag not seen yet": Fault(match=f"HEAD .*{MANIFEST}latest", status=404, times=2),
    "no digest in answers": Fault(match="/v2/", headers={"Docker-Content-Digest": None}, times=99),
    "an answer cut short": Fault(match="/token", truncate=5),
    "another digest in answers": Fault(
        match=f"PUT .*{MANIFEST}", headers={"Docker-Content-Digest": "sha256:" + "0" * 64}, times=99
    ),
}
FATAL = {
    "denied at POST": Fault(match="POST .*/blobs", status=403, times=99),
    "denied at a manifest": Fault(match=f"PUT .*{MANIFEST}", status=403, times=99),
    "too large": Fault(match=f"PUT .*{UPLOAD}", status=413, times=99),
    "always 500": Fault(match=f"PUT .*{UPLOAD}", status=500, times=999),
    "always reset": Fault(match="POST", reset="before", times=999),
    "never anything there": Fault(match=f"PUT .*{MANIFEST}", status=400, body=UNKNOWN, times=99),
    "a long wait": Fault(match="HEAD", status=429, headers={"Retry-After": "9999"}, times=99),
    "no login": Fault(match="/token", status=401, times=99),
    "a location elsewhere": Fault(
        match="POST .*/blobs", headers={"Location": "ftp://evil/"}, times=99
    ),
    "a hostile redirect": Fault(
        match="POST .*/blobs", status=307, headers={"Location": "file:///etc"}, times=99
    ),
    "no location": Fault(match="POST .*/blobs", headers={"Location": None}, times=99),
}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    auth = RegistryAuth(access=Access.TOKEN, users={"joe": "hunter2"})
    with FakeRegistry(auth=auth) as found:
        yield found


async def built() -> tuple[MemoryStore, Descriptor]:
    local = MemoryStore()
    parts = [
        await collect(
            local,
            await put_attested(local, str(p), layers=({"f": LAYER + str(p).encode()}, {"g": b""})),
            platform=p,
        )
        for p in PLATFORMS
    ]
    return local, await push_document(local, assemble(parts).raw)


@asynccontextmanager
async def client_for(registry: FakeRegistry, home: Path) -> AsyncGenerator[RegistryClient, None]:
    keys = StaticKeychain({registry.host: Credential(username="joe", secret="hunter2")})
    client = RegistryClient(keychain=keys, settings=load({}, cwd=home), clock=ManualClock())
    yield client
    await client.aclose()


async def push(client: RegistryClient, name: str, local: MemoryStore, root: Descriptor) -> None:
    repository = client.repository(Reference.parse(name))
    await copy(local, repository, root, limit=4)
    await validate(repository, root, platforms=PLATFORMS)
    await repository.tag(root, "latest")


@pytest.mark.parametrize("fault", SURVIVED)
async def test_a_push_survives(registry: FakeRegistry, tmp_path: Path, fault: str) -> None:
    local, root = await built()
    registry.fail(replace(SURVIVED[fault]))
    async with client_for(registry, tmp_path) as client:
        await push(client, f"{registry.host}/team/app", local, root)
    registry.heal()
    digest, _, raw = registry.content.manifest("team/app", "latest")
    assert (digest, raw) == (str(root.digest), local.blobs[root.digest])
    for blob in (await walk(local, root)).blobs.values():
        file = registry.content.blob("team/app", str(blob.digest))
        assert file.read_bytes() == local.blobs[blob.digest]


@pytest.mark.parametrize("fault", FATAL)
async def test_a_push_fails_with_an_error_and_without_a_tag(
    registry: FakeRegistry, tmp_path: Path, fault: str
) -> None:
    local, root = await built()
    registry.fail(replace(FATAL[fault]))
    async with client_for(registry, tmp_path) as client, asyncio.timeout(30):
        with pytest.raises(BakexError) as caught:
            await push(client, f"{registry.host}/team/app", local, root)
    error = caught.value
    assert registry.host in error.summary
    assert "hunter2" not in f"{error!r} {error.detail} {error.hint}"
    assert "latest" not in [r.rpartition("/")[2] for r in registry.requests("PUT")]


@pytest.mark.parametrize("seed", range(6))
async def test_a_flaky_registry_gets_everything_or_no_tag(
    registry: FakeRegistry, tmp_path: Path, seed: int
) -> None:
    local, root = await built()
    chance = random.Random(seed)
    faults = list(SURVIVED.values())
    for _ in range(8):
        fault = chance.choice(faults)
        registry.fail(replace(fault, times=1, skip=chance.randrange(4)))
    async with client_for(registry, tmp_path) as client:
        await push(client, f"{registry.host}/team/app", local, root)
    registry.heal()
    assert registry.content.manifest("team/app", "latest")[0] == str(root.digest)


async def test_cancelling_a_push_leaves_no_tag_and_no_task(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    local, root = await built()
    async with client_for(registry, tmp_path) as client:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(push(client, f"{registry.host}/app", local, root))
            while not registry.requests("PUT"):  # noqa: ASYNC110 - threads make them
                await asyncio.sleep(0)
            task.cancel()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert registry.content.tags("app") == []
        # What is left is whole: the next push only adds to it.
        await push(client, f"{registry.host}/app", local, root)
