"""The BuildKit inside dockerd at a plain socket, the way buildkitd offers itself.

Debian has no package of buildkitd. What a client meets there, gRPC from the first byte and sessions
that are opened by a gRPC call, is had from the real BuildKit of dockerd by making the upgrade of
``POST /grpc`` on the client's behalf.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPGRADE = b"POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


@contextmanager
def bare(daemon: Path, path: Path) -> Iterator[None]:
    """Serve the gRPC of a dockerd's BuildKit at `path`, until the end."""
    with socket.socket(socket.AF_UNIX) as server, ExitStack() as stack:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=_accept, args=(server, daemon, stack))
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(server: socket.socket, daemon: Path, stack: ExitStack) -> None:
    with suppress(OSError):
        while True:
            client = stack.enter_context(server.accept()[0])
            node = stack.enter_context(socket.socket(socket.AF_UNIX))
            node.connect(str(daemon))
            node.sendall(UPGRADE)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += node.recv(1)
            assert b" 101 " in answer, answer
            for source, target in ((client, node), (node, client)):
                thread = threading.Thread(target=_copy, args=(source, target))
                thread.start()
                stack.callback(thread.join)
                stack.callback(_end, source)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    _end(target)


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
