from __future__ import annotations

import pytest

from bakex.bake.links import follow, linked
from bakex.errors import CycleError, DefinitionError, UnknownTargetError
from bakex.model.outputs import Output
from bakex.model.target import Target


def targets(**links: str) -> dict[str, Target]:
    return {
        name: Target(
            name=name,
            contexts={f"c{i}": f"target:{base}" for i, base in enumerate(bases.split())},
            output=(Output(type="docker"),),
        )
        for name, bases in links.items()
    }


def resolved(names: list[str], everything: dict[str, Target]) -> dict[str, Target]:
    def resolve(name: str) -> Target:
        if name not in everything:
            raise UnknownTargetError(name)
        return everything[name]

    found = {name: everything[name] for name in names}
    follow(found, resolve)
    return found


def test_linked_targets_only_fill_the_cache() -> None:
    found = resolved(["a"], targets(a="b", b="c", c=""))
    assert list(found) == ["a", "b", "c"]
    assert found["a"].output == (Output(type="docker"),)
    assert found["b"].output == found["c"].output == (Output(type="cacheonly"),)


def test_a_target_that_is_asked_for_keeps_its_outputs() -> None:
    found = resolved(["a", "b"], targets(a="b", b=""))
    assert found["b"].output == (Output(type="docker"),)


def test_a_diamond_is_no_circle() -> None:
    assert list(resolved(["a"], targets(a="b c", b="d", c="d", d=""))) == ["a", "b", "d", "c"]


@pytest.mark.parametrize("links", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "b"}])
def test_circles(links: dict[str, str]) -> None:
    with pytest.raises(CycleError):
        resolved(["a"], targets(**links))


def test_an_unknown_target() -> None:
    with pytest.raises(UnknownTargetError):
        resolved(["a"], targets(a="nope"))


def test_links_are_listed_once() -> None:
    target = Target(
        name="a", contexts={"x": "target:b", "y": "target:b", "z": "./src", "w": "target:c"}
    )
    assert linked(target) == ("b", "c")


@pytest.mark.parametrize(
    ("dependent", "base", "fits"),
    [
        (("linux/amd64", "linux/arm64"), ("linux/amd64", "linux/arm64", "linux/386"), True),
        (("linux/amd64,linux/arm64/v8",), ("linux/arm64", "linux/amd64"), True),
        (("linux/amd64", "linux/arm64"), ("linux/amd64", "linux/386"), False),
        (("linux/amd64", "linux/arm64"), ("linux/386",), True),
        (("linux/arm64",), ("linux/amd64", "linux/386"), True),
        (("local", "linux/arm64"), ("linux/amd64", "linux/386"), False),
    ],
)
def test_platforms(dependent: tuple[str, ...], base: tuple[str, ...], *, fits: bool) -> None:
    everything = {
        "a": Target(name="a", contexts={"x": "target:b"}, platforms=dependent),
        "b": Target(name="b", platforms=base),
    }
    if fits:
        resolved(["a"], everything)
    else:
        with pytest.raises(DefinitionError, match="linux/arm64"):
            resolved(["a"], everything)
