"""Whether a target is reproducible: it is built twice, and the results are compared.

Both builds export layouts, with the attributes of the target's own output; nothing is pushed,
loaded or written elsewhere, and no cache is filled, whatever the target says. The second build uses
no cache, and another node if there is one that does it as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from bakex.api.suspects import Suspect, suspects
from bakex.bake.links import linked
from bakex.errors import NotReproducibleError, UsageError
from bakex.model.attributes import evolve
from bakex.model.difference import CHANGED
from bakex.model.outputs import Output
from bakex.oci.compare import Side, compare
from bakex.oci.layout import OciLayout
from bakex.outputs.attributes import flag, node_attributes
from bakex.plan.matching import speed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from bakex.bake.resolve import Resolution
    from bakex.model.difference import (
        Comparison,
        FileDifference,
        ImageDifference,
        LayerDifference,
    )
    from bakex.model.node import NodeInfo, NodeName
    from bakex.model.plan import Plan
    from bakex.model.publication import Report
    from bakex.model.target import Target

_EPOCH = "SOURCE_DATE_EPOCH"
_IMAGES = frozenset({"image", "registry", "oci", "docker"})
_ONLY_STORED = ("store", "unpack", "dangling-name-prefix", "danging-name-empty-only")
FIRST, SECOND = "first", "second"  # the directories of the two builds


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first thing that differs.

    Attributes:
        layer: Where it is; None if no layer differs.
        file: The first one of the layer that is told of.
    """

    image: ImageDifference
    layer: LayerDifference | None = None
    file: FileDifference | None = None

    @property
    def sentence(self) -> str:
        """What it is, for messages."""
        if self.layer is None:
            change = next(iter((*self.image.config, *self.image.manifest)), None)
            what = f"{change.field} of the image" if change else "the manifest's form"
        elif self.file is not None:
            what = f"/{self.file.path} in layer {self.layer.side.number}"
        else:
            what = f"layer {self.layer.side.number}"
        return f"The first difference for {self.image.name} is {what}."

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        layer = self.layer
        return {
            "platform": self.image.name,
            "layer": layer.side.number if layer else None,
            "createdBy": layer.side.created_by if layer else None,
            "a": str(layer.a.digest) if layer and layer.a else None,
            "b": str(layer.b.digest) if layer and layer.b else None,
            "file": self.file.to_json() if self.file else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Two builds of one target.

    Attributes:
        nodes: Platform -> where it was built, the first and the second time.
    """

    target: str
    comparison: Comparison
    nodes: Mapping[str, tuple[str, str]]
    suspects: tuple[Suspect, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether the target is reproducible, as far as two builds can tell."""
        return self.comparison.is_equal

    @property
    def first(self) -> First | None:
        """The first difference; None if there is none in an image."""
        for image in self.comparison.images:
            if image.status == CHANGED:
                layer = image.layers[0] if image.layers else None
                files = layer.files if layer else ()
                return First(image=image, layer=layer, file=next(iter(files), None))
        return None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        first = self.first
        return {
            "name": self.target,
            "reproducible": self.is_equal,
            "nodes": {name: {"a": a, "b": b} for name, (a, b) in self.nodes.items()},
            "first": first.to_json() if first else None,
            "suspects": [suspect.to_json() for suspect in self.suspects],
            "comparison": self.comparison.to_json(),
        }


class Builder(Protocol):
    """Nodes that are connected; see `bakex.api.client.Client`."""

    @property
    def nodes(self) -> tuple[NodeInfo, ...]:
        """What was found out about the nodes."""
        ...

    def over(self, names: Sequence[str]) -> Builder:
        """Return the same with some of the nodes only."""
        ...

    def plan(self, resolution: Resolution) -> Plan:
        """Return what `bake` would do."""
        ...

    async def bake(self, resolution: Resolution, *, allow: Sequence[str] = ()) -> Report:
        """Build, assemble and publish."""
        ...


class Reproducer:
    """The two builds of the targets of a resolution.

    Attributes:
        allow: Entitlements that are granted; one to write to the directory is needed, too.
    """

    def __init__(
        self, resolution: Resolution, directory: Path, *, nodes: Sequence[str] = ()
    ) -> None:
        """Take what is needed.

        Args:
            resolution: What the user asked for.
            directory: Where the layouts go: ``first/TARGET`` and ``second/TARGET``.
            nodes: Where to build the first and the second time; one for both; none to choose.

        Raises:
            UsageError: There are more than two nodes; a target has a call.
        """
        if len(nodes) > 2:
            raise UsageError("there are two builds, and so at most two nodes")
        self._resolution = resolution
        self._directory = directory
        self._nodes = nodes
        self.allow: Sequence[str] = ()
        self._reports: dict[str, Report] = {}
        self._wanted = dict(_reached(resolution))
        called = [target.name for target in self._wanted.values() if target.call]
        if called:
            raise UsageError(f"{called[0]} is not built: it has a call", hint="drop the call")

    def prepared(self, which: str) -> Resolution:
        """Return what is built the `FIRST` or the `SECOND` time.

        Raises:
            UnsupportedOutputError: An attribute of an output makes no sense.
        """
        targets = {name: self._target(target, which) for name, target in self._wanted.items()}
        return replace(self._resolution, targets=targets)

    async def build(self, client: Builder, which: str) -> None:
        """Build everything the `FIRST` or the `SECOND` time.

        Raises:
            UsageError: There is no such node.
            BakexError: A build failed; see `bakex.api.client.Client.bake`.
        """
        resolution = self.prepared(which)
        places = [(name,) for name in self._nodes] or apart(client.nodes, client.plan(resolution))
        if places:
            client = client.over(places[0 if which == FIRST else -1])
        self._reports[which] = await client.bake(resolution, allow=self.allow)

    async def compare(self, *, files: int) -> tuple[Reproduction, ...]:
        """Compare what was built twice, in the order of the targets.

        Args:
            files: How many files to tell of for each layer; all are counted.

        Raises:
            ContentError: A layout was damaged meanwhile.
        """
        return tuple([await self._compared(n, files) for n in self._resolution.requested])

    async def _compared(self, name: str, files: int) -> Reproduction:
        sides: list[Side] = []
        for which in (FIRST, SECOND):
            layout = OciLayout.open(self._directory / which / name, durable=False)
            root = layout.index().entries[0]
            sides.append(Side(name=f"{which} build", root=root, store=layout))
        comparison = await compare(*sides, files=files)
        target = self._wanted[name]
        output = _output(target)
        return Reproduction(
            target=name,
            comparison=comparison,
            nodes=self._places(name),
            suspects=suspects(
                comparison,
                epoch=bool(target.args.get(_EPOCH)),
                rewrites=output is not None
                and flag(target, output, "rewrite-timestamp", default=False),
            ),
        )

    def _places(self, name: str) -> dict[str, tuple[str, str]]:
        first, second = (_nodes(self._reports[which], name) for which in (FIRST, SECOND))
        return {platform: (node, second.get(platform, "")) for platform, node in first.items()}

    def _target(self, target: Target, which: str) -> Target:
        dropped: dict[str, object] = {"cache_to": ()}
        if which == SECOND:
            dropped["cache_from"] = ()
        fields: dict[str, object] = {**dropped, "attest": (), "publish_requires": ()}
        if which == SECOND:
            fields["no_cache"] = True
        if target.name in self._resolution.requested:
            output = _output(target)
            attrs = node_attributes(target, output) if output else {}
            kept = {key: value for key, value in attrs.items() if key not in _ONLY_STORED}
            place = self._directory / which / target.name
            layout = Output(type="oci", dest=str(place), attrs={**kept, "tar": "false"})
            fields["output"] = (layout,)
        variants = {
            platform: {**differences, **{k: v for k, v in dropped.items() if k in differences}}
            for platform, differences in target.variants.items()
        }
        return evolve(target, {**fields, "variants": variants})


def apart(nodes: Sequence[NodeInfo], plan: Plan) -> list[tuple[NodeName, ...]]:
    """Return two groups of nodes, each of which builds all of a plan as fast as it is planned.

    There may be none: a platform that is native to one node only is built there both times.
    """
    for node in reversed(nodes):
        others = [other for other in nodes if other is not node]
        if all(_serves(group, plan) for group in ([node], others)):
            return [tuple(other.name for other in others), (node.name,)]
    return []


def _serves(nodes: Sequence[NodeInfo], plan: Plan) -> bool:
    return all(
        any(speed(node, cell.platform) is cell.speed for node in nodes) for cell in plan.cells
    )


def _reached(resolution: Resolution) -> Iterator[tuple[str, Target]]:
    """Yield what is requested, and what that links to; gates are not built."""
    waiting, seen = list(resolution.requested), set[str]()
    while waiting:
        name = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            target = resolution.targets[name]
            yield name, target
            waiting.extend(linked(target))


def _output(target: Target) -> Output | None:
    """Return the output whose attributes count: the first one that is an image."""
    return next((output for output in target.output if output.type in _IMAGES), None)


def _nodes(report: Report, name: str) -> dict[str, str]:
    listed = cast("list[dict[str, str]]", report.targets[name].metadata.get("bakex.platforms", []))
    return {entry["platform"]: entry["node"] for entry in listed}


def verdict(found: Sequence[Reproduction]) -> None:
    """Raise if something is not reproducible.

    Raises:
        NotReproducibleError: Names the first difference of the first target that has one.
    """
    different = [item for item in found if not item.is_equal]
    if not different:
        return
    item = different[0]
    names = ", ".join(item.target for item in different)
    verb = "is" if len(different) == 1 else "are"
    first = item.first
    raise NotReproducibleError(
        f"{names} {verb} not reproducible",
        detail=first.sentence if first else "The images are equal, what is said about them is not.",
        hint=item.suspects[0].hint if item.suspects else "",
    )
