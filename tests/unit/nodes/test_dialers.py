from __future__ import annotations

import asyncio
import os
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bakex.errors import DialError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.dialers import StreamDialer, dialer
from bakex.nodes.tls import tls_context, uses_tls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.unit.nodes.conftest import Certificates


def endpoint(address: str, **options: Any) -> Endpoint:
    return Endpoint(
        name=NodeName("n"), address=address, wire=Wire.BUILDKIT, origin="--builder", **options
    )


class Greeter(asyncio.Protocol):
    """Says hello to whoever connects."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"hello")


class Reader(asyncio.Protocol):
    def __init__(self) -> None:
        self.first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.first.done():
            self.first.set_result(data)


async def greeting(dial: StreamDialer) -> bytes:
    reader = Reader()
    transport = await dial.connect(lambda: reader)
    try:
        async with asyncio.timeout(5):
            return await reader.first
    finally:
        transport.close()


async def failure(address: str, **options: Any) -> DialError:
    with pytest.raises(DialError) as caught:
        await StreamDialer(endpoint(address, **options)).connect(Reader)
    assert caught.value.summary.startswith(f"{address} (--builder): ") or options
    assert caught.value.hint
    return caught.value


@asynccontextmanager
async def tls_server(certificates: Certificates, **options: object) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.cert, certificates.key)
    context.set_alpn_protocols(["h2"])
    if options.get("mutual"):
        # The authority of these tests has no key usage, which Python 3.13 would mind.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates.ca)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Greeter, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    server = await asyncio.get_running_loop().create_unix_server(Greeter, str(path))
    async with server:
        dial = dialer(endpoint(f"unix://{path}"))
        assert dial.endpoint.address == f"unix://{path}"
        assert isinstance(dial, StreamDialer)
        assert await greeting(dial) == b"hello"


async def test_tcp() -> None:
    server = await asyncio.get_running_loop().create_server(Greeter, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await greeting(StreamDialer(endpoint(f"tcp://127.0.0.1:{port}"))) == b"hello"


async def test_no_such_socket(tmp_path: Path) -> None:
    error = await failure(f"unix://{tmp_path}/none")
    assert "no such socket" in error.summary
    error = await failure(f"unix://{tmp_path / 'file'}/none")
    assert "no such socket" in error.summary


async def test_a_socket_that_was_left_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "s"))
    assert "nothing listens" in (await failure(f"unix://{tmp_path}/s")).summary


async def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "s").touch()
    # Linux answers "connection refused" for a regular file.
    assert "nothing listens" in (await failure(f"unix://{tmp_path}/s")).summary


async def test_a_datagram_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / "s"))
        assert "not a socket of the right kind" in (await failure(f"unix://{tmp_path}/s")).summary


async def test_a_socket_of_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root may open everything, so the refusal comes from a stand-in for the event loop's call.
        class Refusing(StreamDialer):
            async def _open(self, factory: object) -> asyncio.Transport:
                raise PermissionError(13, "Permission denied")

        with pytest.raises(DialError, match="permission denied") as caught:
            await Refusing(endpoint("unix:///s")).connect(Reader)
        assert "socket's group" in caught.value.hint
        return
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        (tmp_path / "s").chmod(0)
        assert "permission denied" in (await failure(f"unix://{tmp_path}/s")).summary


async def test_a_path_that_is_too_long() -> None:
    error = await failure("unix:///" + "x" * 120)
    assert "too long" in error.summary
    assert "107" in error.detail


async def test_a_refused_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await failure(f"tcp://127.0.0.1:{port}")
    assert "connection was refused" in error.summary


async def test_an_unknown_host() -> None:
    # RFC 6761: names below .invalid never exist.
    assert "host name is not known" in (await failure("tcp://node.invalid:1")).summary


async def test_another_failure_keeps_the_systems_words() -> None:
    class Failing(StreamDialer):
        async def _open(self, factory: object) -> asyncio.Transport:
            raise OSError(113, "No route to host")

    with pytest.raises(DialError, match="no connection") as caught:
        await Failing(endpoint("tcp://h:1")).connect(Reader)
    assert caught.value.detail == "No route to host."


async def test_connecting_takes_a_bounded_time(certificates: Certificates) -> None:
    # Takes connections and never answers the TLS handshake.
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        where = endpoint(f"tcp://127.0.0.1:{port}", tls_ca=certificates.ca)
        with pytest.raises(DialError, match="nothing answers") as caught:
            await StreamDialer(where, timeout_s=0.1).connect(Reader)
        assert "0.1 seconds" in caught.value.detail


async def test_tls(certificates: Certificates) -> None:
    async with tls_server(certificates) as port:
        where = endpoint(f"tcp://localhost:{port}", tls_ca=certificates.ca)
        assert await greeting(StreamDialer(where)) == b"hello"


async def test_tls_with_a_server_name(certificates: Certificates) -> None:
    async with tls_server(certificates) as port:
        where = endpoint(
            f"tcp://127.0.0.1:{port}", tls_ca=certificates.ca, tls_server_name="localhost"
        )
        assert await greeting(StreamDialer(where)) == b"hello"


async def test_tls_without_verification(certificates: Certificates) -> None:
    async with tls_server(certificates) as port:
        where = endpoint(f"tcp://127.0.0.1:{port}", tls_verify=False)
        assert await greeting(StreamDialer(where)) == b"hello"


async def test_mutual_tls(certificates: Certificates) -> None:
    async with tls_server(certificates, mutual=True) as port:
        where = endpoint(
            f"tcp://localhost:{port}",
            tls_ca=certificates.ca,
            tls_cert=certificates.cert,
            tls_key=certificates.key,
        )
        assert await greeting(StreamDialer(where)) == b"hello"


async def test_a_certificate_for_another_name(certificates: Certificates) -> None:
    async with tls_server(certificates) as port:
        error = await failure(f"tcp://127.0.0.1:{port}", tls_ca=certificates.ca)
    assert "certificate of the server is for another name" in error.summary
    assert "127.0.0.1" in error.detail
    assert "servername" in error.hint


async def test_a_certificate_of_an_unknown_authority(certificates: Certificates) -> None:
    async with tls_server(certificates) as port:
        # A server name alone asks for TLS with the system's authorities.
        error = await failure(f"tcp://127.0.0.1:{port}", tls_server_name="localhost")
    assert "from an unknown authority" in error.summary
    assert "cacert" in error.hint


async def test_a_port_without_tls(certificates: Certificates) -> None:
    server = await asyncio.get_running_loop().create_server(Greeter, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(f"tcp://127.0.0.1:{port}", tls_ca=certificates.ca)
    assert "TLS could not be set up" in error.summary


async def test_certificate_files_that_are_missing_or_wrong(
    certificates: Certificates, tmp_path: Path
) -> None:
    error = await failure("tcp://h:1", tls_ca=str(tmp_path / "none.pem"))
    assert "authority's certificate" in error.summary
    assert "No such file" in error.detail
    (tmp_path / "junk.pem").write_text("junk")
    error = await failure("tcp://h:1", tls_ca=str(tmp_path / "junk.pem"))
    assert "authority's certificate" in error.summary
    error = await failure(
        "tcp://h:1", tls_ca=certificates.ca, tls_cert=certificates.cert, tls_key=certificates.ca
    )
    assert "client certificate or its key" in error.summary


def test_when_tls_is_used() -> None:
    assert not uses_tls(endpoint("tcp://h:1"))
    assert tls_context(endpoint("tcp://h:1")) is None
    assert uses_tls(endpoint("tcp://h:1", tls_verify=False))
    context = tls_context(endpoint("tcp://h:1", tls_server_name="x"))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
