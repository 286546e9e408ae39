"""Addresses of daemons, as people write them.

* ``unix:///path``, ``tcp://host:port``: a buildkitd (in docker's own settings: a dockerd)
* ``ssh://[user@]host[:port][/path]``: the same on another machine; the path is that of a socket
* ``docker:///path``, ``docker+unix:///path``, ``docker+tcp://host[:port]``, ``docker+ssh://...``:
  a dockerd

A tcp address may carry ``cacert``, ``cert``, ``key`` and ``servername`` as query parameters, the
names that buildx's remote driver uses for its options; any of them means TLS.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, NodeName, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

# scheme -> (transport, wire); None stands for the wire of the setting that the address is from.
_SCHEMES: Final[Mapping[str, tuple[str, Wire | None]]] = {
    "unix": ("unix", None),
    "tcp": ("tcp", None),
    "docker": ("unix", Wire.DOCKER),
    "docker+unix": ("unix", Wire.DOCKER),
    "docker+tcp": ("tcp", Wire.DOCKER),
    "ssh": ("ssh", None),
    "docker+ssh": ("ssh", Wire.DOCKER),
}
_KNOWN = (
    "unix:///path, tcp://host:port, ssh://user@host, docker:///path, docker+tcp://host:port,"
    " docker+ssh://user@host"
)
_TLS_KEYS: Final = ("cacert", "cert", "key", "servername")
# Registered with IANA for docker; buildkitd has no registered or default TCP port.
_DOCKER_PORT, _DOCKER_TLS_PORT = 2375, 2376
_INSTEAD: Final[Mapping[str, str]] = {
    "http": "write tcp://host:port",
    "https": "write docker+tcp://host:port?cacert=FILE",
    "npipe": "let the daemon listen on a tcp port",
    "fd": "give the socket itself, as unix:///path",
}


def is_address(text: str) -> bool:
    """Return whether the text is meant as an address and not as a name."""
    return "://" in text


def parse_endpoint(
    text: str, *, origin: str, name: str = "", bare: Wire = Wire.BUILDKIT
) -> Endpoint:
    """Return the endpoint that an address stands for.

    Args:
        text: The address.
        origin: The setting that it is from, for messages.
        name: The node's name; empty to derive one from the address.
        bare: What ``unix://`` and ``tcp://`` stand for in that setting.

    Raises:
        ConfigError: It is not an address, or one of a kind that cannot be used.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _wrong(text, origin, f"It is not a valid address: {error}.") from error
    if parts.scheme not in _SCHEMES:
        raise _unknown_scheme(text, parts.scheme, origin)
    transport, wire = _SCHEMES[parts.scheme]
    wire = wire or bare
    if transport == "ssh":
        return _ssh(text, parts, origin, name=name, wire=wire)
    if parts.fragment or parts.username is not None:
        raise _wrong(text, origin, "There is a user name or a fragment, which nothing would use.")
    if transport == "unix":
        path = _socket_path(text, parts, origin)
        derived = PurePosixPath(path).stem
        return Endpoint(
            name=NodeName(name or derived), address=f"unix://{path}", wire=wire, origin=origin
        )
    host = _host(text, parts, origin)
    tls = _tls(text, parts.query, origin)
    if port is None:
        if wire is Wire.BUILDKIT:
            raise _wrong(text, origin, "There is no port, and buildkitd has no default one.")
        port = _DOCKER_TLS_PORT if tls else _DOCKER_PORT
    shown = f"[{host}]" if ":" in host else host
    return Endpoint(
        name=NodeName(name or host),
        address=f"tcp://{shown}:{port}",
        wire=wire,
        origin=origin,
        tls_ca=tls.get("cacert", ""),
        tls_cert=tls.get("cert", ""),
        tls_key=tls.get("key", ""),
        tls_server_name=tls.get("servername", ""),
    )


def socket_path(endpoint: Endpoint) -> str:
    """Return the path of the unix socket; empty if the endpoint is not one."""
    return endpoint.address.removeprefix("unix://") if endpoint.address[:5] == "unix:" else ""


def host_port(endpoint: Endpoint) -> tuple[str, int]:
    """Return host and port of a tcp endpoint; ("", 0) for another one."""
    parts = urlsplit(endpoint.address)
    return parts.hostname or "", parts.port or 0


def shown(text: str) -> str:
    """Return an address without what may be secret in it."""
    head, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    return head + separator + authority.rpartition("@")[2] + slash + path.partition("?")[0]


def _ssh(text: str, parts: SplitResult, origin: str, *, name: str, wire: Wire) -> Endpoint:
    if not parts.hostname or parts.query or parts.fragment:
        raise _wrong(text, origin, "It takes a host, perhaps a user, a port and a socket's path.")
    if parts.password is not None:
        raise _wrong(text, origin, "A password cannot be part of it; ssh uses keys.")
    user = f"{parts.username}@" if parts.username else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    path = "" if parts.path == "/" else parts.path
    return Endpoint(
        name=NodeName(name or parts.hostname),
        address=f"ssh://{user}{host}{port}{path}",
        wire=wire,
        origin=origin,
    )


def _socket_path(text: str, parts: SplitResult, origin: str) -> str:
    if parts.netloc:
        if parts.scheme == "docker":
            detail = "docker:// takes the path of a socket; a host goes into docker+tcp://."
        else:
            detail = "The path of a socket is absolute, so there are three slashes."
        raise _wrong(text, origin, detail)
    if parts.path in {"", "/"} or parts.query:
        raise _wrong(text, origin, "It takes the absolute path of a socket and nothing else.")
    return parts.path


def _host(text: str, parts: SplitResult, origin: str) -> str:
    if not parts.hostname or parts.path not in {"", "/"}:
        raise _wrong(text, origin, "It takes a host and a port, and no path.")
    return parts.hostname


def _tls(text: str, query: str, origin: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise _wrong(text, origin, "What follows the question mark is not key=value.") from error
    found: dict[str, str] = {}
    for key, value in pairs:
        if key not in _TLS_KEYS or not value:
            raise _wrong(text, origin, f"The parameters are {', '.join(_TLS_KEYS)}, not {key!r}.")
        found[key] = value
    if ("cert" in found) != ("key" in found):
        raise _wrong(text, origin, "A client certificate (cert) and its key belong together.")
    return found


def _wrong(text: str, origin: str, detail: str) -> ConfigError:
    return ConfigError(
        f"{origin}: {shown(text)!r} cannot be used as the address of a builder",
        detail=detail,
        hint=f"write one of {_KNOWN}",
    )


def _unknown_scheme(text: str, scheme: str, origin: str) -> ConfigError:
    return ConfigError(
        f"{origin}: addresses that begin with {scheme}:// cannot be used",
        detail=f"bakex reaches daemons at {_KNOWN}; this is {shown(text)!r}.",
        hint=_INSTEAD.get(scheme, "let the daemon listen on a unix socket or a tcp port"),
    )
