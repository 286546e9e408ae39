"""One connection: against a server that says what a test tells it to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from bakex._util.tls import client_context
from bakex.registry.lane import FILE, Lane
from bakex.testing.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET = struct.pack("ii", 1, 0)
MiB = 1 << 20


class Server:
    """Counts connections, and lets the script of a test talk on each of them."""

    def __init__(self, talk: Talk) -> None:
        self.connections = 0
        self.left = asyncio.Event()
        self.url = ""
        self._talk = talk
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            del self._open[writer]
            self.left.set()

    async def end(self) -> None:
        """Drop the connections that are left."""
        tasks = list(self._open.values())
        for writer in self._open:
            writer.transport.abort()
        if tasks:
            await asyncio.wait(tasks)


@asynccontextmanager
async def serving(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server, None]:
    server = Server(talk)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/v2/"
    try:
        yield server
    finally:
        # Without waiting for its connections, as newer Pythons would.
        listening.close()
        await server.end()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes) -> Talk:
    """Answer the requests of a connection, which have no bodies, one after the other."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await head(reader)
            writer.write(answer)
            await writer.drain()
        await reader.read()

    return talk


def request(
    server: Server, method: str = "GET", *, content: Any = None, size: int = 0, **more: Any
) -> httpx.Request:
    seconds = more.pop("timeout", None)
    bounds = dict.fromkeys(("connect", "read", "write"), 5.0) if seconds is None else seconds
    headers = {"Content-Length": str(size)} if size else {}
    return httpx.Request(
        method,
        server.url,
        content=content,
        headers=headers,
        extensions={"timeout": bounds, **more},
    )


async def body(response: httpx.Response) -> bytes:
    read = b"".join([part async for part in response.aiter_raw()])
    await response.aclose()
    return read


async def fetched(lane: Lane, server: Server, method: str = "GET") -> bytes:
    return await body(await lane.handle_async_request(request(server, method)))


@pytest.fixture
async def lane() -> AsyncGenerator[Lane, None]:
    made = Lane(None)
    yield made
    await made.aclose()


async def test_a_connection_is_used_again(lane: Lane) -> None:
    async with serving(answering(OK, OK, OK)) as server:
        assert [await fetched(lane, server) for _ in range(3)] == [b"ok"] * 3
    assert server.connections == 1


async def test_the_body_of_an_answer_to_head_is_not_waited_for(lane: Lane) -> None:
    async with serving(answering(OK.removesuffix(b"ok"), OK)) as server:
        assert await fetched(lane, server, "HEAD") == b""
        assert await fetched(lane, server) == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        OK + b"HTTP/1.1 408 Request Timeout\r\n\r\n",
        OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["more than an answer", "closing", "old"],
)
async def test_a_connection_that_is_of_no_more_use_is_replaced(lane: Lane, first: bytes) -> None:
    async with serving(answering(first, OK)) as server:
        assert [await fetched(lane, server) for _ in range(2)] == [b"ok", b"ok"]
    assert server.connections == 2


async def test_what_comes_while_nothing_is_asked_costs_the_connection(lane: Lane) -> None:
    said = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await writer.drain()
        said.set()
        await reader.read()

    async with serving(talk) as server:
        assert await fetched(lane, server) == b"ok"
        await said.wait()
        await asyncio.sleep(0.02)
        assert await fetched(lane, server) == b"ok"
    assert server.connections == 2


async def test_a_connection_that_the_server_has_closed_is_replaced(lane: Lane) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)

    async with serving(talk) as server:
        for _ in range(2):
            assert await fetched(lane, server) == b"ok"
            await asyncio.sleep(0.05)
    assert server.connections == 2


async def test_an_old_connection_is_replaced(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(OK, OK)) as server:
        await fetched(lane, server)
        monkeypatch.setattr("bakex.registry.lane.IDLE_S", 0.0)
        await fetched(lane, server)
    assert server.connections == 2


async def test_an_answer_that_was_not_read_to_its_end_costs_the_connection(lane: Lane) -> None:
    async with serving(answering(OK, OK)) as server:
        response = await lane.handle_async_request(request(server))
        await response.aclose()
        with pytest.raises(httpx.ReadError):
            await anext(aiter(cast("httpx.AsyncByteStream", response.stream)))
        assert await fetched(lane, server) == b"ok"
    assert server.connections == 2


async def test_what_is_not_the_answer_yet_is_passed_over(lane: Lane) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with serving(answering(early + early + OK)) as server:
        assert await fetched(lane, server) == b"ok"


async def chunks(count: int, size: int, *, pause_s: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(size)
        await asyncio.sleep(pause_s)


async def test_a_body_in_chunks_arrives(lane: Lane) -> None:
    seen: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for size in (3 * MiB, 300):
            await head(reader)
            seen.append(len(await reader.readexactly(size)))
            writer.write(OK)

    async with serving(talk) as server:
        for count, size in ((3, MiB), (3, 100)):
            content = chunks(count, size)
            put = request(server, "PUT", content=content, size=count * size)
            assert await body(await lane.handle_async_request(put)) == b"ok"
    assert seen == [3 * MiB, 300]
    assert server.connections == 1


async def test_the_rest_of_a_body_is_not_sent_after_an_early_answer(lane: Lane) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await reader.read()

    sent: list[int] = []

    async def content() -> AsyncIterator[bytes]:
        for number in range(1000):
            sent.append(number)
            yield b"x"
            await asyncio.sleep(0.01)

    async with serving(talk) as server:
        response = await lane.handle_async_request(
            request(server, "PUT", content=content(), size=1000)
        )
        assert response.status_code == 413
        assert await body(response) == b"no"
        # The server would take the next request for the rest of the body.
        assert await fetched(lane, server) == b"no"
    assert 2 < len(sent) < 900
    assert server.connections == 2


async def test_an_answer_is_heard_although_the_server_takes_no_more(lane: Lane) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.transport.abort()

    async with serving(talk) as server:
        put = request(server, "PUT", content=chunks(64, MiB), size=64 * MiB)
        response = await lane.handle_async_request(put)
        assert response.status_code == 401
        await response.aclose()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "the server closed the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "illegal status line"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "too long"),
    ],
    ids=["nothing", "half a head", "garbage", "an endless head"],
)
async def test_what_is_no_answer(lane: Lane, said: bytes, error: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(said)

    async with serving(talk) as server:
        with pytest.raises(httpx.RemoteProtocolError, match=error):
            await fetched(lane, server)


@pytest.mark.parametrize("resets", [False, True])
async def test_half_an_answer(lane: Lane, resets: bool) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK[:-1])
        await writer.drain()
        await asyncio.sleep(0.05)
        if resets:
            channel: socket.socket = writer.get_extra_info("socket")
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    async with serving(talk) as server:
        response = await lane.handle_async_request(request(server))
        with pytest.raises(httpx.ReadError if resets else httpx.RemoteProtocolError):
            await body(response)


async def test_nobody_is_there(lane: Lane) -> None:
    async with serving(answering()) as server:
        pass
    with pytest.raises(httpx.ConnectError, match="Connect call failed"):
        await fetched(lane, server)


async def test_a_name_that_does_not_exist(lane: Lane) -> None:
    with pytest.raises(httpx.ConnectError):
        await lane.handle_async_request(httpx.Request("GET", "http://registry.invalid/v2/"))


async def test_a_name_with_several_addresses(lane: Lane) -> None:
    async with serving(answering(OK)) as server:
        server.url = server.url.replace("127.0.0.1", "localhost")
        assert await fetched(lane, server) == b"ok"


async def test_a_handshake_that_does_not_come_to_an_end() -> None:
    async with serving(answering()) as server:
        server.url = server.url.replace("http:", "https:")
        lane = Lane(ssl.create_default_context())
        late = request(server, timeout={"connect": 0.1})
        with pytest.raises(httpx.ConnectTimeout, match="does not answer"):
            await lane.handle_async_request(late)


async def test_a_server_that_falls_silent(lane: Lane) -> None:
    async with serving(answering()) as server:
        late = request(server, timeout={"read": 0.05})
        with pytest.raises(httpx.ReadTimeout, match=r"for 0\.05 s"):
            await lane.handle_async_request(late)


@pytest.mark.parametrize("from_file", [False, True])
async def test_a_server_that_takes_nothing(lane: Lane, tmp_path: Path, from_file: bool) -> None:
    done = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader, writer
        await done.wait()

    file = tmp_path / "file"
    file.write_bytes(bytes(64 * MiB))
    more: dict[str, Any] = {FILE: lambda: file.open("rb")} if from_file else {}
    async with serving(talk) as server:
        late = request(
            server,
            "PUT",
            content=chunks(64, MiB),
            size=64 * MiB,
            timeout={"write": 0.1},
            **more,
        )
        with pytest.raises(httpx.WriteTimeout, match=r"for 0\.1 s"):
            await lane.handle_async_request(late)
        done.set()


async def test_a_body_that_is_shorter_than_announced(lane: Lane) -> None:
    async with serving(answering(OK)) as server:
        put = request(server, "PUT", content=chunks(1, 10), size=11)
        with pytest.raises(httpx.LocalProtocolError):
            await lane.handle_async_request(put)


def secure(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server on loopback and of its clients."""
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.joined("registry", "127.0.0.1"))
    return server, client_context(authorities=authority.certificate)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_file_is_sent(tmp_path: Path, tls: bool) -> None:
    content = bytes(range(256)) * (20 * MiB // 256) + b"end"
    file = tmp_path / "file"
    file.write_bytes(content)
    seen: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await head(reader)
            seen.append(await reader.readexactly(len(content)))
            writer.write(OK)

    inside, outside = secure(tmp_path) if tls else (None, None)
    lane = Lane(outside)

    async def stream() -> AsyncIterator[bytes]:
        assert tls, "the file was read"
        yield content

    async with serving(talk, tls=inside) as server:
        for _ in range(2):
            put = request(
                server,
                "PUT",
                content=stream(),
                size=len(content),
                **{FILE: lambda: file.open("rb")},
            )
            assert await body(await lane.handle_async_request(put)) == b"ok"
        await lane.aclose()
    assert seen == [content, content]
    assert server.connections == 1


async def test_the_rest_of_a_file_is_not_sent_after_an_early_answer(
    lane: Lane, tmp_path: Path
) -> None:
    size = 1 << 30
    file = tmp_path / "file"
    with file.open("wb") as sparse:
        sparse.truncate(size)
    taken = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        await head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        while data := await reader.read(MiB):
            taken += len(data)

    async with serving(talk) as server:
        put = request(
            server,
            "PUT",
            content=chunks(1, 1),
            size=size,
            **{FILE: lambda: file.open("rb")},
        )
        response = await lane.handle_async_request(put)
        assert response.status_code == 413
        await response.aclose()
    assert taken < size // 4


async def test_a_file_that_is_shorter_than_announced(lane: Lane, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(MiB))
    async with serving(answering()) as server:
        put = request(
            server,
            "PUT",
            content=chunks(1, 1),
            size=MiB + 1,
            **{FILE: lambda: file.open("rb")},
        )
        with pytest.raises(httpx.LocalProtocolError, match="shorter"):
            await lane.handle_async_request(put)


async def test_a_server_that_is_lost_while_a_file_is_sent(lane: Lane, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(64 * MiB))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(MiB)
        writer.transport.abort()

    async with serving(talk) as server:
        put = request(
            server,
            "PUT",
            content=chunks(1, 1),
            size=64 * MiB,
            **{FILE: lambda: file.open("rb")},
        )
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await lane.handle_async_request(put)


async def test_a_reader_that_is_slow_makes_the_server_wait(lane: Lane) -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MiB))
        for _ in range(64):
            writer.write(bytes(MiB))
            await writer.drain()
            sent += MiB

    async with serving(talk) as server:
        response = await lane.handle_async_request(request(server))
        await asyncio.sleep(0.2)
        assert sent < 32 * MiB
        assert len(await body(response)) == 64 * MiB


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    inside, _ = secure(tmp_path)
    async with serving(answering(OK), tls=inside) as server:
        with pytest.raises(httpx.ConnectError) as caught:
            await fetched(Lane(ssl.create_default_context()), server)
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


async def test_an_abandoned_request_leaves_nothing(lane: Lane) -> None:
    async with serving(answering()) as server:
        task = asyncio.create_task(fetched(lane, server))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # One end of the connection is this test's own.
        assert len(asyncio.all_tasks()) == 2
        await server.left.wait()
