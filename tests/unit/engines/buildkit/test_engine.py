from __future__ import annotations

import asyncio
import base64
import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from bakex._pb import bk_pb2 as pb
from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.engines.buildkit.housekeeping import Housekeeping
from bakex.errors import (
    BuildError,
    ConfigError,
    ContentError,
    DialError,
    FrontendError,
    NodeLostError,
    OutputError,
    SessionError,
    StepFailedError,
)
from bakex.events import LogWritten, StepChanged
from bakex.model.caches import CacheEntry
from bakex.model.digest import Digest
from bakex.model.media_types import OCI_MANIFEST
from bakex.model.node import Speed
from bakex.model.platform import Platform
from bakex.model.result import PushImage, SaveImage, SaveTar, SaveTree
from bakex.model.secrets import Secret
from bakex.oci.layout import OciLayout
from bakex.oci.memory import MemoryStore
from bakex.session.filesync.packets import encode_bytes
from bakex.testing.buildkitd import CAPABILITIES, FakeBuildkitd, failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder
from bakex.testing.images import put_attested

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.interfaces import Credentials
    from bakex.model.result import ExportRequest
    from bakex.model.upkeep import HistoryBlob
    from bakex.testing.buildkitd import Build
    from tests.unit.engines.buildkit.conftest import MakeCell, UnixDialer

MANIFEST = b'{"schemaVersion":2}'
DIGEST = Digest.of(MANIFEST)
FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy"
WRITE = "/containerd.services.content.v1.Content/Write"


class NoKeys:
    """A keychain whose file cannot be read."""

    async def credentials(self, host: str, *_: object) -> Credentials | None:
        raise ConfigError("config.json is malformed")


def described(size: int = len(MANIFEST)) -> dict[str, str]:
    document = {"mediaType": OCI_MANIFEST, "digest": str(DIGEST), "size": size}
    return {"containerimage.descriptor": base64.b64encode(json.dumps(document).encode()).decode()}


@pytest.fixture
async def engine(dialer: UnixDialer, settings: Settings) -> AsyncIterator[BuildkitEngine]:
    found = BuildkitEngine(dialer, keychain=NoKeys(), settings=settings, clock=ManualClock())
    yield found
    await found.aclose()
    await found.aclose()


@pytest.fixture
def events() -> EventRecorder:
    return EventRecorder()


async def send_blob(build: Build, store: str = "export") -> None:
    """Write the manifest into a store as containerd's client does."""
    request = pb.ContentWriteRequest(
        action=2, ref="r", total=len(MANIFEST), expected=str(DIGEST), data=MANIFEST
    )
    stat = pb.ContentWriteRequest(action=0, ref="r", total=len(MANIFEST), expected=str(DIGEST))
    messages = [stat.SerializeToString(), request.SerializeToString()]
    try:
        await build.call(WRITE, *messages, metadata=[("buildkit-attachable-store-id", store)])
    except GRPCError as error:
        if error.status is not Status.ALREADY_EXISTS:
            raise


async def test_a_build_without_exports(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="d", name="RUN x")]))
        build.emit(pb.StatusResponse(logs=[pb.VertexLog(vertex="d", msg=b"hi")]))
        return {"k": "v"}

    daemon.script = script
    cell = make_cell()
    result = await engine.build(cell, [], {}, events)
    (build,) = daemon.builds
    assert result.cell == cell.id
    assert result.exports == ()
    assert result.metadata == {"k": "v"}
    assert result.ref == f"default/node/{build.request.ref}"
    assert build.request.frontend_attrs["platform"] == "linux/amd64"
    assert [type(event) for event in events.events] == [StepChanged, LogWritten]


async def test_the_daemon_is_asked_once_what_it_is(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(engine.build(make_cell(), [], {}, events))
    assert len(daemon.jobs) == 4
    info = await engine.probe()
    assert info.endpoint is engine.endpoint


async def test_concurrent_cells_of_a_target_share_a_session(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    together = asyncio.Barrier(3)

    async def script(build: Build) -> Mapping[str, str]:
        await together.wait()
        await send_blob(build)
        return described()

    daemon.script = script
    exports = [SaveImage(layout=tmp_path / "layout")]
    platforms = ["linux/amd64", "linux/arm64", "linux/s390x"]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(engine.build(make_cell(name), exports, {}, events))
            for name in platforms
        ]
    assert daemon.opened == 1
    assert {build.request.frontend_attrs["platform"] for build in daemon.builds} == set(platforms)
    assert all(task.result().exports[0] for task in tasks)


async def test_files_come_back_on_a_session_of_their_own(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        for index, exporter in enumerate(build.request.exporters):
            metadata = [("buildkit-attachable-exporter-id", str(index))]
            if exporter.type == "tar":
                await build.call(FILE_SEND, encode_bytes(b"tar"), metadata=metadata)
        assert not (tmp_path / "out.tar").exists()
        return {}

    daemon.script = script
    daemon.capabilities = CAPABILITIES | {"gc.freespacefilter"}
    exports: list[ExportRequest] = [
        SaveTree(directory=tmp_path / "tree"),
        SaveTar(file=tmp_path / "out.tar"),
    ]
    result = await engine.build(make_cell(), exports, {}, events)
    assert result.exports == (None, None)
    assert (tmp_path / "out.tar").read_bytes() == b"tar"
    (build,) = daemon.builds
    attrs = build.request.frontend_attrs
    assert "local-sessionid:dockerfile" not in attrs
    assert attrs["local-sessionid:context"] != build.request.session
    assert daemon.opened == 2


async def test_an_archive_of_a_failed_build_gets_no_name(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        await build.call(FILE_SEND, encode_bytes(b"half"))
        raise failure("the disk is full")

    daemon.script = script
    (tmp_path / "out").mkdir()
    with pytest.raises(BuildError, match="the build failed"):
        await engine.build(make_cell(), [SaveTar(file=tmp_path / "out" / "x.tar")], {}, events)
    assert list((tmp_path / "out").iterdir()) == []


async def test_an_archive_that_never_came(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    with pytest.raises(OutputError, match="was not received"):
        await engine.build(make_cell(), [SaveTar(file=tmp_path / "x.tar")], {}, events)


async def test_an_image_that_was_announced_but_not_sent(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        return described()

    daemon.script = script
    with pytest.raises(ContentError, match="did not send sha256:"):
        await engine.build(make_cell(), [SaveImage(layout=tmp_path / "l")], {}, events)


async def test_an_old_daemon_sends_an_archive_that_is_unpacked(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            info = tarfile.TarInfo(f"blobs/sha256/{DIGEST.hex}")
            info.size = len(MANIFEST)
            tar.addfile(info, io.BytesIO(MANIFEST))
        await build.call(FILE_SEND, encode_bytes(archive.getvalue()))
        return described()

    daemon.script = script
    daemon.capabilities = frozenset()
    result = await engine.build(make_cell(), [SaveImage(layout=tmp_path / "l")], {}, events)
    assert result.exports[0] is not None
    assert OciLayout.open(tmp_path / "l").path(DIGEST).read_bytes() == MANIFEST


async def test_two_images_are_two_solves_and_only_the_first_skips_the_cache(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        if build.request.exporters[0].type == "oci":
            await send_blob(build)
        return described()

    daemon.script = script
    exports: list[ExportRequest] = [
        PushImage(repositories=("r/a",)),
        SaveImage(layout=tmp_path / "l"),
    ]
    result = await engine.build(make_cell(no_cache=True), exports, {}, events)
    assert all(result.exports)
    first, second = (build.request for build in daemon.builds)
    assert ("no-cache" in first.frontend_attrs, "no-cache" in second.frontend_attrs) == (
        True,
        False,
    )
    assert result.ref.endswith(second.ref)


async def test_a_local_cache_gets_its_name(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        await send_blob(build, "local:cache")
        document = {"mediaType": OCI_MANIFEST, "digest": str(DIGEST), "size": len(MANIFEST)}
        return {"cache.manifest": json.dumps(document)}

    daemon.script = script
    entry = CacheEntry(type="local", attrs={"dest": "cache", "tag": "v1"})
    await engine.build(make_cell(cache_to=(entry,)), [], {}, events)
    found = OciLayout.open(tmp_path / "cache").index().find("v1")
    assert found is not None
    assert found.digest == DIGEST
    again = CacheEntry(type="local", attrs={"src": "cache", "tag": "v1"})
    await engine.build(make_cell(cache_from=(again,), cache_to=(entry,)), [], {}, events)
    (imported,) = daemon.builds[1].request.cache.imports
    assert imported.attrs["digest"] == str(DIGEST)


async def test_a_cache_that_cannot_be_written(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    (tmp_path / "cache").write_text("a file")
    entry = CacheEntry(type="local", attrs={"dest": "cache"})
    with pytest.raises(OutputError, match="cannot write"):
        await engine.build(make_cell(cache_to=(entry,)), [], {}, events)


# ---------------------------------------------------------------- failures


async def test_a_failed_step(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        log = pb.VertexLog(vertex="d", msg=b"exec /bin/sh: exec format error\n")
        build.emit(pb.StatusResponse(logs=[log]))
        raise failure(
            'process "/bin/sh -c make" did not complete successfully: exit code: 1',
            details={"errdefs.Vertex": b'{"digest":"d"}'},
        )

    daemon.script = script
    cell = make_cell("linux/arm64", speed=Speed.EMULATED)
    with pytest.raises(StepFailedError, match="app@linux/arm64: 'make'") as caught:
        await engine.build(cell, [], {}, events)
    assert "bakex platform install linux/arm64" in caught.value.hint


async def test_an_error_of_ours_is_shown_as_it_is(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        for host in ("of.no.concern", "r.example"):
            request = pb.CredentialsRequest(host=host).SerializeToString()
            await build.call("/moby.filesync.v1.Auth/Credentials", request)
        return {}

    daemon.script = script
    request = PushImage(repositories=("r.example/a",))
    with pytest.raises(ConfigError, match=r"config\.json is malformed"):
        await engine.build(make_cell(), [request], {}, events)
    assert len(daemon.builds) == 1


async def test_problems_that_need_no_daemon(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    cases: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"dockerfile": "nope"}, FrontendError),
        ({"context": "nope"}, SessionError),
        ({"secret": (Secret(id="s", src="nope"),)}, SessionError),
        ({"context": "a" * 300}, SessionError),
    ]
    for fields, kind in cases:
        with pytest.raises(kind):
            await engine.build(make_cell(**fields), [], {}, events)
    assert daemon.builds == []


async def test_a_secret_is_served_and_its_value_shows_nowhere(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    events: EventRecorder,
    tmp_path: Path,
) -> None:
    seen: list[bytes] = []

    async def script(build: Build) -> Mapping[str, str]:
        request = pb.GetSecretRequest(id="s").SerializeToString()
        seen.extend(await build.call("/moby.buildkit.secrets.v1.Secrets/GetSecret", request))
        return {}

    daemon.script = script
    (tmp_path / "token").write_text("hunter2")
    result = await engine.build(make_cell(secret=(Secret(id="s", src="token"),)), [], {}, events)
    assert pb.GetSecretResponse.FromString(seen[0]).data == b"hunter2"
    assert b"hunter2" not in daemon.builds[0].request.SerializeToString()
    assert "hunter2" not in repr((result, events.events))


async def test_a_daemon_that_dies_is_named(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async def script(build: Build) -> Mapping[str, str]:
        await daemon.kill()
        return {}

    daemon.script = script
    async with asyncio.timeout(3):
        with pytest.raises(NodeLostError, match=r"node \(unix://"):
            await engine.build(make_cell(), [], {}, events)
    with pytest.raises(DialError):
        await engine.build(make_cell(), [], {}, events)


async def test_a_daemon_that_is_started_again_is_used_over_new_connections(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    async def die(build: Build) -> Mapping[str, str]:
        await daemon.kill()
        return {}

    daemon.script = die
    with pytest.raises(NodeLostError):
        await engine.build(make_cell(), [], {}, events)
    with pytest.raises(DialError):
        await engine.probe()
    await engine.aclose()
    async with FakeBuildkitd(daemon.path) as again:
        await engine.probe()
        await engine.build(make_cell(), [], {}, events)
        assert (len(again.builds), again.opened) == (1, 1)
        # One that is there all the time is dialled anew as well.
        await engine.aclose()
        await engine.build(make_cell(), [], {}, events)
        assert (len(again.builds), again.opened) == (2, 2)


async def test_cancelling_one_cell_leaves_the_others_alone(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, events: EventRecorder
) -> None:
    both, go = asyncio.Barrier(3), asyncio.Event()

    async def script(build: Build) -> Mapping[str, str]:
        await both.wait()
        await go.wait()
        await build.call("/grpc.health.v1.Health/Check", b"")
        return {}

    daemon.script = script
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        first = group.create_task(engine.build(make_cell(), [], {}, events))
        second = group.create_task(engine.build(make_cell("linux/arm64"), [], {}, events))
        await both.wait()
        first.cancel()
        await asyncio.wait([first])
        go.set()
    assert first.cancelled()
    assert second.result().exports == ()
    assert sorted(build.cancelled for build in daemon.builds) == [False, True]
    assert daemon.opened == 1


class Repository:
    """A registry with one repository."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def repository(self, *_: object, **__: object) -> MemoryStore:
        return self.store


@pytest.mark.parametrize("same", [True, False])
async def test_what_is_published_is_not_pushed_again(
    daemon: FakeBuildkitd,
    dialer: UnixDialer,
    settings: Settings,
    make_cell: MakeCell,
    events: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    same: bool,
) -> None:
    there, made = Repository(), MemoryStore()
    published = await put_attested(there.store, predicate={"metadata": {"buildStartedOn": "1"}})
    predicate = {"metadata": {"buildStartedOn": "2"}, **({} if same else {"materials": []})}
    root = await put_attested(made, predicate=predicate)

    async def content(_: object, blob: HistoryBlob) -> AsyncGenerator[bytes, None]:
        yield made.blobs[Digest.parse(blob.digest)]

    monkeypatch.setattr(Housekeeping, "content", content)

    async def script(build: Build) -> Mapping[str, str]:
        export = pb.Vertex(digest="e", name="exporting to image")
        build.emit(pb.StatusResponse(vertexes=[pb.Vertex(digest="d", name="COPY"), export]))
        text = json.dumps(root.to_json()).encode()
        return {"containerimage.descriptor": base64.b64encode(text).decode()}

    daemon.script = script
    engine = BuildkitEngine(
        dialer,
        keychain=NoKeys(),
        settings=settings,
        clock=ManualClock(),
        registry=there,  # type: ignore[arg-type]
    )
    request = PushImage(repositories=("r.example/a",), published=(published.digest,))
    tree = SaveTree(directory=tmp_path / "out")
    cell = make_cell()
    result = await engine.build(cell, [request, tree], {}, events)
    await engine.aclose()
    first, *others = [build.request for build in daemon.builds]
    assert [e.type for e in first.exporters] == ["local", "image"]
    assert first.exporters[1].attrs["push"] == "false"
    # What is repeated is only the image, and its steps are told of once.
    steps = [event.step for event in events.events if isinstance(event, StepChanged)]
    assert steps == (["d", "e"] if same else ["d", "e", "e"])
    if same:
        platform = Platform.parse("linux/amd64")
        assert result.exports == (replace(published, platform=platform), None)
        assert others == []
        return
    assert result.exports == (root, None)
    (second,) = others
    assert [(e.type, e.attrs["push"]) for e in second.exporters] == [("image", "true")]
    assert engine.reads.offers.keys() == {cell.id}
