"""Byte streams to daemons: unix sockets, tcp, and TLS on tcp."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING, Final

from bakex.errors import DialError
from bakex.model.node import Wire
from bakex.nodes.address import host_port, socket_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from bakex.interfaces import Dialer
    from bakex.model.node import Endpoint

CONNECT_TIMEOUT_S: Final = 10.0
_HAPPY_EYEBALLS_S: Final = 0.25  # RFC 8305, section 8
_SOCKET_PATH_MAX: Final = 107  # Linux: sun_path has 108 bytes with the final NUL


def dialer(endpoint: Endpoint) -> Dialer:
    """Return the dialer for an endpoint; nothing is opened yet."""
    return StreamDialer(endpoint)


class StreamDialer:
    """Implements `bakex.interfaces.Dialer` for ``unix://`` and ``tcp://`` addresses."""

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s

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
        except ssl.SSLCertVerificationError as error:
            raise self._failure(
                "the certificate of the server is not accepted",
                f"{error.verify_message[:1].upper()}{error.verify_message[1:].rstrip('.')}.",
                "check the authority's certificate and the server name",
            ) from error
        except ssl.SSLError as error:
            raise self._failure(
                "TLS could not be set up",
                f"{error.reason or error}.",
                "check that the daemon speaks TLS on this port and accepts the client certificate",
            ) from error
        except OSError as error:
            raise self._translate(error) from error

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
        if context is None:
            transport, _ = await loop.create_connection(
                factory, host, port, happy_eyeballs_delay=_HAPPY_EYEBALLS_S
            )
            return transport
        transport, _ = await loop.create_connection(
            factory,
            host,
            port,
            ssl=context,
            server_hostname=self._endpoint.tls_server_name or host,
            ssl_handshake_timeout=self._timeout_s,
            happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
        )
        return transport

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


def uses_tls(endpoint: Endpoint) -> bool:
    """Return whether the endpoint's settings ask for TLS."""
    asked = endpoint.tls_ca or endpoint.tls_cert or endpoint.tls_server_name
    return bool(asked) or not endpoint.tls_verify


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    """Return the TLS settings of an endpoint, at least TLS 1.2; None for a plain connection.

    Without an authority's certificate of its own, the system's authorities are trusted.

    Raises:
        DialError: A certificate or key file is missing or is not one.
    """
    if not uses_tls(endpoint):
        return None
    try:
        context = ssl.create_default_context(cafile=endpoint.tls_ca or None)
    except (OSError, ValueError) as error:
        raise _bad_file(endpoint, "authority's certificate", endpoint.tls_ca, error) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 turns on checks of RFC 5280 that Go has not: certificates made by docker's own
    # instructions ("Protect the Docker daemon socket") fail them, for their want of a key usage.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not endpoint.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.wire is Wire.BUILDKIT:
        context.set_alpn_protocols(["h2"])
    if endpoint.tls_cert:
        try:
            context.load_cert_chain(endpoint.tls_cert, endpoint.tls_key or None)
        except (OSError, ValueError) as error:
            what = "client certificate or its key"
            raise _bad_file(endpoint, what, endpoint.tls_cert, error) from error
    return context


def _bad_file(endpoint: Endpoint, what: str, path: str, error: Exception) -> DialError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
    return DialError(
        f"{endpoint.address}: the {what} cannot be used",
        detail=f"{path}: {reason}.",
        hint="give PEM files that can be read",
    )
