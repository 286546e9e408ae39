from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from bakex.model.attributes import Attr, Merge, Shape, declared, evolve

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    b: str = Attr(name="b-b", shape=Shape.STRING, merge=Merge.REPLACE, doc="B.").field("x")
    a: Mapping[str, str] = Attr(
        name="a-a", shape=Shape.MAPPING, merge=Merge.UPDATE, doc="A."
    ).field(MappingProxyType({}))


def test_declared_keeps_the_order_of_the_fields() -> None:
    found = declared(Thing)
    assert [(name, field, attr.name) for name, (field, attr) in found.items()] == [
        ("b-b", "b", "b-b"), ("a-a", "a", "a-a")
    ]  # fmt: skip


def test_defaults() -> None:
    thing = Thing(name="t")
    assert thing.b == "x"
    assert thing.a == {}


def test_evolve_replaces_fields() -> None:
    assert evolve(Thing(name="t"), {"b": "y"}) == Thing(name="t", b="y")
