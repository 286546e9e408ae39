"""Daemons on other machines, through the system's ssh: its configuration, keys and agent count.

One connection for each node: a master with a control socket in a private directory, which all
streams share (ssh_config(5), ControlMaster). How a stream gets to the daemon is found once, by
asking the other side for docker's or BuildKit's own program:

* it is there: each stream is a ``docker system dial-stdio`` or ``buildctl dial-stdio``, which
  know where their daemon listens;
* it is not: the daemon's socket is forwarded to one in the private directory.

Nothing is ever asked on the terminal (BatchMode): what would be asked is an error that says so.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bakex.model.node import Wire
from bakex.nodes.pipes import Pipes, settle
from bakex.nodes.sshwords import explained
from bakex.nodes.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bakex.carriers import Launcher, Process
    from bakex.diagnostics import Diagnostic
    from bakex.errors import DialError
    from bakex.model.node import Endpoint

CONNECT_S: Final = 15.0
_OPTIONS: Final = (
    *("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"),
)
_READY, _HAS_PROGRAM, _LACKS_PROGRAM = b"bakex-link:", b"bakex-link:program", b"bakex-link:none"
_ANSWER_MAX: Final = 64 << 10  # bytes; a login shell may write some before it runs anything
_PROGRAMS: Final = {Wire.DOCKER: "docker", Wire.BUILDKIT: "buildctl"}
_SOCKETS: Final = {
    Wire.DOCKER: "/var/run/docker.sock",
    Wire.BUILDKIT: "/run/buildkit/buildkitd.sock",
}


@dataclass(slots=True, kw_only=True)
class _Link:
    """The connection to a host.

    Attributes:
        folder: Holds the control socket, and the forwarded one.
        master: The ssh that holds the connection; it ends when `hold` is closed.
        program: Whether the daemon's own program is there.
    """

    folder: tempfile.TemporaryDirectory[str]
    master: Process
    hold: socket.socket
    program: bool

    @property
    def forwarded(self) -> str:
        return str(Path(self.folder.name) / "d")


class SshDialer:
    """Implements `bakex.carriers.Way` for ``ssh://`` addresses.

    Args:
        endpoint: ``ssh://[user@]host[:port][/path]``; the path is that of the daemon's socket.
        launcher: Starts ssh.
        timeout_s: For the connection, up to the first command's answer.
    """

    def __init__(
        self, endpoint: Endpoint, launcher: Launcher, *, timeout_s: float = CONNECT_S
    ) -> None:
        self._endpoint = endpoint
        self._launcher = launcher
        self._timeout_s = timeout_s
        parts = urlsplit(endpoint.address)
        self._user, self._host = parts.username or "", parts.hostname or ""
        self._port, self._path = parts.port, parts.path
        self._pipes = Pipes(launcher)
        self._link: _Link | None = None
        self._linking = asyncio.Lock()
        self._refused = False

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        return self._endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream, over the connection that there is or a new one.

        Raises:
            DialError: ssh is missing, or the host or the daemon cannot be reached; says why.
        """
        async with self._linking:
            if self._link is None or self._link.master.returncode is not None:
                await self._unlink()
                self._link = await self._open_link()
            link = self._link
        if link.program:
            return await self._pipes.open(self._argv(link, self._command()), factory)
        self._refused = False
        try:
            transport, _ = await asyncio.get_running_loop().create_unix_connection(
                lambda: Tap(factory(), self._lost), link.forwarded
            )
        except OSError as error:
            raise self._failure(link.master.errors or str(error)) from None
        return transport

    async def explain(self, now: datetime) -> DialError | None:
        """Return what ssh, or the program on the other side, had to complain about."""
        del now
        if self._refused and self._link is not None:
            # ssh says it on the master's standard error, in the same moment.
            await asyncio.sleep(0.1)
            return self._failure(self._link.master.errors)
        words = await self._pipes.complaint()
        return self._failure(words) if words is not None else None

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return nothing: keys do not expire."""
        del now
        return ()

    async def aclose(self) -> None:
        """End the connection and remove its sockets; safe to repeat."""
        await self._pipes.aclose()
        await self._unlink()

    def _lost(self, error: Exception | None) -> None:
        del error
        self._refused = True

    async def _unlink(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.hold.close()
            await settle(link.master)
            link.folder.cleanup()

    async def _open_link(self) -> _Link:
        folder = tempfile.TemporaryDirectory(prefix="bakex-ssh-")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        program = _PROGRAMS[self._endpoint.wire]
        # The shell waits for the end of its input, which keeps the connection up as long as bakex
        # lives and no longer.
        test = f"if command -v {program} >/dev/null 2>&1; then echo {_HAS_PROGRAM.decode()};"
        script = f"{test} else echo {_LACKS_PROGRAM.decode()}; fi; exec cat >/dev/null"
        argv = self._ssh(folder.name, "-M", command=f"sh -c {shlex.quote(script)}")
        try:
            with theirs:
                master = await self._launcher.start(argv, stdio=theirs.fileno())
            try:
                has_program = await self._answer(ours, master)
                link = _Link(folder=folder, master=master, hold=ours, program=has_program)
                if not has_program:
                    await self._forward(link)
            except BaseException:
                master.kill()
                await master.wait()
                raise
        except BaseException:
            ours.close()
            folder.cleanup()
            raise
        return link

    async def _answer(self, ours: socket.socket, master: Process) -> bool:
        """Return whether the daemon's program is there, as soon as the connection stands."""
        loop = asyncio.get_running_loop()
        received = b""
        try:
            async with asyncio.timeout(self._timeout_s):
                while len(received) < _ANSWER_MAX:
                    data = await loop.sock_recv(ours, 4096)
                    received += data
                    if _HAS_PROGRAM in received or _LACKS_PROGRAM in received:
                        return _HAS_PROGRAM in received
                    if not data:
                        await master.wait()
                        break
        except TimeoutError:
            raise self._failure(f"no answer within {self._timeout_s:g} seconds") from None
        except OSError:
            await master.wait()
        raise self._failure(master.errors or "the host does not run commands")

    async def _forward(self, link: _Link) -> None:
        remote = self._path or _SOCKETS[self._endpoint.wire]
        argv = self._ssh(
            link.folder.name, "-O", "forward", "-L", f"{link.forwarded}:{remote}", command=""
        )
        code, _, errors = await self._launcher.run(argv, timeout_s=self._timeout_s)
        if code != 0:
            raise self._failure(errors)

    def _command(self) -> str:
        """Return the command that connects its input and output to the daemon."""
        socket_option = f"unix://{self._path}"
        if self._endpoint.wire is Wire.DOCKER:
            option = ["--host", socket_option] if self._path else []
            return shlex.join(["docker", *option, "system", "dial-stdio"])
        option = ["--addr", socket_option] if self._path else []
        return shlex.join(["buildctl", *option, "dial-stdio"])

    def _argv(self, link: _Link, command: str) -> list[str]:
        return self._ssh(link.folder.name, "-o", "ControlMaster=no", command=command)

    def _ssh(self, folder: str, *options: str, command: str) -> list[str]:
        user = ["-l", self._user] if self._user else []
        port = ["-p", str(self._port)] if self._port else []
        control = ["-o", f"ControlPath={folder}/c", "-o", "ControlPersist=no"]
        where = [*control, *user, *port, *options, "--", self._host]
        return ["ssh", *_OPTIONS, *where, *([command] if command else [])]

    def _failure(self, words: str) -> DialError:
        return explained(self._endpoint, self._host, words)
