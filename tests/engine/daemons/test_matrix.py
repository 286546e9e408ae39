"""Every kind of daemon and every feature: a skip names what a daemon lacks, the rest works."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from bakex.config import load
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.events import LogWritten, StepChanged
from bakex.model.attestations import Attestation
from bakex.model.caches import CacheEntry
from bakex.model.node import Feature, NodeInfo, Speed, Wire
from bakex.model.plan import Cell, CellId
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree, StoreImage
from bakex.model.secrets import Secret
from bakex.model.target import Target
from bakex.nodes.address import parse_endpoint
from bakex.nodes.dialers import dialer
from bakex.nodes.discovery import docker_images
from bakex.oci.layout import OciLayout
from bakex.registry.client import RegistryClient
from bakex.run.clock import SystemClock
from bakex.testing.engine_checks import DOCKERFILE, GREETING, check_engine
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain
from tests.engine.daemons.bare import bare
from tests.engine.daemons.conftest import buildkitd_program, old_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from bakex.model.result import CellResult, ExportRequest
    from tests.conftest import LoopbackRegistry, Require
    from tests.engine.daemons.conftest import StartBuildkitd, StartDockerd

DAEMONS = (
    *("dockerd 26, containerd store", "dockerd 26, classic store", "dockerd 20.10"),
    "dockerd 26, as buildkitd",
    *(("buildkitd",) if buildkitd_program() else ()),
)
SHELL = """\
FROM scratch AS base
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
ENV PATH=/bin
"""


@pytest.fixture(scope="module", params=DAEMONS)
def address(
    request: pytest.FixtureRequest, start_dockerd: StartDockerd, start_buildkitd: StartBuildkitd
) -> Iterator[str]:
    if request.param == "buildkitd":
        yield start_buildkitd()
        return
    is_old = "20.10" in request.param
    store = not is_old and "classic" not in request.param
    found = start_dockerd(containerd_store=store, program=old_program() if is_old else None)
    if "as buildkitd" not in request.param:
        yield f"docker+{found.address}"
        return
    path = found.socket.with_name("bare.sock")
    with bare(found.socket, path):
        yield f"unix://{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A daemon, and a directory to build from."""

    engine: BuildkitEngine
    info: NodeInfo
    context: Path
    events: EventRecorder

    def cell(self, dockerfile: str, platform: str = "linux/amd64", **fields: Any) -> Cell:
        (self.context / "Dockerfile").write_text(dockerfile)
        target = Target(name="app", **fields)
        return Cell(
            id=CellId("app", Platform.parse(platform)), target=target, node=self.info.name,
            speed=Speed.NATIVE,
        )  # fmt: skip

    async def build(
        self, dockerfile: str, *exports: ExportRequest, platform: str = "linux/amd64", **fields: Any
    ) -> CellResult:
        cell = self.cell(dockerfile, platform, **fields)
        async with asyncio.timeout(60):
            return await self.engine.build(cell, exports, {}, self.events)

    @property
    def output(self) -> str:
        return b"".join(e.data for e in self.events.events if isinstance(e, LogWritten)).decode()

    @property
    def cached(self) -> set[str]:
        return {e.name for e in self.events.events if isinstance(e, StepChanged) and e.cached}


@pytest.fixture
async def bench(address: str, tmp_path: Path, require: Require) -> AsyncIterator[Bench]:
    context = tmp_path / "context"
    context.mkdir()
    shutil.copy(require("busybox"), context / "busybox")
    environ = {"HOME": str(tmp_path), "TOKEN": "hunter2"}
    settings, clock = load(environ, cwd=context), SystemClock()
    keychain = StaticKeychain()
    registry = RegistryClient(keychain=keychain, settings=settings, clock=clock)
    endpoint = replace(parse_endpoint(address, origin="test"), host_network=True)
    way = dialer(endpoint)
    engine = BuildkitEngine(
        way, keychain=keychain, settings=settings, clock=clock, archives=docker_images(way),
        registry=registry,
    )  # fmt: skip
    yield Bench(engine=engine, info=await engine.probe(), context=context, events=EventRecorder())
    await engine.aclose()
    await registry.aclose()


def unique() -> str:
    return f"ENV UNIQUE={os.urandom(8).hex()}\n"


# ---------------------------------------------------------------- one function per feature


async def steps_and_logs(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    dockerfile = SHELL + unique() + "RUN echo hello\n"
    await bench.build(dockerfile)
    assert bench.output == "hello\n"
    await bench.build(dockerfile)
    assert any("RUN echo" in name for name in bench.cached)
    await bench.build(dockerfile, no_cache=True)
    assert bench.output == "hello\nhello\n"


async def contract(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    """That which the fake daemon of `bakex.testing` is held to."""
    (bench.context / "greeting").write_bytes(GREETING)
    (place / "out").mkdir()
    await check_engine(
        bench.engine, lambda stage: bench.cell(DOCKERFILE, target=stage), place / "out"
    )


async def secrets(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    mount = "RUN --mount=type=secret,id=a,required wc -c < /run/secrets/a\n"
    await bench.build(SHELL + unique() + mount, secret=(Secret(id="a", env="TOKEN"),))
    assert bench.output == "7\n"


async def ulimits(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    await bench.build(SHELL + unique() + "RUN ulimit -n\n", ulimits=("nofile=1024:2048",))
    assert bench.output == "1024\n"


async def step_resources(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    cpus = "RUN grep ^Cpus_allowed_list: /proc/self/status | tr -d '\\t'\n"
    await bench.build(SHELL + unique() + cpus, resources={"cpuset-cpus": "0"})
    assert bench.output == "Cpus_allowed_list:0\n"


async def files(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    dockerfile = "FROM scratch\nCOPY busybox /a/b\n" + unique()
    requests = SaveTree(directory=place / "tree"), SaveTar(file=place / "t.tar")
    (place / "tree").mkdir()
    await bench.build(dockerfile, *requests)
    assert (place / "tree/a/b").read_bytes() == (bench.context / "busybox").read_bytes()
    with tarfile.open(place / "t.tar") as tar:
        assert "a/b" in tar.getnames()


async def layouts(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    dockerfile = "FROM scratch\nCOPY busybox /\n" + unique()
    request = SaveImage(layout=place / "layout")
    for platform in ("linux/amd64", "linux/arm64"):
        result = await bench.build(dockerfile, request, platform=platform, annotations=("a=b",))
        (root,) = result.exports
        assert root is not None
        assert await OciLayout.open(place / "layout").exists(root)


async def pushes(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    name = f"{registry.host}/matrix/{os.urandom(4).hex()}"
    request = PushImage(repositories=(name,), insecure=True)
    (root,) = (await bench.build("FROM scratch\nCOPY busybox /\n" + unique(), request)).exports
    assert root is not None
    repository = registry.root / "docker/registry/v2/repositories" / name.partition("/")[2]
    assert (repository / "_manifests/revisions/sha256" / root.digest.hex).is_dir()


async def image_store(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    name = f"matrix/{os.urandom(4).hex()}:1"
    await bench.build("FROM scratch\nCOPY busybox /\n", StoreImage(names=(name,)))
    images = docker_images(dialer(bench.info.endpoint))
    assert images is not None
    await images.save(name, place / "saved.tar")
    with tarfile.open(place / "saved.tar") as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        assert [image["RepoTags"] for image in json.load(file)] == [[name]]
    await images.remove(name)


async def attestations(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    attest = (Attestation(type="provenance", attrs={"mode": "max"}),)
    request = SaveImage(layout=place / "layout")
    platforms = ("linux/amd64", "linux/arm64")
    result = await bench.build(
        "FROM scratch\nCOPY busybox /\n" + unique(), request, attest=attest, platforms=platforms
    )
    (root,) = result.exports
    assert root is not None
    raw = (place / "layout/blobs/sha256" / root.digest.hex).read_text()
    assert "attestation-manifest" in raw


async def named_contexts(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    (place / "other").mkdir()
    (place / "other/file").write_text("text")
    await bench.build(
        "FROM scratch\nCOPY --from=other file /\n", SaveTree(directory=place / "out"),
        contexts={"other": str(place / "other")},
    )  # fmt: skip
    assert (place / "out/file").read_text() == "text"


async def layout_contexts(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    request = SaveImage(layout=place / "layout")
    (root,) = (await bench.build("FROM scratch\nCOPY busybox /file\n", request)).exports
    assert root is not None
    where = f"oci-layout://{place / 'layout'}@{root.digest}"
    await bench.build(
        "FROM other\n", SaveTree(directory=place / "out"), contexts={"other": where}
    )  # fmt: skip
    assert (place / "out/file").exists()


async def links(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    base = bench.cell("FROM scratch\nENV NAME=file\nCOPY busybox /base\n" + unique())
    async with asyncio.timeout(60), bench.engine.keep(base, (), {}, bench.events) as kept:
        cell = bench.cell("FROM other\nCOPY busybox /$NAME\n", contexts={"other": "target:base"})
        request = SaveTree(directory=place / "out")
        await bench.engine.build(cell, (request,), {"other": kept}, bench.events)
    assert {path.name for path in (place / "out").iterdir()} == {"base", "file"}


async def inline_cache(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    await bench.build(SHELL + unique(), cache_to=(CacheEntry(type="inline"),))


async def local_cache(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    cache = CacheEntry(type="local", attrs={"dest": str(place / "cache"), "mode": "max"})
    await bench.build("FROM scratch\nCOPY busybox /\n" + unique(), cache_to=(cache,))
    assert OciLayout.open(place / "cache").index().find("latest")


async def epochs(bench: Bench, place: Path, registry: LoopbackRegistry) -> None:
    request = SaveImage(layout=place / "layout")
    args = {"SOURCE_DATE_EPOCH": "1234567890"}
    (root,) = (await bench.build("FROM scratch\nCOPY busybox /\n", request, args=args)).exports
    assert root is not None
    blobs = place / "layout/blobs/sha256"
    assert any(b'"created":"2009-02-13T23:31:30Z"' in b.read_bytes() for b in blobs.iterdir())


FEATURES: dict[Any, frozenset[Feature]] = {
    steps_and_logs: frozenset(),
    contract: frozenset(),
    secrets: frozenset(),
    ulimits: frozenset({Feature.ULIMITS}),
    step_resources: frozenset({Feature.STEP_RESOURCES}),
    files: frozenset(),
    layouts: frozenset(),
    pushes: frozenset(),
    image_store: frozenset({Feature.IMAGE_LOAD}),
    attestations: frozenset({Feature.ATTESTATIONS}),
    named_contexts: frozenset({Feature.NAMED_CONTEXTS}),
    layout_contexts: frozenset({Feature.OCI_LAYOUT_CONTEXTS}),
    links: frozenset({Feature.LINKS, Feature.NAMED_CONTEXTS}),
    inline_cache: frozenset(),
    local_cache: frozenset({Feature.REMOTE_CACHE}),
    epochs: frozenset({Feature.SOURCE_DATE_EPOCH}),
}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda function: function.__name__)
async def test_feature(
    bench: Bench,
    feature: Callable[[Bench, Path, LoopbackRegistry], Awaitable[None]],
    tmp_path: Path,
    registry: LoopbackRegistry,
) -> None:
    lacking = sorted(FEATURES[feature] - bench.info.features)
    if lacking:
        pytest.skip(f"the daemon lacks the capability {', '.join(lacking)}")
    await feature(bench, tmp_path, registry)


async def test_what_may_be_lacking(bench: Bench) -> None:
    """No daemon gets away with a capability that its kind is known to have."""
    if bench.info.endpoint.wire is Wire.BUILDKIT or Feature.OCI_EXPORT in bench.info.features:
        newer = {Feature.LOCAL_SESSION_ID, Feature.STEP_RESOURCES}
        known = set(Feature) - newer - {Feature.IMAGE_LOAD}
        assert bench.info.features >= known
    else:
        assert Feature.IMAGE_LOAD in bench.info.features
