"""What the registries for tests have in common: a port, a log, who is let in, faults."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from bakex.testing.registry_auth import RegistryAuth
from bakex.testing.registry_faults import Schedule
from bakex.testing.registry_routes import Incoming, Outgoing, Routes
from bakex.testing.registry_server import RegistryServer, Seen

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from bakex.testing.registry_faults import Fault

_TOKEN_PATH = "/token"  # noqa: S105 - a path
_MAX_FORM = 1 << 16
_POLL_S = 0.02


class RegistryFront(ABC):
    """A server in threads of this process; a context manager.

    Attributes:
        auth: Who is let in.
        log: Every request, in the order of the answers.
        elsewhere: The URL of another server for the same content; empty if there is none.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        auth: RegistryAuth | None = None,
        certificate: Path | None = None,
    ) -> None:
        """Prepare it; `start` opens the port.

        Args:
            port: On 127.0.0.1; 0 for any that is free.
            auth: Who is let in; everybody if None.
            certificate: PEM file with a key and a certificate, to speak TLS.
        """
        self.auth = auth or RegistryAuth()
        self.log: list[Seen] = []
        self.elsewhere = ""
        self._stack = contextlib.ExitStack()
        self._schedule = Schedule()
        self._port = port
        self._certificate = certificate

    @abstractmethod
    def answer(self, request: Incoming) -> Outgoing:
        """Answer a request that may pass.

        Raises:
            Refusal: With an error document.
        """

    def start(self) -> Self:
        """Open the port and serve from now on."""
        self._port = self.listen(
            RegistryServer(
                ("127.0.0.1", self._port),
                serve=self._serve,
                take=self._take,
                note=self._note,
                sent=self._sent,
                elsewhere=self.elsewhere,
                certificate=self._certificate,
            )
        )
        return self

    def listen(self, server: RegistryServer) -> int:
        """Let a server run until this one is stopped; returns its port."""
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), daemon=True)
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(server.server_close)
        self._stack.callback(server.end_connections)
        self._stack.callback(server.shutdown)
        return int(server.server_address[1])

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

    def _sent(self, request: Incoming, answer: Outgoing) -> None:  # noqa: B027 - not all look
        """Look at an answer that a client gets."""

    def _note(self, seen: Seen) -> None:
        self.log.append(seen)

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
        return self.answer(request)
