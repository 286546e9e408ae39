from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from bakex.errors import NodeError, OutputError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.dialers import dialer
from bakex.nodes.docker_images import DockerImages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bakex.carriers import Way
    from tests.unit.nodes.conftest import Certificates


CONTENT = bytes(range(256)) * 12_000


@dataclass(slots=True)
class FakeDocker:
    """Takes one kind of request, checks it and gives the answer that it was made with."""

    status: str = "200 OK"
    body: bytes = b""
    cut: bool = False
    received: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        content = b""
        while size := int(await reader.readline() or b"0", 16):
            content += await reader.readexactly(size)
            await reader.readexactly(2)
        if await reader.read(2) != b"\r\n":
            # The client gave up.
            writer.close()
            return
        self.received.append(content)
        length = len(self.body) + (10 if self.cut else 0)
        head = f"HTTP/1.1 {self.status}\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode() + self.body)
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def on_socket(self, path: Path) -> AsyncIterator[DockerImages]:
        server = await asyncio.start_unix_server(self.serve, path)
        async with server:
            yield loader(f"unix://{path}")


def loader(address: str, **tls: str) -> DockerImages:
    endpoint = Endpoint(name=NodeName("d"), address=address, wire=Wire.DOCKER, **tls)  # type: ignore[arg-type]  # only names of str fields
    return DockerImages(dialer(endpoint))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    path.write_bytes(CONTENT)
    return path


async def test_the_archive_arrives_unchanged(tmp_path: Path, archive: Path) -> None:
    docker = FakeDocker(body=b'{"stream":"Loaded image: app:latest\\n"}\n\nnot json\n[1]\n')
    async with docker.on_socket(tmp_path / "s") as images:
        await images.load(archive)
    assert docker.received == [CONTENT]
    assert docker.heads[0].startswith(b"POST /images/load?quiet=1 HTTP/1.1\r\n")
    assert b"application/x-tar" in docker.heads[0]


async def test_a_refusal_in_the_stream(tmp_path: Path, archive: Path) -> None:
    docker = FakeDocker(body=b'{"stream":"x"}\n{"error":"invalid archive"}\n')
    async with docker.on_socket(tmp_path / "s") as images:
        with pytest.raises(OutputError, match="refused the image") as caught:
            await images.load(archive)
    assert caught.value.detail == "invalid archive"


@pytest.mark.parametrize(
    ("body", "detail"),
    [(b'{"message":"no space"}', "no space"), (b"bad gateway", "bad gateway"), (b"[1]", "[1]")],
)
async def test_a_refusal_by_status(tmp_path: Path, archive: Path, body: bytes, detail: str) -> None:
    docker = FakeDocker(status="500 Internal Server Error", body=body)
    async with docker.on_socket(tmp_path / "s") as images:
        with pytest.raises(OutputError, match="refused") as caught:
            await images.load(archive)
    assert caught.value.detail == detail


async def test_a_daemon_that_goes_away(tmp_path: Path, archive: Path) -> None:
    docker = FakeDocker(body=b'{"stream":"x"}\n', cut=True)
    async with docker.on_socket(tmp_path / "s") as images:
        with pytest.raises(OutputError, match="could not be handed"):
            await images.load(archive)


async def test_no_daemon(tmp_path: Path, archive: Path) -> None:
    with pytest.raises(OutputError, match="could not be handed") as caught:
        await loader(f"unix://{tmp_path}/none").load(archive)
    assert "running" in caught.value.hint


async def test_no_archive(tmp_path: Path) -> None:
    docker = FakeDocker()
    async with docker.on_socket(tmp_path / "s") as images:
        with pytest.raises(OutputError, match=r"none\.tar cannot be read"):
            await images.load(tmp_path / "none.tar")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("docker.io/library/app:1", "repo=docker.io%2Flibrary%2Fapp&tag=1"),
        ("localhost:5000/app", "repo=localhost%3A5000%2Fapp&tag="),
    ],
)
async def test_names(tmp_path: Path, name: str, query: str) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        await loader(f"unix://{tmp_path}/s").tag("x/kept:1", name)
    assert heads[0].startswith(f"POST /images/x/kept:1/tag?{query} HTTP/1.1\r\n".encode())


async def test_names_that_are_refused(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 18\r\n\r\n")
        writer.write(b'{"message":"gone"}')
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        with pytest.raises(OutputError, match="does not name an image a:1") as caught:
            await loader(f"unix://{tmp_path}/s").tag("x", "a:1")
    assert caught.value.detail == "gone"
    with pytest.raises(OutputError, match="broke off while it named an image a:1"):
        await loader(f"unix://{tmp_path}/none").tag("x", "a:1")


@pytest.mark.parametrize(
    ("body", "removed"),
    [('{"RepoTags":[]}', True), ('{"RepoTags":null}', True), ('{"RepoTags":["a:1"]}', False)],
)
async def test_only_what_has_no_name_is_discarded(tmp_path: Path, body: str, removed: bool) -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        await loader(f"unix://{tmp_path}/s").discard("sha256:1")
    assert [head.split()[:2] for head in heads] == [
        [b"GET", b"/images/sha256:1/json"],
        *([[b"DELETE", b"/images/sha256:1"]] if removed else []),
    ]
    with pytest.raises(NodeError, match="broke off"):
        await loader(f"unix://{tmp_path}/none").discard("sha256:1")


async def test_over_tcp(archive: Path) -> None:
    docker = FakeDocker()
    server = await asyncio.start_server(docker.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await loader(f"tcp://127.0.0.1:{port}").load(archive)
    assert docker.received == [CONTENT]


async def test_over_tls(archive: Path, certificates: Certificates) -> None:
    docker = FakeDocker()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.cert, certificates.key)
    server = await asyncio.start_server(docker.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await loader(f"tcp://localhost:{port}", tls_ca=certificates.ca).load(archive)
    assert docker.received == [CONTENT]


@asynccontextmanager
async def answering(path: Path, status: str, body: bytes, cut: int = 0) -> AsyncIterator[list[str]]:
    """Give every request the same answer; yields their first lines."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        length = len(body) + cut
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield heads


async def test_images_come_out(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", "200 OK", CONTENT) as heads:
        await loader(f"unix://{tmp_path}/s").save("r.example/a:1", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert heads == ["GET /images/r.example/a:1/get HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "cut", "summary"),
    [("404 Not Found", 0, "does not hand over"), ("200 OK", 10, "broke off")],
)
async def test_images_that_do_not_come_out(
    tmp_path: Path, status: str, cut: int, summary: str
) -> None:
    async with answering(tmp_path / "s", status, b'{"message":"no such image"}', cut):
        with pytest.raises(NodeError, match=summary):
            await loader(f"unix://{tmp_path}/s").save("a:1", tmp_path / "out")


async def test_no_place_for_an_image(tmp_path: Path) -> None:
    async with answering(tmp_path / "s", "200 OK", b"x"):
        with pytest.raises(OutputError, match="cannot be written"):
            await loader(f"unix://{tmp_path}/s").save("a:1", tmp_path / "none" / "out")


async def test_names_are_removed(tmp_path: Path) -> None:
    images = loader(f"unix://{tmp_path}/s")
    for status in ("200 OK", "404 Not Found"):
        async with answering(tmp_path / "s", status, b"[]") as heads:
            await images.remove("a:1")
        assert heads == ["DELETE /images/a:1 HTTP/1.1"]
    async with answering(tmp_path / "s", "409 Conflict", b'{"message":"in use"}'):
        with pytest.raises(NodeError, match="does not remove") as caught:
            await images.remove("a:1")
    assert caught.value.detail == "in use"
    with pytest.raises(NodeError, match="broke off"):
        await loader(f"unix://{tmp_path}/none").remove("a:1")


async def test_what_the_daemon_says_about_its_machine(tmp_path: Path) -> None:
    images = loader(f"unix://{tmp_path}/s")
    async with answering(tmp_path / "s", "200 OK", b'{"Name":"box"}') as heads:
        assert await images.host() == {"Name": "box"}
    assert heads == ["GET /info HTTP/1.1"]
    for status, body in (("500 Oh", b"{}"), ("200 OK", b"[]"), ("200 OK", b"no")):
        async with answering(tmp_path / "s", status, body):
            with pytest.raises(NodeError, match="does not tell about itself"):
                await images.host()
    with pytest.raises(NodeError, match="does not tell about itself"):
        await loader(f"unix://{tmp_path}/none").host()


async def test_over_another_kind_of_way(tmp_path: Path, archive: Path) -> None:
    class Far:
        """Reaches a socket as ssh would; has to be closed."""

        def __init__(self, inner: Way) -> None:
            self.inner, self.closed = inner, 0
            self.endpoint = Endpoint(name=NodeName("d"), address="ssh://far", wire=Wire.DOCKER)
            self.connect, self.explain = inner.connect, inner.explain
            self.warnings = inner.warnings

        async def aclose(self) -> None:
            self.closed += 1

    docker = FakeDocker()
    async with docker.on_socket(tmp_path / "s") as near:
        far = Far(near._way)
        await DockerImages(far, shared=False).load(archive)
    assert docker.received == [CONTENT]
    assert far.closed == 1
