"""A private unix socket that leads to a daemon over any kind of way.

Libraries that speak docker's HTTP API open their own sockets, and know unix and tcp ones; this lets
them use ssh, TLS with our rules, or whatever else a dialer can do.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bakex.errors import NodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bakex.carriers import Dialer

_CHUNK: Final = 256 << 10  # bytes


@asynccontextmanager
async def relayed(way: Dialer) -> AsyncGenerator[Path, None]:
    """Provide the path of a socket whose connections go where `way` leads.

    A connection that cannot be made is closed at once. At the end the socket is removed and all
    connections are cut.
    """
    with tempfile.TemporaryDirectory(prefix="bakex-relay-") as folder:
        path = Path(folder) / "s"
        relay = Relay(way)
        server = await asyncio.start_unix_server(relay.serve, path)
        try:
            yield path
        finally:
            server.close()
            relay.cut()
            await server.wait_closed()
            # The handlers end in the next turns of the loop, once their streams are lost.
            await relay.idle()


class Relay:
    """Passes on what comes in over a server's connections; `serve` is the server's callback.

    Args:
        way: Where to.
    """

    def __init__(self, way: Dialer) -> None:
        self._way = way
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving = 0
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect one client with the daemon until both have said everything."""
        self._serving += 1
        self._writers.add(writer)
        try:
            back, there = await self._open()
        except NodeError:
            writer.close()
        else:
            self._writers.add(there)
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, there))
                group.create_task(_copy(back, writer))
            self._writers.discard(there)
            there.close()
            writer.close()
        finally:
            self._writers.discard(writer)
            self._serving -= 1
            self._changed.set()

    async def idle(self) -> None:
        """Wait until no connection is left."""
        while self._serving:
            self._changed.clear()
            await self._changed.wait()

    def cut(self) -> None:
        """End all connections at once."""
        for writer in self._writers:
            writer.transport.abort()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_CHUNK, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport = await self._way.connect(lambda: protocol)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
