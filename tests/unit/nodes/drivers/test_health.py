from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from bakex.model.node import Wire
from bakex.nodes.drivers.health import answers, keeps_whole_images

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SETTINGS_FRAME = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


@asynccontextmanager
async def server(path: Path, answer: bytes | None) -> AsyncIterator[list[bytes]]:
    """Answer each connection with the same bytes, or never if there are none."""
    asked: list[bytes] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_unix_server(serve, path)
    async with listening:
        yield asked
        done.set()


async def test_a_dockerd_that_answers(tmp_path: Path) -> None:
    async with server(tmp_path / "s", b"HTTP/1.0 200 OK\r\n\r\nOK") as asked:
        assert await answers(tmp_path / "s", Wire.DOCKER)
    assert asked[0].startswith(b"GET /_ping ")


async def test_a_buildkitd_that_answers(tmp_path: Path) -> None:
    async with server(tmp_path / "s", SETTINGS_FRAME) as asked:
        assert await answers(tmp_path / "s", Wire.BUILDKIT)
    assert asked[0].startswith(b"PRI * HTTP/2.0\r\n")


@pytest.mark.parametrize("wire", list(Wire))
@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.0 503 Not Yet\r\n\r\n", b"nonsense\r\n\r\n", b"\r\n\r\n", b"x" * 2_000_000],
)
async def test_other_answers_are_none(tmp_path: Path, wire: Wire, answer: bytes) -> None:
    async with server(tmp_path / "s", answer):
        assert not await answers(tmp_path / "s", wire)


@pytest.mark.parametrize("wire", list(Wire))
async def test_silence_is_bounded(tmp_path: Path, wire: Wire) -> None:
    async with server(tmp_path / "s", None):
        assert not await answers(tmp_path / "s", wire, timeout_s=0.05)
        assert not await keeps_whole_images(tmp_path / "s", timeout_s=0.05)


async def test_nobody_there(tmp_path: Path) -> None:
    assert not await answers(tmp_path / "none", Wire.DOCKER)
    assert not await answers(tmp_path / "none", Wire.BUILDKIT)
    assert not await keeps_whole_images(tmp_path / "none")


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}, True),
        ({"DriverStatus": [["Backing Filesystem", "extfs"]]}, False),
        ({"DriverStatus": None}, False),
        ({}, False),
        ([], False),
    ],
)
async def test_the_image_store_of_a_dockerd(tmp_path: Path, info: object, expected: bool) -> None:
    answer = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(info).encode()
    async with server(tmp_path / "s", answer):
        assert await keeps_whole_images(tmp_path / "s") is expected


async def test_an_image_store_that_does_not_answer_in_json(tmp_path: Path) -> None:
    async with server(tmp_path / "s", b"HTTP/1.0 200 OK\r\n\r\n{"):
        assert not await keeps_whole_images(tmp_path / "s")
