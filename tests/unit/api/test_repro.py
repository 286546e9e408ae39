"""Two builds of a target: what is built, where, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bakex.api.repro import FIRST, SECOND, Reproducer, apart, verdict
from bakex.bake.resolve import Resolution
from bakex.errors import NotReproducibleError, UnsupportedOutputError, UsageError
from bakex.model.caches import CacheEntry
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.publication import Report, TargetReport
from bakex.model.target import Target
from bakex.oci.layout import OciLayout
from bakex.plan.planner import plan
from bakex.testing.fakes import fake_node
from bakex.testing.images import put_attested, put_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bakex.model.node import NodeInfo
    from bakex.model.plan import Plan

AMD64 = Platform.parse("linux/amd64")
CACHE = (CacheEntry(type="registry", attrs={"ref": "r.example/cache"}),)


def resolution(*targets: Target, requested: Sequence[str] = ("app",)) -> Resolution:
    return Resolution(
        targets={target.name: target for target in targets}, requested=tuple(requested), groups={}
    )


@dataclass
class Nodes:
    """A builder that puts the images which a test gives it where the layouts should be."""

    nodes: tuple[NodeInfo, ...]
    layers: list[Mapping[str, bytes]]
    chosen: list[tuple[str, ...]] = field(default_factory=list)
    built: list[Resolution] = field(default_factory=list)
    allowed: list[tuple[str, ...]] = field(default_factory=list)

    def over(self, names: Sequence[str]) -> Nodes:
        self.chosen.append(tuple(names))
        return self

    def plan(self, resolution: Resolution) -> Plan:
        return plan(resolution.targets, resolution.requested, self.nodes, AMD64)

    async def bake(self, resolution: Resolution, *, allow: Sequence[str] = ()) -> Report:
        self.built.append(resolution)
        self.allowed.append(tuple(allow))
        files = self.layers.pop(0)
        targets: dict[str, TargetReport] = {}
        for name in resolution.requested:
            (output,) = resolution.targets[name].output
            layout = OciLayout.create(Path(output.dest))
            await layout.tag(
                await put_attested(layout, layers=[files], predicate={"build": len(self.built)}),
                "latest",
            )
            places = [{"platform": "linux/amd64", "node": f"node-{len(self.built)}"}]
            targets[name] = TargetReport(name=name, metadata={"bakex.platforms": places})
        return Report(targets=targets)


async def reproduced(
    place: Path, wanted: Resolution, nodes: Nodes, names: Sequence[str] = ()
) -> Reproducer:
    reproducer = Reproducer(wanted, place, nodes=names)
    for which in (FIRST, SECOND):
        await reproducer.build(nodes, which)
    return reproducer


def one(*layers: Mapping[str, bytes]) -> Nodes:
    return Nodes((fake_node("a"),), list(layers))


async def test_two_equal_builds(tmp_path: Path) -> None:
    """Attestations have the times of their builds in them, and are no part of the question."""
    nodes = one({"x": b"1"}, {"x": b"1"})
    reproducer = await reproduced(tmp_path, resolution(Target(name="app")), nodes)
    (found,) = await reproducer.compare(files=9)
    assert found.is_equal
    assert (found.first, found.suspects) == (None, ())
    assert found.nodes == {"linux/amd64": ("node-1", "node-2")}
    assert nodes.chosen == []
    assert found.to_json()["reproducible"] is True
    verdict([found])


async def test_two_builds_that_differ(tmp_path: Path) -> None:
    nodes = one({"base": b"", "x": b"1"}, {"base": b"", "x": b"2"})
    target = Target(name="app", args={"SOURCE_DATE_EPOCH": "0"}, output=(Output(type="local"),))
    reproducer = await reproduced(tmp_path, resolution(target), nodes)
    (found,) = await reproducer.compare(files=9)
    assert found.first is not None
    document = found.to_json()["first"]
    assert (document["platform"], document["layer"]) == ("linux/amd64", 1)
    assert document["createdBy"] == "COPY hello /"
    assert document["file"]["path"] == "x"
    assert document["a"] != document["b"]
    with pytest.raises(NotReproducibleError, match=r"^app is not reproducible") as caught:
        verdict([found])
    assert caught.value.detail == "The first difference for linux/amd64 is /x in layer 1."
    assert caught.value.hint == found.suspects[0].hint
    assert caught.value.exit_code == 7
    with pytest.raises(NotReproducibleError, match=r"^app, app are not reproducible"):
        verdict([found, found])


async def test_what_is_built(tmp_path: Path) -> None:
    app = Target(
        name="app",
        contexts={"base": "target:base"},
        tags=("r.example/app:1",),
        output=(
            Output(type="local", dest="out"),
            Output(
                type="image",
                attrs={"push": "true", "rewrite-timestamp": "true", "store": "true", "name": "x"},
            ),
        ),
        cache_to=CACHE,
        cache_from=CACHE,
        publish_requires=("gate",),
        variants={AMD64: {"cache_to": CACHE, "cache_from": CACHE, "context": "amd"}},
    )
    base = Target(name="base", cache_to=CACHE, output=(Output(type="cacheonly"),))
    gate = Target(name="gate", call="check")
    reproducer = Reproducer(resolution(app, base, gate), tmp_path)
    first, second = (reproducer.prepared(which) for which in (FIRST, SECOND))
    for which, found in ((FIRST, first), (SECOND, second)):
        assert set(found.targets) == {"app", "base"}
        made = found.targets["app"]
        assert made.output == (
            Output(
                type="oci",
                dest=str(tmp_path / which / "app"),
                attrs={"rewrite-timestamp": "true", "tar": "false"},
            ),
        )
        assert (made.cache_to, made.publish_requires, made.attest) == ((), (), ())
        assert made.variants[AMD64]["cache_to"] == ()
        assert made.variants[AMD64]["context"] == "amd"
        assert made.tags == app.tags
        assert found.targets["base"].output == base.output
        assert found.targets["base"].cache_to == ()
    assert (first.targets["app"].no_cache, first.targets["app"].cache_from) == (None, CACHE)
    assert all(target.no_cache for target in second.targets.values())
    assert second.targets["app"].cache_from == ()
    assert second.targets["app"].variants[AMD64]["cache_from"] == ()


async def test_what_cannot_be_built_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="app is not built: it has a call"):
        Reproducer(resolution(Target(name="app", call="check")), tmp_path)
    with pytest.raises(UsageError, match="at most two nodes"):
        Reproducer(resolution(Target(name="app")), tmp_path, nodes=["a", "b", "c"])
    odd = Target(name="app", output=(Output(type="image", attrs={"compression": "odd"}),))
    with pytest.raises(UnsupportedOutputError, match="odd"):
        Reproducer(resolution(odd), tmp_path).prepared(FIRST)


@pytest.mark.parametrize(
    ("nodes", "platforms", "wanted"),
    [
        ([fake_node("a")], ["linux/amd64"], []),
        ([fake_node("a"), fake_node("b")], ["linux/amd64"], [("a",), ("b",)]),
        (
            [fake_node("a"), fake_node("b"), fake_node("c", native=["linux/arm64"])],
            ["linux/amd64"],
            [("a", "c"), ("b",)],
        ),
        ([fake_node("a"), fake_node("b", native=["linux/arm64"])], ["linux/amd64"], []),
        (
            [fake_node("a"), fake_node("b", native=["linux/arm64"], emulated=["linux/amd64"])],
            ["linux/amd64"],
            [],
        ),
        (
            [fake_node("a", emulated=["linux/arm64"]), fake_node("b", emulated=["linux/arm64"])],
            ["linux/amd64", "linux/arm64"],
            [("a",), ("b",)],
        ),
    ],
)
def test_nodes_that_build_it_as_well(
    nodes: list[NodeInfo], platforms: list[str], wanted: list[tuple[str, ...]]
) -> None:
    target = Target(name="app", platforms=tuple(platforms))
    assert apart(nodes, plan({"app": target}, ["app"], nodes, AMD64)) == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [((), [("a",), ("b",)]), (("b",), [("b",)] * 2), (("b", "a"), [("b",), ("a",)])],
)
async def test_where_it_is_built(
    tmp_path: Path, names: Sequence[str], wanted: list[tuple[str, ...]]
) -> None:
    nodes = Nodes((fake_node("a"), fake_node("b")), [{"x": b"1"}] * 2)
    target = Target(name="app", platforms=("linux/amd64",))
    reproducer = Reproducer(resolution(target), tmp_path, nodes=names)
    reproducer.allow = ("network.host",)
    for which in (FIRST, SECOND):
        await reproducer.build(nodes, which)
    assert nodes.chosen == wanted
    assert nodes.allowed == [("network.host",)] * 2


async def entered(place: Path, **image: object) -> None:
    layout = OciLayout.create(place)
    await layout.tag(await put_image(layout, **image), "latest")  # type: ignore[arg-type]


async def test_differences_without_a_file(tmp_path: Path) -> None:
    """The first difference is the config, a layer as a whole, or what the index says."""
    nodes = one({"x": b"1"}, {"x": b"1"})
    reproducer = await reproduced(tmp_path, resolution(Target(name="app")), nodes)
    place = tmp_path / SECOND / "app"
    await entered(place, layers=[{"x": b"1"}], config={"created": "2026"})
    (found,) = await reproducer.compare(files=9)
    assert found.first is not None
    assert found.first.sentence == "The first difference for linux/amd64 is created of the image."
    assert found.first.to_json()["layer"] is None
    await entered(place, layers=[{"x": b"1"}, {"y": b"1"}])
    (found,) = await reproducer.compare(files=9)
    assert found.first is not None
    assert found.first.sentence == "The first difference for linux/amd64 is layer 2."
    await entered(place, layers=[{"x": b"1"}])
    (found,) = await reproducer.compare(files=9)
    assert found.first is None
    assert not found.is_equal
    with pytest.raises(NotReproducibleError) as caught:
        verdict([found])
    assert "what is said about them is not" in caught.value.detail
