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
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bakex.testing.registry_auth import Access, RegistryAuth
from bakex.testing.registry_content import RegistryContent
from bakex.testing.registry_faults import Fault
from bakex.testing.registry_front import RegistryFront
from bakex.testing.registry_routes import Incoming, Outgoing, Routes
from bakex.testing.registry_server import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Access", "FakeRegistry", "Fault", "RegistryAuth", "Seen"]


class FakeRegistry(RegistryFront):
    """A registry in threads of this process; a context manager.

    Attributes:
        content: What it has.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        port: int = 0,
        auth: RegistryAuth | None = None,
        check_accept: bool = True,
        tag_lists: bool = False,
        certificate: Path | None = None,
    ) -> None:
        """Prepare it; `start` opens the port.

        Args:
            data: Where it keeps its content; None for a directory that goes away with it.
            port: On 127.0.0.1; 0 for any that is free.
            auth: Who is let in; everybody if None.
            check_accept: Whether a manifest of a type that the client did not ask for is 404.
            tag_lists: Whether one request can set several tags (``?tag=a&tag=b``).
            certificate: PEM file with a key and a certificate, to speak TLS.
        """
        super().__init__(port=port, auth=auth, certificate=certificate)
        root = data or Path(self._stack.enter_context(tempfile.TemporaryDirectory("-registry")))
        self.content = RegistryContent(root)
        self._routes = Routes(self.content, check_accept=check_accept, tag_lists=tag_lists)

    def answer(self, request: Incoming) -> Outgoing:
        """Answer a request from what it has."""
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
