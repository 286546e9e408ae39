"""A real registry for tests: strict, embeddable, and able to fail on schedule.

It serves the OCI distribution-spec v1.1 over HTTP/1.1 on a loopback port: blobs with range
requests, monolithic and chunked uploads, cross-repository mounts, manifests, tags, referrers and
deletion. Content is checked as it comes in: digests, sizes, media types, and that a manifest's
parts are there.

    with FakeRegistry() as registry:
        ...  # push to f"{registry.host}/app:1"

    python -m bakex.testing.registry --port 5000 --data DIR
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bakex.testing.registry_auth import Access, RegistryAuth
from bakex.testing.registry_content import RegistryContent
from bakex.testing.registry_faults import Fault, Schedule
from bakex.testing.registry_routes import Incoming, Outgoing, Routes
from bakex.testing.registry_server import RegistryServer, Seen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["Access", "FakeRegistry", "Fault", "RegistryAuth", "Seen"]

_TOKEN_PATH = "/token"  # noqa: S105 - a path
_MAX_FORM = 1 << 16
_POLL_S = 0.02


class FakeRegistry:
    """A registry in threads of this process; a context manager.

    Attributes:
        auth: Who is let in.
        content: What it has.
        log: Every request, in the order of the answers.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        port: int = 0,
        auth: RegistryAuth | None = None,
        check_accept: bool = True,
        certificate: Path | None = None,
    ) -> None:
        """Prepare it; `start` opens the port.

        Args:
            data: Where it keeps its content; None for a directory that goes away with it.
            port: On 127.0.0.1; 0 for any that is free.
            auth: Who is let in; everybody if None.
            check_accept: Whether a manifest of a type that the client did not ask for is 404.
            certificate: PEM file with a key and a certificate, to speak TLS.
        """
        self.auth = auth or RegistryAuth()
        self.log: list[Seen] = []
        self._stack = contextlib.ExitStack()
        root = data or Path(self._stack.enter_context(tempfile.TemporaryDirectory("-registry")))
        self.content = RegistryContent(root)
        self._routes = Routes(self.content, check_accept=check_accept)
        self._schedule = Schedule()
        self._port = port
        self._certificate = certificate

    def start(self) -> Self:
        """Open the port and serve from now on."""
        server = RegistryServer(
            ("127.0.0.1", self._port),
            serve=self._serve,
            take=self._take,
            note=self.log.append,
            certificate=self._certificate,
        )
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
        thread.start()
        self._port = server.server_address[1]
        self._stack.callback(thread.join)
        self._stack.callback(server.server_close)
        self._stack.callback(server.end_connections)
        self._stack.callback(server.shutdown)
        return self

    def stop(self) -> None:
        """Close the port, end all connections, and remove content that was not to be kept."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def host(self) -> str:
        """``127.0.0.1:port``, as references name it."""
        return f"127.0.0.1:{self._port}"

    def fail(self, *faults: Fault) -> None:
        """Let something go wrong with the next requests that match."""
        for fault in faults:
            self._schedule.add(fault)

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._schedule.clear()

    @property
    def is_done(self) -> bool:
        """Whether everything that was to go wrong did."""
        return self._schedule.is_over

    def requests(self, pattern: str = "") -> list[str]:
        """Return the requests so far as ``METHOD /path?query``, those that contain a text."""
        return [str(seen) for seen in self.log if pattern in str(seen)]

    def _take(self, request: str) -> Fault:
        fault = self._schedule.take(request)
        if fault.revoke:
            self.auth.revoke()
        return fault

    def _serve(self, request: Incoming) -> Outgoing:
        header = request.headers.get("authorization", "")
        if request.path == _TOKEN_PATH:
            form = request.text(_MAX_FORM)
            body = self.auth.token(request.method, header, request.query, form)
            return Outgoing(status=200, headers={"Content-Type": "application/json"}, body=body)
        repository, action = Routes.needs(request.method, request.path)
        scheme = "http" if self._certificate is None else "https"
        self.auth.check(header, repository, action, f"{scheme}://{self.host}{_TOKEN_PATH}")
        return self._routes.serve(request)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bakex.testing.registry", description=__doc__)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--data", type=Path, help="where to keep content; default: nowhere")
    parser.add_argument("--user", action="append", default=[], metavar="NAME:PASSWORD")
    parser.add_argument("--token", action="store_true", help="use tokens instead of Basic")
    given = parser.parse_args(arguments)
    users = dict(user.partition(":")[::2] for user in given.user)
    access = Access.TOKEN if given.token else Access.BASIC if users else Access.OPEN
    with FakeRegistry(
        data=given.data, port=given.port, auth=RegistryAuth(access=access, users=users)
    ) as registry:
        print(f"listening on {registry.host}", flush=True)  # noqa: T201 - a program's only output
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)


if __name__ == "__main__":
    main()
