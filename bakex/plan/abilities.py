"""What targets ask for and their nodes cannot do: found before anything is built.

A daemon that does not know a feature often ignores it in silence (named contexts before BuildKit
0.10), or fails when all the work is done (exporters). So what a cell needs is compared with what
the probe of its node has found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bakex.errors import CapabilityError
from bakex.model.node import Feature
from bakex.model.result import PushImage, SaveImage
from bakex.plan.order import links

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.plan import Cell, Plan
    from bakex.model.result import ExportRequest
    from bakex.model.target import Target

_OCI_LAYOUT: Final = "oci-layout://"
# What can be made of the content of dockerd's classic image store; see the BuildKit engine.
_COMPRESSIONS: Final = frozenset({"gzip", "uncompressed"})
_FALSE: Final = frozenset({"", "0", "f", "false"})
_CLASSIC: Final = 'turn on "containerd-snapshotter" in dockerd\'s features, or use another builder'
_OLD: Final = "use a newer daemon"


def check_abilities(
    plan: Plan, nodes: Sequence[NodeInfo], exports: Mapping[str, Sequence[ExportRequest]]
) -> None:
    """Make sure that every node can do what its cells ask for.

    Args:
        plan: The cells.
        nodes: What the probes have found.
        exports: What cells hand over, by the text of the cell's id.

    Raises:
        CapabilityError: At least one cannot; names everything that is lacking.
    """
    infos: dict[NodeName, NodeInfo] = {info.name: info for info in nodes}
    found: dict[str, str] = {}
    for cell in plan.cells:
        info = infos[cell.node]
        requests = exports.get(str(cell.id), ())
        lacking = _of_target(cell.target, info.features, by_content=_by_content(cell))
        for what, hint in (*lacking, *_of_exports(requests, info)):
            found.setdefault(f"{info.name} lacks {what}, which {cell.target.name!r} needs", hint)
    if found:
        first, *others = found
        raise CapabilityError(first, detail="\n".join(others), hint=found[first])


def suits(target: Target, can: frozenset[Feature], *, published: bool) -> bool:
    """Return whether a node with these features can do what a target asks for.

    Results of others, which a node may or may not have itself, count as content that it is given.

    Args:
        target: As it is for the platform in question.
        can: What the node can do.
        published: Whether the target's outputs are made.
    """
    is_linked = bool(links(target))
    if any(_of_target(target, can, by_content=is_linked)):
        return False
    special = (what for output in target.output for what in _odd(output.attrs))
    return Feature.OCI_EXPORT in can or not (published and any(special))


def _odd(attrs: Mapping[str, str]) -> Iterator[str]:
    """Return what an image can be only if BuildKit itself makes it."""
    kind = attrs.get("compression", "gzip")
    if kind not in _COMPRESSIONS:
        yield f"compression={kind}"
    if attrs.get("rewrite-timestamp", "").lower() not in _FALSE:
        yield "rewrite-timestamp"


def _of_target(
    target: Target, can: frozenset[Feature], *, by_content: bool
) -> Iterator[tuple[str, str]]:
    if Feature.ATTESTATIONS not in can:
        for attestation in target.attest:
            if not attestation.disabled:
                yield f"attestations ({attestation.type})", _CLASSIC
    if Feature.REMOTE_CACHE not in can:
        for kind in dict.fromkeys(e.type for e in target.cache_to if e.type != "inline"):
            yield f"export of caches of type {kind}", _CLASSIC
    if Feature.ULIMITS not in can and target.ulimits:
        yield "limits for build steps (ulimits)", _OLD
    if Feature.STEP_RESOURCES not in can and target.resources:
        yield "limits on memory and CPU of build steps (resources)", _OLD
    yield from _of_contexts(target, can, by_content=by_content)


def _of_contexts(
    target: Target, can: frozenset[Feature], *, by_content: bool
) -> Iterator[tuple[str, str]]:
    # A frontend of one's own choice may know what the daemon's does not.
    own_frontend = "BUILDKIT_SYNTAX" in target.args
    if target.contexts and Feature.NAMED_CONTEXTS not in can and not own_frontend:
        yield "named contexts (contexts)", _OLD
        return
    layouts = [name for name, value in target.contexts.items() if value.startswith(_OCI_LAYOUT)]
    if (layouts or by_content) and Feature.OCI_LAYOUT_CONTEXTS not in can:
        yield "contexts from OCI layouts, and from other targets", _OLD


def _by_content(cell: Cell) -> bool:
    return any(base not in cell.direct for _, base in cell.links)


def _of_exports(requests: Sequence[ExportRequest], info: NodeInfo) -> Iterator[tuple[str, str]]:
    if Feature.OCI_EXPORT in info.features:
        return
    for request in requests:
        if not isinstance(request, PushImage | SaveImage):
            continue
        if Feature.IMAGE_LOAD not in info.features:
            yield "a way to hand over images", "use another builder"
            continue
        for what in _odd(request.attrs):
            yield what, _CLASSIC
