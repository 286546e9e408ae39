from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.definition import Definition
from bakex.bake.groups import Group
from bakex.bake.merge import Draft
from bakex.bake.resolve import resolve
from bakex.errors import DefinitionError, UnknownTargetError
from bakex.model.outputs import Output

if TYPE_CHECKING:
    from tests.unit.bake.conftest import Define


def definition(**values: object) -> Definition:
    return Definition(targets={"default": Draft(values=values)})  # type: ignore[arg-type]


def family(**targets: tuple[tuple[str, ...], dict[str, str]]) -> Definition:
    return Definition(
        targets={
            name: Draft(values={"args": args} if args else {}, inherits=inherits)
            for name, (inherits, args) in targets.items()
        }
    )


def test_later_parents_win_with_what_they_inherited() -> None:
    found = family(a=((), {"v": "a"}), l=(("a",), {"v": "l"}), r=(("a",), {}), d=(("l", "r"), {}))
    assert resolve(found, ["d"]).targets["d"].args == {"v": "a"}


def test_circles_of_parents_are_tolerated() -> None:
    found = family(a=(("b",), {"x": "a"}), b=(("a",), {"y": "b"}), c=(("c",), {"z": "c"}))
    resolution = resolve(found, ["a", "b", "c"])
    assert resolution.targets["a"].args == {"x": "a", "y": "b"}
    assert resolution.targets["b"].args == {"x": "a", "y": "b"}
    assert resolution.targets["c"].args == {"z": "c"}


def test_an_unknown_parent() -> None:
    with pytest.raises(UnknownTargetError, match="nope"):
        resolve(family(default=(("nope",), {})))


def test_a_group_is_no_parent() -> None:
    found = Definition(
        targets={"default": Draft(inherits=("g",)), "a": Draft()},
        groups={"g": Group(name="g", targets=("a",))},
    )
    with pytest.raises(UnknownTargetError, match="'g'"):
        resolve(found)


def test_an_override_of_a_parent_loses_against_the_child() -> None:
    found = family(base=((), {"v": "1"}), a=(("base",), {"w": "1"}))
    resolution = resolve(found, ["a"], ["base.args.v=9", "base.args.w=9"])
    assert resolution.targets["a"].args == {"v": "9", "w": "1"}


def test_an_override_does_not_reach_a_sibling() -> None:
    found = family(base=((), {}), a=(("base",), {}), b=(("base",), {}))
    resolution = resolve(found, ["a", "b"], ["a.push=true"])
    assert resolution.targets["a"].output == (Output(type="image", attrs={"push": "true"}),)
    assert resolution.targets["b"].output == ()


def test_the_epoch_becomes_an_argument_unless_there_is_one() -> None:
    found = Definition(
        targets={"a": Draft(), "b": Draft(values={"args": {"SOURCE_DATE_EPOCH": "1"}})},
        epoch="5",
    )
    resolution = resolve(found, ["a", "b"])
    assert resolution.targets["a"].args == {"SOURCE_DATE_EPOCH": "5"}
    assert resolution.targets["b"].args == {"SOURCE_DATE_EPOCH": "1"}


def test_the_host_network_is_an_entitlement() -> None:
    assert resolve(definition(network="host")).targets["default"].entitlements == ("network.host",)


@pytest.mark.parametrize(
    ("written", "context"),
    [
        ("./a/../b/", "b"),
        ("a//b", "a/b"),
        ("cwd://x/../y", "y"),
        ("cwd://", "."),
        ("//x", "/x"),
        ("https://host/a//b", "https://host/a//b"),
        ("", ""),
    ],
)
def test_contexts_are_cleaned(written: str, context: str) -> None:
    assert resolve(definition(context=written)).targets["default"].context == context


def test_unset_stays_unset() -> None:
    target = resolve(definition()).targets["default"]
    assert (target.context, target.dockerfile, target.pull) == (None, None, None)


def test_a_target_without_context_is_built_where_its_file_is() -> None:
    found = Definition(targets={"default": Draft(directory="sub")})
    assert resolve(found).targets["default"].context == "sub"


def test_linked_targets_come_behind_the_requested() -> None:
    found = Definition(
        targets={
            "b": Draft(values={"tags": ("t",)}),
            "a": Draft(values={"contexts": {"base": "target:b"}}),
        }
    )
    resolution = resolve(found, ["a"], ["*.tags+=x"])
    assert list(resolution.targets) == ["a", "b"]
    assert resolution.requested == ("a",)
    assert resolution.targets["b"].tags == ("t", "x")
    assert resolution.targets["b"].output == (Output(type="cacheonly"),)


def test_an_unknown_parent_is_shown_in_the_file(define: Define) -> None:
    found = define('target "app" {}\ntarget "default" {\n  inherits = ["ap"]\n}')
    with pytest.raises(UnknownTargetError, match="target 'default'") as caught:
        resolve(found)
    assert str(caught.value.span) == "0.hcl:3:14"
    assert caught.value.hint == "did you mean 'app'?"


def test_a_long_chain_of_parents_is_an_error_and_no_crash() -> None:
    targets = {f"t{i}": Draft(inherits=(f"t{i + 1}",)) for i in range(5000)}
    found = Definition(targets={**targets, "t5000": Draft()})
    with pytest.raises(DefinitionError, match="too deeply"):
        resolve(found, ["t0"])


def test_an_unknown_parent_of_a_parent_shows_the_chain(define: Define) -> None:
    found = define(
        'target "default" { inherits = ["b"] }\ntarget "b" { inherits = ["c"] }\n'
        'target "c" { inherits = ["nope"] }'
    )
    with pytest.raises(UnknownTargetError, match="target 'c'") as caught:
        resolve(found)
    assert caught.value.detail.startswith("default inherits b inherits c inherits nope.\n")
    assert str(caught.value.span) == "0.hcl:3:25"
