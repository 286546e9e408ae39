"""Byte streams to daemons: which kind an address needs, and unix sockets, tcp, TLS on tcp."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from bakex.errors import DialError, InternalError
from bakex.nodes.address import host_port, socket_path
from bakex.nodes.launcher import SystemLauncher
from bakex.nodes.tap import Tap
from bakex.nodes.tls import expiring, refusal, tls_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bakex.carriers import Launcher, Way
    from bakex.diagnostics import Diagnostic
    from bakex.model.node import Endpoint

CONNECT_TIMEOUT_S: Final = 10.0
_HAPPY_EYEBALLS_S: Final = 0.25  # RFC 8305, section 8
_SOCKET_PATH_MAX: Final = 107  # Linux: sun_path has 108 bytes with the final NUL


def dialer(endpoint: Endpoint, launcher: Launcher | None = None, *, key: str = "") -> Way:
    """Return the dialer for an endpoint; nothing is opened yet.

    Args:
        endpoint: Where to.
        launcher: Starts the programs that some kinds of address need; None for one that passes
            on the environment of this process.
        key: For whom and for what, where one of several machines is chosen: the same key gives
            the same machine.
    """
    scheme = endpoint.address.partition("://")[0]
    if scheme in {"unix", "tcp"}:
        return StreamDialer(endpoint)
    # Each in a module of its own, imported when it is needed: start-up counts.
    runner = launcher or SystemLauncher()
    if scheme == "ssh":
        from bakex.nodes.ssh import SshDialer  # noqa: PLC0415 - see above

        return SshDialer(endpoint, runner)
    if scheme in {"kube-pod", "kubernetes"}:
        from bakex.nodes.kubernetes import KubernetesDialer  # noqa: PLC0415 - see above

        return KubernetesDialer(endpoint, runner, key=key)
    if scheme == "podman-container":
        from bakex.nodes.containers import podman_dialer  # noqa: PLC0415 - see above

        return podman_dialer(endpoint, runner)
    if scheme == "docker-container" and endpoint.via is not None:
        from bakex.nodes.containers import DockerContainerDialer  # noqa: PLC0415 - see above

        return DockerContainerDialer(endpoint, dialer(endpoint.via, runner))
    raise InternalError(f"no dialer for {scheme} addresses")


class StreamDialer:
    """Implements `bakex.carriers.Way` for ``unix://`` and ``tcp://`` addresses."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._refused: ssl.SSLError | None = None
        self._peer: Mapping[str, object] = {}
        self._secured: WeakSet[asyncio.Transport] = WeakSet()

    @property
    def endpoint(self) -> Endpoint:
        """What is dialled."""
        return self._endpoint

    async def connect(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        """Open a new byte stream and attach a protocol to it.

        Raises:
            DialError: No connection within the time limit (10 seconds by default, name
                resolution and TLS included), or the TLS settings do not fit.

        Cancelling closes the half-open connection.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._open(factory)
        except TimeoutError as error:
            # The kernel's own ETIMEDOUT lands here as well: it is a TimeoutError too.
            raise self._failure(
                "nothing answers",
                f"There was no connection within {self._timeout_s:g} seconds.",
                "check the address, and whether a firewall lies between",
            ) from error
        except ssl.SSLError as error:
            self._refused = error
            raise refusal(self._endpoint, error) from error
        except OSError as error:
            raise self._translate(error) from error

    async def explain(self, now: datetime) -> DialError | None:
        """Return why a handshake failed after the stream was opened, if it did."""
        return refusal(self._endpoint, self._refused, now) if self._refused else None

    def warnings(self, now: datetime) -> tuple[Diagnostic, ...]:
        """Return which certificates will end soon."""
        return expiring(self._endpoint, self._peer, now)

    async def aclose(self) -> None:
        """Cut TLS streams whose end the peer has not confirmed yet."""
        for transport in list(self._secured):
            transport.abort()
        await asyncio.sleep(0)

    async def _open(self, factory: Callable[[], asyncio.Protocol]) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        if path := socket_path(self._endpoint):
            if len(path.encode()) > _SOCKET_PATH_MAX:
                raise self._failure(
                    "the path of the socket is too long",
                    f"A path may have {_SOCKET_PATH_MAX} bytes; it has {len(path.encode())}.",
                    "make a symbolic link with a shorter path to its directory",
                )
            transport, _ = await loop.create_unix_connection(factory, path)
            return transport
        host, port = host_port(self._endpoint)
        context = tls_context(self._endpoint)
        self._refused = None
        if context is None:
            transport, _ = await loop.create_connection(
                factory, host, port, happy_eyeballs_delay=_HAPPY_EYEBALLS_S
            )
            return transport
        transport, _ = await loop.create_connection(
            lambda: Tap(factory(), self._lost),
            host,
            port,
            ssl=context,
            server_hostname=self._endpoint.tls_server_name or host,
            ssl_handshake_timeout=self._timeout_s,
            happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
        )
        self._peer = transport.get_extra_info("peercert") or {}
        self._secured.add(transport)
        return transport

    def _lost(self, error: Exception | None) -> None:
        if isinstance(error, ssl.SSLError):
            self._refused = error

    def _translate(self, error: OSError) -> DialError:
        is_socket = bool(socket_path(self._endpoint))
        what, why, todo = "no connection", f"{error.strerror or error}.", "check the address"
        match error:
            case socket.gaierror():
                what, todo = "the host name is not known", "check the spelling of the host"
            case FileNotFoundError() | NotADirectoryError():
                what, why = "there is no such socket", "The daemon is not running, or elsewhere."
                todo = "start the daemon, or name another address"
            case PermissionError():
                what, why = "permission denied", "The socket may not be opened by this user."
                todo = "run as a user that may, such as root or a member of the socket's group"
            case ConnectionRefusedError() if is_socket:
                what, why = "nothing listens on the socket", "It was left over by a daemon."
                todo = "start the daemon"
            case ConnectionRefusedError():
                what, why = "the connection was refused", "Nothing listens on this port."
                todo = "start the daemon, or check the port"
            case OSError(errno=errno.ENOTSOCK | errno.EPROTOTYPE):
                what = "this is not a socket of the right kind"
            case _:
                pass
        return self._failure(what, why, todo)

    def _failure(self, what: str, why: str, todo: str) -> DialError:
        origin = f" ({self._endpoint.origin})" if self._endpoint.origin else ""
        return DialError(f"{self._endpoint.address}{origin}: {what}", detail=why, hint=todo)
