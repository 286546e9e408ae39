"""What a daemon is and can do, found by asking it and never by its version.

dockerd reports no version of BuildKit at all, and distributions patch theirs; capabilities and the
worker's labels tell the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bakex.engines.buildkit.transport import RpcError
from bakex.errors import NodeError, NodeLostError
from bakex.model.node import Feature, NodeInfo, Speed, Wire
from bakex.model.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bakex._pb import bk_pb2 as pb
    from bakex.engines.buildkit.client import Control
    from bakex.model.node import Endpoint

_SNAPSHOTTER = "org.mobyproject.buildkit.worker.snapshotter"
# Capabilities that came in the same release as what is to be detected stand for it where it has
# none of its own: named contexts are older than warnings, which came in 0.10 as they did, and
# local-sessionid (0.16) is older than the garbage collector's filter (0.17).
_CAPABILITIES: Mapping[str, Feature] = {
    "exporter.multiple": Feature.MULTIPLE_EXPORTS,
    "gateway.warnings": Feature.NAMED_CONTEXTS,
    "exporter.sourcedateepoch": Feature.SOURCE_DATE_EPOCH,
    "gc.freespacefilter": Feature.LOCAL_SESSION_ID,
    "exec.meta.ulimit": Feature.ULIMITS,
    "exec.meta.linux.resources": Feature.STEP_RESOURCES,
}
# What counts only together with a store for content.
_WITH_CONTENT: Mapping[str, Feature] = {
    "exporter.image.attestations": Feature.ATTESTATIONS,
    "source.ocilayout": Feature.OCI_LAYOUT_CONTEXTS,
}
# What it takes to build on a result: its steps are told, run without an export, taken as an input.
_LINKS = frozenset({"reference.output", "gateway.solve.evaluate", "frontend.inputs"})
# What a processor of the first architecture also runs itself.
_COMPATIBLE: Mapping[str, frozenset[str]] = {
    "amd64": frozenset({"amd64", "386"}),
    "arm64": frozenset({"arm64", "arm"}),
    "arm": frozenset({"arm"}),
}


async def probe(control: Control, endpoint: Endpoint) -> NodeInfo:
    """Ask a daemon for its platforms and features.

    Raises:
        NodeError: It does not answer, or is no BuildKit.
    """
    try:
        workers = await control.workers()
        version = await control.version()
        capabilities = await control.capabilities()
    except RpcError as error:
        raise NodeError(
            f"{endpoint.name} ({endpoint.address}) is no usable BuildKit daemon",
            detail=f"It answered {error.status.name}: {error.message}.",
            hint="check that the address is BuildKit's own",
        ) from None
    except NodeLostError as error:
        raise _closed(endpoint, error) from None
    if not workers:
        raise NodeError(
            f"{endpoint.name} ({endpoint.address}) has no worker",
            detail="The daemon runs but cannot build anything.",
            hint="look at the daemon's log",
        )
    worker = workers[0]
    labels = dict(sorted(worker.labels.items()))
    found = speeds(worker.platforms)
    return NodeInfo(
        endpoint=endpoint,
        platforms=declared(endpoint.platforms, found),
        features=features(endpoint.wire, labels, capabilities),
        labels=labels,
        version=worker.buildkit_version.version or version,
        machine=next(iter(found), None),
    )


def features(
    wire: Wire, labels: Mapping[str, str], capabilities: Iterable[str]
) -> frozenset[Feature]:
    """Return the features that labels and capabilities stand for.

    A worker without a snapshotter is dockerd's with its classic image store: one that cannot push
    by digest, hand over images, export caches or keep attestations. It says that it reads OCI
    layouts, and then looks for their images on Docker Hub.
    """
    known = set(capabilities)
    found = {feature for name, feature in _CAPABILITIES.items() if name in known}
    if known >= _LINKS:
        found.add(Feature.LINKS)
    if labels.get(_SNAPSHOTTER):
        found |= {Feature.IMAGE_PUSH, Feature.OCI_EXPORT, Feature.REMOTE_CACHE}
        found |= {feature for name, feature in _WITH_CONTENT.items() if name in known}
    if wire is Wire.DOCKER:
        found.add(Feature.IMAGE_LOAD)
    return frozenset(found)


def speeds(platforms: Iterable[pb.Platform]) -> dict[Platform, Speed]:
    """Return the platforms in the daemon's order, native ones first.

    The first one is the daemon's own. Which of the others its processor runs by itself follows
    from the architecture; the rest is listed because an emulator is registered.
    """
    found = [Platform.of(item.os, item.architecture, item.variant) for item in platforms]
    if not found:
        return {}
    own = found[0]
    compatible = _COMPATIBLE.get(own.architecture, frozenset({own.architecture}))
    native = {
        item: Speed.NATIVE
        for item in found
        if item.os == own.os and item.architecture in compatible
    }
    return native | {item: Speed.EMULATED for item in found if item not in native}


def declared(said: Iterable[Platform], found: Mapping[Platform, Speed]) -> dict[Platform, Speed]:
    """Return the platforms that a node is said to build, then those that it tells itself.

    Whoever says that a node builds a platform which it does not list is believed: an emulator may
    come with the build's own images.
    """
    first = {platform: found.get(platform, Speed.EMULATED) for platform in said}
    return first | {platform: speed for platform, speed in found.items() if platform not in first}


def _closed(endpoint: Endpoint, error: NodeLostError) -> NodeLostError:
    other = "docker" if endpoint.wire is Wire.BUILDKIT else "BuildKit"
    return NodeLostError(
        error.summary,
        detail=error.detail,
        hint=f"check whether a {other} daemon listens there instead",
    )
