"""Other programs as byte streams: ssh, kubectl, podman.

Each gets a process group of its own. Ctrl-C in a terminal goes to the whole foreground group, and
a build can only be cancelled in good order while its connection stands.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

from bakex.errors import DialError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEPT: Final = 16 << 10  # bytes of standard error, the last ones


class SystemLauncher:
    """Implements `bakex.carriers.Launcher`.

    Args:
        environ: The environment of the programs; None for that of this process.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    async def start(self, argv: Sequence[str], *, stdio: int) -> SystemProcess:
        """Start a program whose standard input and output are one open socket.

        Raises:
            DialError: It cannot be run; says which program.

        The process does not end by itself when this is cancelled later: whoever started it waits
        for it or kills it.
        """
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.subprocess_exec(
                SystemProcess,
                *argv,
                stdin=stdio,
                stdout=stdio,
                stderr=asyncio.subprocess.PIPE,
                env=self._environ,
                start_new_session=True,
            )
        except OSError as error:
            raise _missing(argv[0], error) from None
        del transport
        return protocol

    async def run(self, argv: Sequence[str], *, timeout_s: float) -> tuple[int, bytes, str]:
        """Run a program without input; return its exit code, its output and its complaints.

        Raises:
            DialError: It cannot be run, or takes longer than `timeout_s`.

        Cancelling kills it.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environ,
                start_new_session=True,
            )
        except OSError as error:
            raise _missing(argv[0], error) from None
        try:
            async with asyncio.timeout(timeout_s):
                output, errors = await process.communicate()
        except TimeoutError:
            raise DialError(
                f"{argv[0]} takes too long", detail=f"It did not end within {timeout_s:g} seconds."
            ) from None
        finally:
            if process.returncode is None:
                _kill_group(process.pid)
                await process.wait()
        return cast("int", process.returncode), output, errors.decode("utf-8", "replace")


class SystemProcess(asyncio.SubprocessProtocol):
    """Implements `bakex.carriers.Process`; made by the event loop."""

    def __init__(self) -> None:
        self._errors = b""
        self._transport: asyncio.SubprocessTransport | None = None
        self._returncode: int | None = None
        self._ended = asyncio.Event()

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._transport.get_returncode() if self._transport else self._returncode

    @property
    def errors(self) -> str:
        """The end of what it has written to standard error."""
        return self._errors.decode("utf-8", "replace")

    async def wait(self) -> int:
        """Wait until it has ended and all that it wrote has been read; return the exit code."""
        await self._ended.wait()
        return cast("int", self.returncode)

    def kill(self) -> None:
        """End it and the programs that it has started; no error if it has ended."""
        if self._transport is not None and self.returncode is None:
            _kill_group(self._transport.get_pid())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by the event loop)."""
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep the end of standard error (called by the event loop)."""
        del fd
        self._errors = (self._errors + data)[-_KEPT:]

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that it has ended and its pipes are closed (called by the event loop)."""
        del exc
        self._ended.set()
        if self._transport is not None:
            self._returncode = self._transport.get_returncode()
            self._transport.close()
            self._transport = None


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _missing(program: str, error: OSError) -> DialError:
    return DialError(
        f"the program {program} cannot be run",
        detail=f"{error.strerror}.",
        hint=f"install {program}, or add its directory to PATH",
    )
