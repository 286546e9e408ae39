"""Builders and nodes as people write them down: the keys of their files, and what nodes they mean.

Each key is declared once, for reading, for writing and for the JSON Schema; docs/builders.md
explains them. There is no key for a secret: keys and certificates are named as files, and ssh and
kubectl have credentials of their own.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, cast

from bakex.errors import ConfigError
from bakex.model.node import NodeName, Terms
from bakex.model.platform import Platform
from bakex.nodes.address import is_address
from bakex.nodes.contexts import context_endpoint
from bakex.nodes.discovery import PRIVATE, Candidate, at_address
from bakex.platforms.shape import named, number, pairs, platforms, record, schema_of, text

if TYPE_CHECKING:
    from pathlib import Path

    from bakex.config import Settings
    from bakex.model.node import Endpoint

NAME: Final = r"[A-Za-z][A-Za-z0-9._-]*"
VERSION: Final = 1
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTls:
    """The files of a connection with TLS, and which name the server has."""

    ca: str = field(default="", metadata=text("File with the certificate of the authority."))
    cert: str = field(default="", metadata=text("File with the client's certificate."))
    key: str = field(default="", metadata=text("File with the client's key."))
    server_name: str = field(
        default="", metadata=text("Name in the server's certificate, if not that of the address.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredNode:
    """A node of a builder."""

    endpoint: str = field(
        metadata=text("Address of the daemon, name of a docker context, or private.")
    )
    options: tuple[tuple[str, str], ...] = field(
        default=(), metadata=pairs("What a container, pod or deployment needs besides its name.")
    )
    tls: DeclaredTls | None = field(
        default=None, metadata=record("TLS on tcp:// and docker+tcp:// addresses.", DeclaredTls)
    )
    platforms: tuple[Platform, ...] = field(
        default=(), metadata=platforms("The platforms that it is used for; all if not given.")
    )
    labels: tuple[tuple[str, str], ...] = field(
        default=(), metadata=pairs("What targets may ask for.")
    )
    max_jobs: int = field(
        default=0, metadata=number("Builds of one platform at once; 0 for the usual number.")
    )
    weight: int = field(
        default=1, metadata=number("Its share of the work among nodes that do as well.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredBuilder:
    """A builder: nodes that build together."""

    nodes: tuple[tuple[str, DeclaredNode], ...] = field(
        metadata=named("Its nodes by name, in order of preference.", DeclaredNode, pattern=NAME)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredFile:
    """A whole file."""

    version: int = field(default=VERSION, metadata=number("Version of the format.", VERSION))
    builders: tuple[tuple[str, DeclaredBuilder], ...] = field(
        default=(), metadata=named("Builders by name.", DeclaredBuilder, pattern=NAME)
    )


def schema() -> str:
    """Return the JSON Schema of builders' files, as text."""
    document = {"$schema": _DIALECT, "title": "Builders of bakex", **schema_of(DeclaredFile)}
    return json.dumps(document, indent=2) + "\n"


def plain(value: object) -> Any:  # noqa: ANN401 - mappings of mappings, as a YAML file has them
    """Return a declared record as mappings, lists, texts and numbers; defaults are left out."""
    if isinstance(value, Platform):
        return str(value)
    if not isinstance(value, DeclaredFile | DeclaredBuilder | DeclaredNode | DeclaredTls):
        return value
    found: dict[str, Any] = {}
    for one in fields(value):
        content: Any = getattr(value, one.name)
        if one.default is not MISSING and content == one.default:
            continue
        key = one.name.replace("_", "-")
        if one.name == "platforms":
            found[key] = [plain(item) for item in content]
        elif isinstance(content, tuple):
            entries = cast("tuple[tuple[str, object], ...]", content)
            found[key] = {name: plain(item) for name, item in entries}
        else:
            found[key] = plain(content)
    return found


def candidate(
    settings: Settings, name: str, node: DeclaredNode, *, origin: str, base: Path
) -> Candidate:
    """Return where a declared node is.

    Args:
        settings: Docker's settings, for contexts and containers.
        name: The node's name in its builder; empty to make one of the endpoint.
        node: What was declared.
        origin: What chose the node, for messages.
        base: The folder to which the names of its files are relative.

    Raises:
        ConfigError: The endpoint, its options or its files cannot be used.
    """
    terms = Terms(
        labels=dict(node.labels),
        max_jobs=node.max_jobs,
        weight=node.weight,
        only=node.platforms,
    )
    if node.endpoint == PRIVATE:
        if node.options or node.tls:
            raise ConfigError(
                "the private engine takes no options and no TLS files", hint="remove them"
            )
        return Candidate(endpoint=None, terms=terms, called=NodeName(name or PRIVATE))
    endpoint = _endpoint(settings, name, node, origin)
    if node.tls is not None:
        endpoint = _with_tls(endpoint, node.tls, base, settings.home)
    called = NodeName(name) if name else endpoint.name
    return Candidate(endpoint=replace(endpoint, name=called, terms=terms))


def _endpoint(settings: Settings, name: str, node: DeclaredNode, origin: str) -> Endpoint:
    options = dict(node.options)
    if is_address(node.endpoint):
        return at_address(settings, node.endpoint, origin=origin, name=name, options=options)
    if options:
        raise ConfigError("a docker context takes no options", hint="remove them")
    return context_endpoint(settings, node.endpoint, origin=origin)


def _with_tls(endpoint: Endpoint, tls: DeclaredTls, base: Path, home: Path) -> Endpoint:
    if not endpoint.address.startswith("tcp:"):
        raise ConfigError(
            f"{endpoint.address} takes no TLS files",
            detail="They are for daemons that listen on a TCP port.",
            hint="remove tls, or write tcp://host:port",
        )
    if bool(tls.cert) != bool(tls.key):
        raise ConfigError(
            "a client certificate (cert) and its key belong together", hint="name both files"
        )
    named_files = {"ca": tls.ca, "cert": tls.cert, "key": tls.key}
    if any("\n" in name or name.startswith("-----") for name in named_files.values()):
        raise ConfigError(
            "a certificate or a key stands where the name of its file is expected",
            detail="Files of builders are shared and copied; keys do not belong into them.",
            hint="put it into a file of its own, and write the path of that",
        )
    files = {key: _file(name, base, home) for key, name in named_files.items() if name}
    return replace(
        endpoint,
        tls_ca=files.get("ca", endpoint.tls_ca),
        tls_cert=files.get("cert", endpoint.tls_cert),
        tls_key=files.get("key", endpoint.tls_key),
        tls_server_name=tls.server_name or endpoint.tls_server_name,
    )


def _file(name: str, base: Path, home: Path) -> str:
    if name.startswith("~/"):
        return str(home / name[2:])
    return str(base / name)
