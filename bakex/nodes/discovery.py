"""Where a builder's nodes are: what was named, or else the usual places in order.

* A builder may be named by ``--builder``, ``BAKEX_BUILDER`` or ``BUILDX_BUILDER``: addresses,
  builders of bakex's own files, builders of buildx and docker contexts, separated by commas;
  ``private`` is bakex's own engine.
* Else ``BUILDKIT_HOST``, the builder that ``docker buildx use`` has chosen, ``DOCKER_HOST``,
  ``DOCKER_CONTEXT`` or docker's current context. Nothing else takes the place of what was named.
* Else buildkitd's and docker's usual sockets may be there; the private engine is the last resort.

Nothing is dialled here: which candidates answer, and can do enough, is found by probing them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from bakex.errors import ConfigError
from bakex.model.node import Endpoint, NodeName, Terms, Wire
from bakex.nodes.address import is_address, parse_endpoint, shown, socket_path
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
    from collections.abc import Callable, Mapping, Sequence

    from bakex.carriers import ImageLoader, Launcher, Way
    from bakex.config import Settings
    from bakex.nodes.docker_images import DockerImages

    Declared = Callable[[str], "tuple[Candidate, ...] | None"]

PRIVATE: Final = "private"
_PRIVATE_NODE: Final = NodeName(PRIVATE)
_BUILDKIT_SOCKET: Final = "unix:///run/buildkit/buildkitd.sock"
_USUAL: Final = "usual socket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A place where a node may be.

    Attributes:
        endpoint: How to reach it; None for the private engine, which may have to be started.
        terms: How the private engine is used; those of other nodes are in their endpoints.
        called: The private engine's name in the builder, likewise.
    """

    endpoint: Endpoint | None
    terms: Terms = field(default_factory=Terms)
    called: NodeName = _PRIVATE_NODE

    @property
    def name(self) -> NodeName:
        """The node's name in the builder."""
        return self.endpoint.name if self.endpoint else self.called

    def located(self, private: Endpoint) -> Endpoint:
        """Return how to reach it.

        Args:
            private: The private engine, for the one that this is.
        """
        return self.endpoint or replace(private, name=self.called, terms=self.terms)

    def present(self) -> bool:
        """Return whether it is worth dialling: false only for a socket that does not exist."""
        path = socket_path(self.endpoint) if self.endpoint else ""
        return not path or os.path.lexists(path)


def _nothing(_name: str) -> None:
    """Return what there is where bakex has no files of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Where to look.

    Attributes:
        choices: In order of preference.
        named: Someone asked for exactly these: all of them are nodes. Otherwise the first that
            answers and can do enough is the node.
    """

    choices: tuple[Candidate, ...]
    named: bool


def candidates(
    settings: Settings, builder: str, *, declared: Declared = _nothing, origin: str = ""
) -> Candidates:
    """Return where the nodes of a builder are.

    Args:
        settings: The environment's and docker's settings.
        builder: What was asked for; empty to look in the usual places.
        declared: Returns the nodes of a builder in bakex's own files; None if it is not there.
        origin: Who asked, for messages; empty to tell an option from a variable.

    Raises:
        ConfigError: A name or an address cannot be used, or docker's files are malformed.
    """
    if builder.strip():
        origin = origin or _origin(settings, builder)
        return Candidates(choices=_named(settings, builder, declared, origin), named=True)
    if configured := _configured(settings):
        choices = tuple(Candidate(endpoint=endpoint) for endpoint in configured)
        return Candidates(choices=choices, named=True)
    usual = [Candidate(endpoint=endpoint) for endpoint in _usual(settings)]
    return Candidates(choices=(*usual, Candidate(endpoint=None)), named=False)


def docker_images(way: Way, *, by_digest: bool = False) -> DockerImages | None:
    """Return the image store behind a way; None if no docker daemon is there.

    Args:
        way: How to reach the daemon.
        by_digest: Whether its images have manifests, by whose digests they can be asked for.
    """
    if way.endpoint.wire is not Wire.DOCKER:
        return None
    from bakex.nodes.docker_images import DockerImages  # noqa: PLC0415 - start-up budget

    return DockerImages(way, by_digest=by_digest)


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


def _named(
    settings: Settings, builder: str, declared: Declared, origin: str
) -> tuple[Candidate, ...]:
    found: list[Candidate] = []
    seen: set[object] = set()
    names: set[str] = set()
    for item in (part.strip() for part in builder.split(",")):
        if not item:
            raise ConfigError(f"{origin}: there is an empty name between the commas of {builder!r}")
        for node in _nodes(settings, item, declared, origin):
            place = _place(node.endpoint) if node.endpoint else PRIVATE
            if place in seen:
                raise ConfigError(f"{origin}: {item!r} is named twice, directly or by a name")
            seen.add(place)
            found.append(_renamed(node, names))
    return tuple(found)


def _renamed(node: Candidate, names: set[str]) -> Candidate:
    if node.name == PRIVATE and node.endpoint is None:
        return node
    name = _unique(node.name, names)
    if node.endpoint is None:
        return replace(node, called=name)
    return replace(node, endpoint=replace(node.endpoint, name=name))


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


def _nodes(settings: Settings, item: str, declared: Declared, origin: str) -> tuple[Candidate, ...]:
    """Return what one name stands for."""
    if item == PRIVATE:
        return (Candidate(endpoint=None),)
    if is_address(item):
        return (Candidate(endpoint=at_address(settings, item, origin=origin)),)
    if (own := declared(item)) is not None:
        return own
    known = builder_nodes(settings, item, origin=origin)
    endpoints = known or (context_endpoint(settings, item, origin=origin),)
    return tuple(Candidate(endpoint=endpoint) for endpoint in endpoints)


def at_address(
    settings: Settings,
    text: str,
    *,
    origin: str,
    name: str = "",
    options: Mapping[str, str] | None = None,
) -> Endpoint:
    """Return the endpoint of an address of any kind.

    Args:
        settings: Docker's settings, for containers.
        text: The address.
        origin: The setting that it is from, for messages.
        name: The node's name; empty to derive one from the address.
        options: What a container or a pod needs besides.

    Raises:
        ConfigError: It is not an address, takes no such options, or docker's settings are wrong.
    """
    if not is_carried(text):
        if options:
            raise ConfigError(
                f"{origin}: {shown(text)!r} takes no options",
                detail="Only containers, pods and deployments have some.",
                hint="remove the options",
            )
        return parse_endpoint(text, origin=origin, name=name)
    endpoint = parse_carried(text, origin=origin, name=name, options=options)
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
        return (
            at_address(settings, settings.buildkit_host, origin="BUILDKIT_HOST", name="buildkitd"),
        )
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
