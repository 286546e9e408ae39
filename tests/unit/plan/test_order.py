from __future__ import annotations

import pytest

from bakex.errors import CycleError, UnknownTargetError
from bakex.model.target import Target
from bakex.plan.order import links, ordered


def graph(**uses: str) -> dict[str, Target]:
    return {
        name: Target(name=name, contexts={f"c{i}": f"target:{b}" for i, b in enumerate(bases)})
        for name, bases in ((n, b.split()) for n, b in uses.items())
    }


def test_links_are_the_target_contexts_only() -> None:
    target = Target(name="a", contexts={"x": "target:b", "y": "dir", "z": "docker-image://i"})
    assert links(target) == {"x": "b"}


def test_bases_come_first_and_the_rest_keeps_its_order() -> None:
    names = [t.name for t in ordered(graph(app="base tools", other="", base="os", tools="", os=""))]
    assert names == ["os", "base", "tools", "app", "other"]


@pytest.mark.parametrize(
    ("uses", "circle"),
    [({"a": "a"}, "a -> a"), ({"x": "a", "a": "b", "b": "c", "c": "a"}, "a -> b -> c -> a")],
)
def test_a_circle_is_named(uses: dict[str, str], circle: str) -> None:
    with pytest.raises(CycleError, match=circle):
        ordered(graph(**uses))


def test_a_missing_base_names_the_user() -> None:
    with pytest.raises(UnknownTargetError, match="'a' uses target 'nope'"):
        ordered(graph(a="nope"))
