"""A daemon that means harm: whatever it sends stays in the destination, or is refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from typing import TYPE_CHECKING

import pytest
from grpclib.exceptions import GRPCError

from bakex.engines.buildkit.engine import BuildkitEngine
from bakex.errors import BakexError, NodeLostError
from bakex.model.result import SaveImage, SaveTar, SaveTree
from bakex.session.filesync import packets
from bakex.session.filesync.packets import GoMode, Stat
from bakex.testing.buildkitd import failure
from bakex.testing.clock import ManualClock
from bakex.testing.fakes import EventRecorder
from bakex.testing.keychain import StaticKeychain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.result import ExportRequest
    from bakex.testing.buildkitd import Build, FakeBuildkitd
    from tests.unit.engines.buildkit.conftest import MakeCell, UnixDialer

pytestmark = pytest.mark.slow

FILE_SEND = "/moby.filesync.v1.FileSend/DiffCopy"
LINK, DIR = int(GoMode.SYMLINK) | 0o777, int(GoMode.DIR) | 0o755


@pytest.fixture
async def engine(dialer: UnixDialer, settings: Settings) -> AsyncIterator[BuildkitEngine]:
    found = BuildkitEngine(
        dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )
    yield found
    await found.aclose()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the destination, with a file that must not change."""
    found = tmp_path / "outside"
    found.mkdir()
    (found / "victim").write_text("untouched")
    return found


def file(path: bytes, size: int = 4, **fields: object) -> Stat:
    return Stat(path=path, mode=0o644, size=size, **fields)  # type: ignore[arg-type]


def attacks(outside: bytes) -> dict[str, list[Stat]]:
    up = b"../outside/victim"
    return {
        "parent": [file(up)],
        "absolute": [file(outside + b"/victim")],
        "hidden parent": [Stat(path=b"a", mode=DIR), file(b"a/../../outside/victim")],
        "link to a directory": [
            Stat(path=b"a", mode=LINK, linkname=outside), file(b"a/victim")
        ],
        "link to a file": [
            Stat(path=b"a", mode=LINK, linkname=outside + b"/victim"), file(b"a")
        ],
        "hard link out": [file(b"b", size=0, linkname=up)],
        "absolute hard link": [file(b"b", size=0, linkname=outside + b"/victim")],
        "hard link through a link": [
            Stat(path=b"a", mode=LINK, linkname=outside),
            file(b"b", size=0, linkname=b"a/victim"),
        ],
        "directory over a link": [
            Stat(path=b"a", mode=LINK, linkname=outside), Stat(path=b"a", mode=DIR),
            file(b"a/victim"),
        ],
        "link over a directory": [
            Stat(path=b"a", mode=DIR), Stat(path=b"a", mode=LINK, linkname=outside),
            file(b"a/victim"),
        ],
        "zero byte": [file(b"a\0b")],
        "empty": [file(b"")],
        "dot": [file(b".")],
        "device": [Stat(path=b"d", mode=int(GoMode.DEVICE) | 0o666, devmajor=8, devminor=0)],
    }  # fmt: skip


ATTACKS = list(attacks(b""))


async def send(build: Build, stats: list[Stat]) -> None:
    """Send a list, then content for whatever is asked for, and insist."""
    messages = [packets.encode_stat(stat) for stat in stats]
    messages.append(packets.END_OF_LIST)
    for number in range(len(stats)):
        messages += [packets.encode_data(number, b"evil"), packets.encode_data(number, b"")]
    messages.append(packets.FIN)
    try:
        async with asyncio.timeout(1):
            await build.call(FILE_SEND, *messages)
    except (GRPCError, TimeoutError) as error:
        raise failure(f"error from receiver: {error}") from None


def state(directory: Path) -> dict[str, tuple[int, int, str]]:
    return {
        entry.name: (entry.stat().st_mode, entry.stat().st_mtime_ns, entry.read_text())
        for entry in directory.iterdir()
    }


@pytest.mark.parametrize("name", ATTACKS)
async def test_nothing_is_written_outside_of_the_destination(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    outside: Path,
    tmp_path: Path,
    name: str,
) -> None:
    before = state(outside)
    stats = attacks(os.fsencode(outside))[name]

    async def script(build: Build) -> Mapping[str, str]:
        await send(build, stats)
        return {}

    daemon.script = script
    async with asyncio.timeout(10):
        try:
            request = SaveTree(directory=tmp_path / "out")
            await engine.build(make_cell(), [request], {}, EventRecorder())
        except BakexError:
            pass
        else:
            # What is no attack for us: made inside, without effect outside.
            assert name in {"device", "link to a directory"}
    assert state(outside) == before
    out = tmp_path / "out"
    real = {path.resolve() for path in out.rglob("*") if not path.is_symlink()}
    assert all(path.is_relative_to(out) for path in real)


@pytest.mark.parametrize("seed", range(40))
async def test_messages_of_noise(
    daemon: FakeBuildkitd,
    engine: BuildkitEngine,
    make_cell: MakeCell,
    outside: Path,
    tmp_path: Path,
    seed: int,
) -> None:
    """Every service of the session survives noise, and the build ends."""
    noise = random.Random(seed)
    before = state(outside)

    async def script(build: Build) -> Mapping[str, str]:
        assert build.session is not None
        for method in build.session.methods:
            count = noise.randrange(4)
            messages = [noise.randbytes(noise.randrange(60)) for _ in range(count)]
            metadata = [("dir-name", "context")] if noise.random() < 0.5 else []
            try:
                async with asyncio.timeout(0.5):
                    await build.session.call_anyway(method, messages, metadata)
            except (GRPCError, TimeoutError):
                continue
        return {}

    daemon.script = script
    requests: list[ExportRequest] = [
        SaveTree(directory=tmp_path / "out"),
        SaveTar(file=tmp_path / "t.tar"),
        SaveImage(layout=tmp_path / "layout"),
    ]
    async with asyncio.timeout(20):
        with contextlib.suppress(BakexError):
            await engine.build(make_cell(), requests, {}, EventRecorder())
    assert state(outside) == before


@pytest.mark.parametrize("seed", range(20))
async def test_frames_of_noise(
    daemon: FakeBuildkitd, engine: BuildkitEngine, make_cell: MakeCell, seed: int
) -> None:
    """Noise on the control connection or on the session's ends the build, soon and explained."""
    noise = random.Random(seed)

    async def script(build: Build) -> Mapping[str, str]:
        kind, length = noise.randrange(12), noise.randrange(200)
        frame = length.to_bytes(3, "big") + bytes([kind, noise.randrange(256)])
        frame += noise.randrange(8).to_bytes(4, "big") + noise.randbytes(length)
        for transport in daemon._transports:
            transport.write(frame)  # type: ignore[attr-defined]
        await asyncio.sleep(0.05)
        for transport in daemon._transports:
            transport.abort()  # type: ignore[attr-defined]
        await asyncio.Event().wait()
        return {}

    daemon.script = script
    async with asyncio.timeout(10):
        with pytest.raises(BakexError):
            await engine.build(make_cell(), [], {}, EventRecorder())


async def test_a_session_that_is_lost_ends_the_build(
    dockerd: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell
) -> None:
    engine = BuildkitEngine(
        docker_dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )

    async def script(build: Build) -> Mapping[str, str]:
        assert build.session is not None
        build.session.protocol.connection._transport.abort()
        await asyncio.Event().wait()
        return {}

    dockerd.script = script
    async with asyncio.timeout(8):
        with pytest.raises(NodeLostError, match="node lost the session of the build of app@"):
            await engine.build(make_cell(), [], {}, EventRecorder())
    assert dockerd.builds[0].cancelled
    await engine.aclose()


async def test_a_daemon_that_notices_says_it_better(
    dockerd: FakeBuildkitd, docker_dialer: UnixDialer, settings: Settings, make_cell: MakeCell
) -> None:
    engine = BuildkitEngine(
        docker_dialer, keychain=StaticKeychain(), settings=settings, clock=ManualClock()
    )

    async def script(build: Build) -> Mapping[str, str]:
        assert build.session is not None
        build.session.protocol.connection._transport.abort()
        await build.session.ended.wait()
        raise failure("no active session for x: context deadline exceeded")

    dockerd.script = script
    async with asyncio.timeout(8):
        with pytest.raises(NodeLostError, match="lost the build of app@"):
            await engine.build(make_cell(), [], {}, EventRecorder())
    await engine.aclose()
