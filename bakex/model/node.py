"""Nodes: places where builds run, and what a probe found there."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bakex.model.platform import Platform

NodeName = NewType("NodeName", str)

_USUAL_SLOTS = 8
_USUAL_PROCESSORS = 4  # where nothing is known


class Wire(StrEnum):
    """How BuildKit's API is reached once a byte stream is open."""

    BUILDKIT = "buildkit"  # HTTP/2 at once; the session travels in Control.Session
    DOCKER = "docker"  # HTTP/1.1 upgrades on /grpc and /session


class Feature(StrEnum):
    """What a daemon can do, found by asking it and never by its version."""

    IMAGE_PUSH = "image-push"  # pushes by digest
    OCI_EXPORT = "oci-export"  # hands over image content
    MULTIPLE_EXPORTS = "multiple-exports"  # several exporters in one solve
    ATTESTATIONS = "attestations"
    NAMED_CONTEXTS = "named-contexts"
    OCI_LAYOUT_CONTEXTS = "oci-layout-contexts"
    LINKS = "links"  # builds on the result of another build of its own
    REMOTE_CACHE = "remote-cache"  # registry/local cache export
    IMAGE_LOAD = "image-load"  # has an image store behind a docker API
    SOURCE_DATE_EPOCH = "source-date-epoch"
    LOCAL_SESSION_ID = "local-session-id"
    ULIMITS = "ulimits"
    STEP_RESOURCES = "step-resources"  # limits on memory and CPU of build steps


class Speed(StrEnum):
    """How a node runs the code of a platform."""

    NATIVE = "native"
    EMULATED = "emulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a builder uses one of its nodes.

    Attributes:
        labels: What targets may ask for; nothing that a daemon says.
        max_jobs: Cells at once; 0 for the usual number (`NodeInfo.slots`).
        weight: Its share of the work among nodes that do as well; 1 for a usual one.
        only: The platforms that it is used for, in order; empty for all that it builds.
    """

    labels: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    max_jobs: int = 0
    weight: int = 1
    only: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a node is and how it is spoken to.

    Attributes:
        name: Its name in the builder; unique there.
        address: ``unix:///path``, ``tcp://host:port``, ``ssh://[user@]host[:port][/path]``,
            ``docker-container://name``, ``podman-container://name`` or ``kube-pod://[name]``.
        wire: What is spoken on that address.
        tls_ca: Path of the authority's certificate; empty for no TLS.
        tls_cert: Path of the client certificate.
        tls_key: Path of the client's key.
        tls_verify: Whether the server's certificate must be valid.
        tls_server_name: Name that the certificate must have; empty for the host of the address.
        host_network: RUN steps use the host's network because the daemon has none of its own.
        private: It is bakex's own engine: nobody looks for images in its store.
        origin: Why this endpoint was chosen, for messages: "DOCKER_HOST", "--builder", ...
        via: The docker daemon that runs the container of a ``docker-container://`` address.
        options: What a container or a pod needs besides its name, such as its namespace or the
            image that it is made from; the keys are those of the address's parameters.
        platforms: What the node is said to build, in order, before what it says itself.
        terms: How the builder uses it.
    """

    name: NodeName
    address: str
    wire: Wire
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    tls_verify: bool = True
    tls_server_name: str = ""
    host_network: bool = False
    private: bool = False
    origin: str = ""
    via: Endpoint | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    platforms: tuple[Platform, ...] = ()
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """What a probe found.

    Attributes:
        platforms: What it builds, in the daemon's order, each with how; native ones first. Of a
            node that is used for some platforms only (`Terms.only`), those of them that it builds.
        labels: The worker's labels, such as the host-gateway address; not those of its terms.
        version: As reported; for people only.
        machine: What its processor is: the platform that the daemon lists first.
        processors: How many it has; 0 if that is not known.
    """

    endpoint: Endpoint
    platforms: Mapping[Platform, Speed]
    features: frozenset[Feature]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    machine: Platform | None = None
    processors: int = 0

    @property
    def name(self) -> NodeName:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def terms(self) -> Terms:
        """How its builder uses it: labels, how many cells at once, weight, which platforms."""
        return self.endpoint.terms

    @property
    def slots(self) -> int:
        """Cells at once at most; BuildKit schedules their steps itself."""
        return self.terms.max_jobs or _USUAL_SLOTS

    @property
    def parallel(self) -> int:
        """Cells at once of which none is expected to be slower than alone."""
        return min(self.slots, self.processors or self.terms.max_jobs or _USUAL_PROCESSORS)

    @property
    def ease(self) -> int:
        """Cells at once while other nodes have less to do; one may be waiting for the network."""
        return self.terms.max_jobs or min(self.slots, self.parallel + 1)
