"""Our registry client, layouts and archives against the tools and registries that people use."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.model.annotations import Annotation
from bakex.model.platform import Platform
from bakex.model.reference import Reference
from bakex.oci.archive import write_archive
from bakex.oci.assemble import Assembly, assemble
from bakex.oci.copy import copy, push_document
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.oci.parts import collect
from bakex.oci.validate import validate, validate_layout
from bakex.registry.client import RegistryClient
from bakex.registry.credentials import DockerKeychain
from bakex.run.clock import SystemClock
from bakex.testing.checks import check_store
from bakex.testing.images import put_attested, put_image
from bakex.testing.registry import Access, FakeRegistry, RegistryAuth

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from bakex.interfaces import Store
    from bakex.model.descriptor import Descriptor
    from tests.conftest import LoopbackRegistry, Require

PLATFORMS = tuple(map(Platform.parse, ("linux/amd64", "linux/arm64", "linux/arm/v7")))
NAME = "docker.io/library/app:1"
LAYERS = ({"hello": b"hello\n" * 50_000}, {"small": b""})


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with FakeRegistry() as found:
        yield found


@pytest.fixture(params=["docker-registry", "bakex.testing"])
def host(request: pytest.FixtureRequest) -> str:
    found = request.getfixturevalue("registry" if request.param == "docker-registry" else "fake")
    return str(found.host)


@asynccontextmanager
async def client_for(home: Path) -> AsyncGenerator[RegistryClient, None]:
    settings = load({"HOME": str(home), "PATH": os.environ["PATH"]})
    client = RegistryClient(
        keychain=DockerKeychain(settings), settings=settings, clock=SystemClock()
    )
    try:
        yield client
    finally:
        await client.aclose()


def run(*argv: object) -> str:
    done = subprocess.run(
        [str(part) for part in argv], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def whole(store: Store) -> tuple[Descriptor, Assembly]:
    parts = [
        await collect(store, await put_attested(store, str(p), layers=LAYERS), platform=p)
        for p in PLATFORMS
    ]
    found = assemble(parts)
    return await push_document(store, found.raw), found


async def pushed(home: Path, name: str) -> Descriptor:
    local = MemoryStore()
    root, _ = await whole(local)
    reference = Reference.parse(name)
    async with client_for(home) as client:
        repository = client.repository(reference)
        await copy(local, repository, root)
        await repository.tag(root, reference.tag)
    return root


async def test_the_real_registry_keeps_the_contract(
    registry: LoopbackRegistry, tmp_path: Path
) -> None:
    async with client_for(tmp_path) as client:
        await check_store(client.repository(Reference.parse(f"{registry.host}/contract/app")))


async def test_skopeo_reads_what_we_push(require: Require, host: str, tmp_path: Path) -> None:
    root = await pushed(tmp_path, f"{host}/skopeo/app:1")
    skopeo = require("skopeo")
    source = f"docker://{host}/skopeo/app:1"
    raw = run(skopeo, "inspect", "--raw", "--tls-verify=false", source)
    assert len(json.loads(raw)["manifests"]) == 2 * len(PLATFORMS)
    target = f"oci:{tmp_path / 'copy'}:app"
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    run(skopeo, "--policy", policy, "copy", "--all", "--src-tls-verify=false", source, target)
    await validate_layout(tmp_path / "copy")
    assert (await OciLayout.open(tmp_path / "copy").resolve("app")).digest == root.digest


async def test_crane_reads_what_we_push(require: Require, host: str, tmp_path: Path) -> None:
    root = await pushed(tmp_path, f"{host}/crane/app:1")
    crane = require("crane")
    assert run(crane, "digest", f"{host}/crane/app:1").strip() == str(root.digest)
    for platform in PLATFORMS:
        run(crane, "validate", "--platform", platform, "--remote", f"{host}/crane/app:1")


async def test_oras_reads_what_we_push(require: Require, host: str, tmp_path: Path) -> None:
    root = await pushed(tmp_path, f"{host}/oras/app:1")
    oras = require("oras")
    found = run(oras, "manifest", "fetch", "--descriptor", "--plain-http", f"{host}/oras/app:1")
    assert json.loads(found)["digest"] == str(root.digest)


async def test_we_read_what_others_push(require: Require, host: str, tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    root, _ = await whole(layout)
    await layout.tag(root, "app")
    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    source = f"oci:{layout.root}:app"
    target = f"docker://{host}/others/skopeo:1"
    skopeo = [require("skopeo"), "--policy", policy, "copy", "--all", "--dest-tls-verify=false"]
    run(*skopeo, source, target)
    crane = require("crane")
    run(crane, "push", "--index", layout.root, f"{host}/others/crane:1")
    run(
        require("oras"), "cp", "--from-oci-layout", "--to-plain-http",
        f"{layout.root}:app", f"{host}/others/oras:1",
    )  # fmt: skip
    async with client_for(tmp_path) as client:
        for name in ("skopeo", "oras"):
            repository = client.repository(Reference.parse(f"{host}/others/{name}"))
            found = await repository.resolve("1")
            assert found.digest == root.digest
            assert tuple(await validate(repository, found, contents=True)) == PLATFORMS
        repository = client.repository(Reference.parse(f"{host}/others/crane"))
        await validate(repository, await repository.resolve("1"))


@pytest.mark.parametrize("access", [Access.BASIC, Access.TOKEN])
def test_others_log_in_to_the_registry_for_tests(
    require: Require, tmp_path: Path, access: Access
) -> None:
    crane = require("crane")
    auth = RegistryAuth(access=access, users={"joe": "hunter2"})
    (tmp_path / "file").write_text("data")
    run("tar", "-cf", tmp_path / "layer.tar", "-C", tmp_path, "file")
    with FakeRegistry(auth=auth) as fake:
        name = f"{fake.host}/team/app:1"
        append = [crane, "append", "--oci-empty-base", "-f", tmp_path / "layer.tar", "-t", name]
        with pytest.raises(AssertionError):
            run(*append)
        run(crane, "auth", "login", fake.host, "-u", "joe", "-p", "hunter2")
        run(*append)
        run(crane, "validate", "--remote", name)
        assert fake.content.tags("team/app") == ["1"]


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
async def test_skopeo_reads_our_archives(require: Require, tmp_path: Path, form: str) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    image = await put_image(layout, layers=LAYERS)
    await write_archive(layout, [(image, NAME)], tmp_path / "a.tar", docker=True)
    skopeo = require("skopeo")
    found = json.loads(run(skopeo, "inspect", f"{form}:{tmp_path / 'a.tar'}"))
    assert (found["Architecture"], found["Os"]) == ("amd64", "linux")
    assert len(found["Layers"]) == len(LAYERS)
    run(require("crane"), "validate", "--tarball", tmp_path / "a.tar")


async def test_umoci_and_oras_read_our_layouts(require: Require, tmp_path: Path) -> None:
    layout = OciLayout.create(tmp_path / "layout")
    image = await put_image(layout, layers=LAYERS)
    index, _ = await whole(layout)
    await layout.enter([(image, "one"), (index, "all")])
    assert run(require("umoci"), "ls", "--layout", layout.root).split() == ["one", "all"]
    run(require("umoci"), "unpack", "--rootless", "--image", f"{layout.root}:one", tmp_path / "b")
    assert (tmp_path / "b" / "rootfs" / "hello").read_bytes() == LAYERS[0]["hello"]
    oras = require("oras")
    found = run(oras, "manifest", "fetch", "--descriptor", "--oci-layout", f"{layout.root}:all")
    assert json.loads(found)["digest"] == str(index.digest)


@pytest.mark.parametrize("kind", ["plain", "attested", "docker", "annotated"])
async def test_the_index_is_the_one_that_buildx_makes(
    reference_buildx: Path, registry: LoopbackRegistry, tmp_path: Path, kind: str
) -> None:
    name = f"{registry.host}/buildx/{kind}"
    texts = ["index:a=<b> & ü", "index:Z=1"] if kind == "annotated" else []
    notes = [note for text in texts for note in Annotation.parse(text)]
    async with client_for(tmp_path) as client:
        repository = client.repository(Reference.parse(name))
        roots: list[Descriptor] = []
        for platform in PLATFORMS:
            options: dict[str, Any] = {"docker": True} if kind == "docker" else {}
            make = put_attested if kind == "attested" else put_image
            roots.append(await make(repository, str(platform), layers=LAYERS, **options))
        parts = [
            await collect(repository, root, platform=platform)
            for root, platform in zip(roots, PLATFORMS, strict=True)
        ]
        ours = assemble(parts, annotations=notes).raw
        marks = [part for text in texts for part in ("--annotation", text)]
        sources = [f"{name}@{root.digest}" for root in roots]
        run(reference_buildx, "imagetools", "create", *marks, "-t", f"{name}:1", *sources)
        theirs = await repository.resolve("1")
        raw = b"".join([chunk async for chunk in repository.fetch(theirs)])
    if kind == "attested":
        # It leaves every attestation behind its own image; we list images first, as BuildKit does.
        raw, ours = (json.dumps(_sorted(document)).encode() for document in (raw, ours))
    assert ours == raw


def _sorted(raw: bytes) -> list[str]:
    return sorted(map(json.dumps, json.loads(raw)["manifests"]))
