"""Which connection a URL gets."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bakex.config import load
from bakex.errors import ConfigError
from bakex.registry.connections import Connections
from bakex.registry.hosts import Hosts

NOTHING = Hosts(load({}), containers=(), buildkit=())


@pytest.mark.parametrize("proxy", ["nonsense://joe:hunter2@proxy", "http://joe:hunter2@proxy:port"])
def test_a_proxy_that_cannot_be_used_is_not_shown(proxy: str) -> None:
    connections = Connections(load({"HTTPS_PROXY": proxy}), NOTHING, certificates=[])
    with pytest.raises(ConfigError, match="the proxy for example") as caught:
        connections.connect(httpx.URL("https://example.com/v2/"))
    assert "hunter2" not in repr(caught.value) + caught.value.hint


async def test_requests_go_through_the_proxy() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = load({"http_proxy": f"http://joe:secret@127.0.0.1:{port}"})
        connections = Connections(settings, NOTHING, certificates=[])
        async with httpx.AsyncClient(transport=connections.transport) as client:
            answer = await client.get("http://registry.example.com/v2/")
    assert answer.status_code == 204
    assert seen[0].startswith(b"GET http://registry.example.com/v2/ HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic" in seen[0]
