from __future__ import annotations

from dataclasses import replace

import pytest

from bakex.errors import NoNodeError
from bakex.model.node import Feature, NodeInfo, Speed, Terms
from bakex.model.outputs import Output
from bakex.model.platform import Platform
from bakex.model.running import Emulation
from bakex.model.target import Target
from bakex.plan.candidates import Candidates, spelled
from bakex.testing.fakes import fake_node

AMD64, ARM64 = Platform.parse("linux/amd64"), Platform.parse("linux/arm64")


def labelled(node: NodeInfo, **labels: str) -> NodeInfo:
    return replace(node, endpoint=replace(node.endpoint, terms=Terms(labels=labels)))


BIG = labelled(fake_node("big", emulated=("linux/arm64",)), zone="a", disk="ssd")
ARM = labelled(fake_node("arm", native=("linux/arm64",)), zone="b")
OLD = replace(fake_node("old"), features=frozenset({Feature.LINKS, Feature.IMAGE_LOAD}))
NODES = [BIG, ARM, OLD]


def names(
    target: Target,
    platform: Platform = AMD64,
    *,
    emulation: Emulation = Emulation.FALLBACK,
    published: bool = True,
) -> str:
    able = Candidates(NODES, emulation).of(target, platform, published=published)
    return " ".join(f"{name}:{speed}" for name, speed in able)


def test_platforms() -> None:
    plain = Target(name="t")
    assert names(plain) == "big:native old:native"
    assert names(plain, ARM64) == "big:emulated arm:native"


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"zone": "a"}, "big:emulated"),
        ({"zone": "b"}, "arm:native"),
        ({"disk": "ssd", "zone": "a"}, "big:emulated"),
    ],
)
def test_labels(labels: dict[str, str], found: str) -> None:
    assert names(Target(name="t", node=labels), ARM64) == found


def test_labels_that_no_node_has() -> None:
    with pytest.raises(NoNodeError) as caught:
        names(Target(name="t", node={"zone": "a", "disk": "hdd"}))
    error = caught.value
    assert error.summary == "no node has disk=hdd, zone=a, which target 't' asks for"
    assert error.detail.splitlines() == [
        "big: disk=ssd, zone=a",
        "arm: zone=b",
        "old: no labels",
    ]
    assert "builder's file" in error.hint


def test_labels_of_a_node_that_lacks_the_platform() -> None:
    with pytest.raises(NoNodeError) as caught:
        names(Target(name="t", node={"zone": "b"}))
    assert caught.value.summary == (
        "no node with zone=b, which target 't' asks for, can build linux/amd64"
    )
    assert caught.value.detail.splitlines()[-1] == "Of these, arm does not build linux/amd64."


def test_never_takes_no_node_that_emulates() -> None:
    never = Emulation.NEVER
    assert names(Target(name="t"), ARM64, emulation=never) == "arm:native"
    with pytest.raises(NoNodeError) as caught:
        names(Target(name="t", node={"zone": "a"}), ARM64, emulation=never)
    error = caught.value
    assert error.summary == "no node runs linux/arm64 natively, which target 't' asks for"
    assert error.detail == "big would emulate it, and --emulation=never rules that out."
    assert "--emulation=fallback" in error.hint


@pytest.mark.parametrize(
    "target",
    [
        Target(name="t", ulimits=("nofile=1",)),
        Target(name="t", contexts={"b": "target:base"}),
        Target(name="t", output=(Output(type="image", attrs={"compression": "zstd"}),)),
        Target(name="t", output=(Output(type="oci", attrs={"rewrite-timestamp": "true"}),)),
    ],
)
def test_who_lacks_a_capability_gives_way_to_who_has_it(target: Target) -> None:
    assert names(target) == "big:native"
    alone = Candidates([OLD], Emulation.FALLBACK).of(target, AMD64, published=True)
    assert alone == (("old", Speed.NATIVE),)


def test_outputs_that_are_not_made_need_nothing() -> None:
    special = Target(name="t", output=(Output(type="oci", attrs={"compression": "zstd"}),))
    assert names(special, published=False) == "big:native old:native"


def test_who_asks_for_the_same_shares_a_tuple() -> None:
    candidates = Candidates(NODES, Emulation.FALLBACK)
    one = candidates.of(Target(name="a", node={"zone": "a"}), AMD64, published=True)
    two = candidates.of(Target(name="b", node={"zone": "a"}), AMD64, published=False)
    assert one is two


def test_labels_are_spelled_in_order() -> None:
    assert spelled({"z": "1", "a": "2"}) == "a=2, z=1"
