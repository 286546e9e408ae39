"""The seams behind which daemons are reached: ways to them, programs that carry, image stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from bakex.diagnostics import Diagnostic
    from bakex.errors import NodeError
    from bakex.model.node import Endpoint


class Dialer(Protocol):
    """How to reach a daemon."""

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        ...

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream, attach a protocol made by `factory` and return its transport.

        Raises:
            DialError: No connection, within a bounded time; the message names the address.
        """
        ...


class Way(Dialer, Protocol):
    """A dialer that may hold something open between streams, and that knows why one broke."""

    async def explain(self, now: datetime) -> NodeError | None:
        """Return why the last stream ended before the daemon had said anything, if it is known.

        A tunnel or a TLS handshake may fail after `connect` has returned; all that the caller sees
        then is the end of the stream. Takes 2 seconds at most.
        """
        ...

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return what will stop this from working soon; complete after the first stream."""
        ...

    async def aclose(self) -> None:
        """End helper programs and remove their sockets; safe to repeat."""
        ...


class Process(Protocol):
    """A program that was started."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        ...

    @property
    def errors(self) -> str:
        """The end of what it has written to standard error."""
        ...

    async def wait(self) -> int:
        """Wait until it has ended and all that it wrote has been read; return the exit code."""
        ...

    def kill(self) -> None:
        """End it and the programs that it has started; no error if it has ended."""
        ...


class Launcher(Protocol):
    """Starts other programs, each in a process group of its own: Ctrl-C reaches bakex alone."""

    async def start(self, argv: Sequence[str], *, stdio: int) -> Process:
        """Start a program whose standard input and output are one open socket.

        Raises:
            DialError: It cannot be run; says which program.
        """
        ...

    async def run(self, argv: Sequence[str], *, timeout_s: float) -> tuple[int, bytes, str]:
        """Run a program without input; return its exit code, its output and its complaints.

        Raises:
            DialError: It cannot be run, or takes too long.
        """
        ...


class ImageArchives(Protocol):
    """A docker daemon's image store that gives archives."""

    async def save(self, name: str, archive: Path) -> None:
        """Write an image as an archive, as ``docker save`` does.

        Raises:
            NodeError: There is no such image, or the daemon refused or went away.
            OutputError: The file cannot be written.
        """
        ...

    async def remove(self, name: str) -> None:
        """Remove a name, and the image when it was the last one; no error if there is none.

        Raises:
            NodeError: The daemon refused or went away.
        """
        ...


class ImageStore(ImageArchives, Protocol):
    """The image store of a docker daemon that builds.

    Attributes:
        by_digest: Whether its images have manifests, by whose digests they can be asked for.
    """

    by_digest: bool

    async def discard(self, name: str) -> None:
        """Remove an image that has no names; leave one that has.

        Raises:
            NodeError: The daemon refused or went away.
        """
        ...

    async def tag(self, name: str, other: str) -> None:
        """Give an image one more name; what has that name so far loses it.

        Raises:
            OutputError: There is no such image, or the daemon refused or went away.
        """
        ...


class ImageLoader(Protocol):
    """A container runtime's image store that takes archives."""

    async def load(self, archive: Path) -> None:
        """Load an OCI archive (with docker's manifest.json) of one or more images.

        Raises:
            OutputError: The runtime refused it.
        """
        ...
