"""Where a builder's nodes are: what was named, or else the usual places in order.

* A builder may be named by ``--builder``, ``BAKEX_BUILDER`` or ``BUILDX_BUILDER``: addresses and
  docker contexts, separated by commas, are its nodes; ``private`` is bakex's own engine.
* Else ``BUILDKIT_HOST``, ``DOCKER_HOST``, ``DOCKER_CONTEXT`` or docker's current context name a
  node. Whatever was named has to answer; nothing else takes its place.
* Else buildkitd's and docker's usual sockets may be there; the private engine is the last resort.

Nothing is dialled here: which candidates answer, and can do enough, is found by probing them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, NodeName, Wire
from bakex.nodes.address import is_address, parse_endpoint, socket_path
from bakex.nodes.contexts import (
    DEFAULT_CONTEXT,
    DOCKER_SOCKET,
    context_endpoint,
    current_context,
    default_endpoint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.config import Settings
    from bakex.interfaces import ImageLoader

PRIVATE: Final = "private"
_BUILDKIT_SOCKET: Final = "unix:///run/buildkit/buildkitd.sock"
_USUAL: Final = "usual socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place where a node may be.

    Attributes:
        endpoint: How to reach it; None for the private engine, which may have to be started.
    """

    endpoint: Endpoint | None

    def present(self) -> bool:
        """Return whether it is worth dialling: false only for a socket that does not exist."""
        path = socket_path(self.endpoint) if self.endpoint else ""
        return not path or os.path.lexists(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Where to look.

    Attributes:
        choices: In order of preference.
        named: Someone asked for exactly these: all of them are nodes and have to answer. Otherwise
            the first that answers and can do enough is the node.
    """

    choices: tuple[Candidate, ...]
    named: bool


def candidates(settings: Settings, builder: str) -> Candidates:
    """Return where the nodes of a builder are.

    Args:
        settings: The environment's and docker's settings.
        builder: What was asked for; empty to look in the usual places.

    Raises:
        ConfigError: A name or an address cannot be used, or docker's files are malformed.
    """
    if builder.strip():
        return Candidates(choices=_named(settings, builder), named=True)
    configured = _configured(settings)
    if configured is not None:
        return Candidates(choices=(Candidate(endpoint=configured),), named=True)
    usual = [Candidate(endpoint=endpoint) for endpoint in _usual(settings)]
    return Candidates(choices=(*usual, Candidate(endpoint=None)), named=False)


def image_loader(settings: Settings, endpoints: Sequence[Endpoint]) -> ImageLoader | None:
    """Return the image store in which the user looks for images, if there is one.

    That is the first docker daemon among the builder's nodes, else the daemon that the docker
    command would use. The private engine is never it.

    Raises:
        ConfigError: Docker's settings are malformed.
    """
    for endpoint in endpoints:
        if endpoint.wire is Wire.DOCKER and not endpoint.private:
            return _loader(endpoint)
    endpoint = _docker(settings) or parse_endpoint(
        DOCKER_SOCKET, origin=_USUAL, name=DEFAULT_CONTEXT, bare=Wire.DOCKER
    )
    return _loader(endpoint) if Candidate(endpoint=endpoint).present() else None


def _loader(endpoint: Endpoint) -> ImageLoader:
    from bakex.nodes.docker_images import DockerImageLoader  # noqa: PLC0415 - start-up budget

    return DockerImageLoader(endpoint)


def _named(settings: Settings, builder: str) -> tuple[Candidate, ...]:
    origin = _origin(settings, builder)
    found: list[Candidate] = []
    seen: set[str] = set()
    names: set[str] = set()
    for item in (part.strip() for part in builder.split(",")):
        if not item:
            raise ConfigError(f"{origin}: there is an empty name between the commas of {builder!r}")
        endpoint = None if item == PRIVATE else _node(settings, item, origin)
        place = endpoint.address if endpoint else PRIVATE
        if place in seen:
            raise ConfigError(f"{origin}: {item!r} is named twice, directly or as a context")
        seen.add(place)
        if endpoint is not None:
            endpoint = replace(endpoint, name=_unique(endpoint.name, names))
        found.append(Candidate(endpoint=endpoint))
    return tuple(found)


def _origin(settings: Settings, builder: str) -> str:
    if builder != settings.builder:
        return "--builder"
    # The same value may also come from the command line; the variable is then no wrong answer.
    return next(
        (name for name in ("BAKEX_BUILDER", "BUILDX_BUILDER") if settings.environ.get(name)),
        "--builder",
    )


def _node(settings: Settings, item: str, origin: str) -> Endpoint:
    if is_address(item):
        return parse_endpoint(item, origin=origin)
    return context_endpoint(settings, item, origin=origin)


def _unique(name: NodeName, taken: set[str]) -> NodeName:
    # "private" belongs to the private engine even when that is not one of the nodes.
    wanted = "private-1" if name == PRIVATE else str(name)
    unique, number = wanted, 1
    while unique in taken:
        number += 1
        unique = f"{wanted}-{number}"
    taken.add(unique)
    return NodeName(unique)


def _configured(settings: Settings) -> Endpoint | None:
    if settings.buildkit_host:
        return parse_endpoint(settings.buildkit_host, origin="BUILDKIT_HOST", name="buildkitd")
    return _docker(settings)


def _docker(settings: Settings) -> Endpoint | None:
    """Return the daemon that docker's settings name; None if they name none."""
    if settings.docker_host:
        return default_endpoint(settings, origin="DOCKER_HOST")
    name, origin = current_context(settings)
    if name and name != DEFAULT_CONTEXT:
        return context_endpoint(settings, name, origin=origin)
    return None


def _usual(settings: Settings) -> list[Endpoint]:
    runtime = settings.environ.get("XDG_RUNTIME_DIR", "")
    places = [(_BUILDKIT_SOCKET, "buildkitd", Wire.BUILDKIT)]
    if runtime.startswith("/"):
        places.append((f"unix://{runtime}/buildkit/buildkitd.sock", "buildkitd", Wire.BUILDKIT))
    places.append((DOCKER_SOCKET, DEFAULT_CONTEXT, Wire.DOCKER))
    if runtime.startswith("/"):
        places.append((f"unix://{runtime}/docker.sock", DEFAULT_CONTEXT, Wire.DOCKER))
    return [
        parse_endpoint(address, origin=_USUAL, name=name, bare=wire)
        for address, name, wire in places
    ]
