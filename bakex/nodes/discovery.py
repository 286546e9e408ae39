"""Where a builder's nodes are: what was named, or else the usual places in order.

* A builder may be named by ``--builder``, ``BAKEX_BUILDER`` or ``BUILDX_BUILDER``: addresses,
  builders of buildx and docker contexts, separated by commas; ``private`` is bakex's own engine.
* Else ``BUILDKIT_HOST``, the builder that ``docker buildx use`` has chosen, ``DOCKER_HOST``,
  ``DOCKER_CONTEXT`` or docker's current context. Whatever was named has to answer; nothing else
  takes its place.
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
from bakex.nodes.buildx import builder_nodes, current_builder, with_daemon
from bakex.nodes.carried import is_carried, parse_carried
from bakex.nodes.contexts import (
    DEFAULT_CONTEXT,
    DOCKER_SOCKET,
    context_endpoint,
    current_context,
    default_endpoint,
)
from bakex.nodes.dialers import dialer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bakex.carriers import ImageLoader, Launcher, Way
    from bakex.config import Settings
    from bakex.nodes.docker_images import DockerImages

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
    if configured := _configured(settings):
        choices = tuple(Candidate(endpoint=endpoint) for endpoint in configured)
        return Candidates(choices=choices, named=True)
    usual = [Candidate(endpoint=endpoint) for endpoint in _usual(settings)]
    return Candidates(choices=(*usual, Candidate(endpoint=None)), named=False)


def docker_images(way: Way) -> DockerImages | None:
    """Return the image store behind a way; None if no docker daemon is there."""
    if way.endpoint.wire is not Wire.DOCKER:
        return None
    from bakex.nodes.docker_images import DockerImages  # noqa: PLC0415 - start-up budget

    return DockerImages(way)


def image_loader(
    settings: Settings, ways: Sequence[Way], launcher: Launcher | None = None
) -> ImageLoader | None:
    """Return the image store in which the user looks for images, if there is one.

    That is the first docker daemon among the builder's nodes, else the daemon that the docker
    command would use. The private engine is never it.

    Args:
        settings: Docker's settings.
        ways: How the nodes are reached; whoever opened them closes them.
        launcher: For a daemon that is none of the nodes.

    Raises:
        ConfigError: Docker's settings are malformed.
    """
    from bakex.nodes.docker_images import DockerImages  # noqa: PLC0415 - start-up budget

    for way in ways:
        if way.endpoint.wire is Wire.DOCKER and not way.endpoint.private:
            return DockerImages(way)
    endpoint = _docker(settings) or parse_endpoint(
        DOCKER_SOCKET, origin=_USUAL, name=DEFAULT_CONTEXT, bare=Wire.DOCKER
    )
    if not Candidate(endpoint=endpoint).present():
        return None
    return DockerImages(dialer(endpoint, launcher), shared=False)


def _named(settings: Settings, builder: str) -> tuple[Candidate, ...]:
    origin = _origin(settings, builder)
    found: list[Candidate] = []
    seen: set[object] = set()
    names: set[str] = set()
    for item in (part.strip() for part in builder.split(",")):
        if not item:
            raise ConfigError(f"{origin}: there is an empty name between the commas of {builder!r}")
        for endpoint in _nodes(settings, item, origin):
            place = _place(endpoint) if endpoint else PRIVATE
            if place in seen:
                raise ConfigError(f"{origin}: {item!r} is named twice, directly or by a name")
            seen.add(place)
            found.append(Candidate(endpoint=_renamed(endpoint, names)))
    return tuple(found)


def _renamed(endpoint: Endpoint | None, names: set[str]) -> Endpoint | None:
    return replace(endpoint, name=_unique(endpoint.name, names)) if endpoint else None


def _place(endpoint: Endpoint) -> object:
    via = endpoint.via.address if endpoint.via else ""
    return endpoint.address, via, tuple(sorted(endpoint.options.items()))


def _origin(settings: Settings, builder: str) -> str:
    if builder != settings.builder:
        return "--builder"
    # The same value may also come from the command line; the variable is then no wrong answer.
    return next(
        (name for name in ("BAKEX_BUILDER", "BUILDX_BUILDER") if settings.environ.get(name)),
        "--builder",
    )


def _nodes(settings: Settings, item: str, origin: str) -> tuple[Endpoint | None, ...]:
    """Return what one name stands for; None for the private engine."""
    if item == PRIVATE:
        return (None,)
    if is_address(item):
        return (_at(settings, item, origin),)
    known = builder_nodes(settings, item, origin=origin)
    return known or (context_endpoint(settings, item, origin=origin),)


def _at(settings: Settings, text: str, origin: str, *, name: str = "") -> Endpoint:
    if not is_carried(text):
        return parse_endpoint(text, origin=origin, name=name)
    endpoint = parse_carried(text, origin=origin, name=name)
    if endpoint.address.startswith("docker-container:"):
        return with_daemon(settings, endpoint)
    return endpoint


def _unique(name: NodeName, taken: set[str]) -> NodeName:
    # "private" belongs to the private engine even when that is not one of the nodes.
    wanted = "private-1" if name == PRIVATE else str(name)
    unique, number = wanted, 1
    while unique in taken:
        number += 1
        unique = f"{wanted}-{number}"
    taken.add(unique)
    return NodeName(unique)


def _configured(settings: Settings) -> tuple[Endpoint, ...]:
    if settings.buildkit_host:
        return (_at(settings, settings.buildkit_host, "BUILDKIT_HOST", name="buildkitd"),)
    name = current_builder(settings)
    nodes = builder_nodes(settings, name, origin=f"docker buildx use {name}") if name else None
    if nodes:
        return nodes
    docker = _docker(settings)
    return (docker,) if docker else ()


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
