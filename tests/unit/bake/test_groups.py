from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake import show
from bakex.bake.groups import Group, select, unknown
from bakex.bake.resolve import resolve
from bakex.errors import CycleError, DefinitionError, UnknownTargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.bake.conftest import Define

TARGETS = ("a", "a_b", "b", "c", "default")


def groups(**members: tuple[str, ...] | None) -> Mapping[str, Group]:
    return {name: Group(name=name, targets=targets) for name, targets in members.items()}


def test_no_name_is_default() -> None:
    selection = select((), {}, TARGETS)
    assert selection.targets == ("default",)
    assert selection.groups["default"].targets == ("default",)


def test_names_in_order_and_once() -> None:
    selection = select(("b", "a", "b"), {}, TARGETS)
    assert selection.targets == ("b", "a")
    assert selection.groups["default"].targets == ("a", "b")


def test_a_dot_is_an_underscore() -> None:
    assert select(("a.b",), {}, TARGETS).targets == ("a_b",)


def test_patterns_match_groups_and_targets_in_order_of_name() -> None:
    selection = select(("a*",), groups(all=("c",)), TARGETS)
    assert selection.targets == ("a", "a_b", "c")
    assert selection.groups["default"].targets == ("a", "a_b", "all")


def test_groups_within_groups() -> None:
    selection = select((), groups(default=("g", "c"), g=("b", "a")), TARGETS)
    assert selection.targets == ("b", "a", "c")
    assert {name: group.targets for name, group in selection.groups.items()} == {
        "default": ("c", "g"), "g": ("b", "a")
    }  # fmt: skip


def test_other_names_join_the_default_group() -> None:
    selection = select(("default", "a"), groups(default=("c",)), TARGETS)
    assert selection.groups["default"].targets == ("a", "c")


def test_a_group_hides_the_target_of_its_name_except_from_itself() -> None:
    selection = select(("a",), groups(a=("a", "b")), TARGETS)
    assert selection.targets == ("a", "b")
    assert selection.groups["a"].targets == ("a", "b")


def test_a_diamond_of_groups_is_no_circle() -> None:
    found = groups(g=("h", "i"), h=("j",), i=("j",), j=("a",))
    assert select(("g",), found, TARGETS).targets == ("a",)


def test_a_circle_of_groups() -> None:
    with pytest.raises(CycleError) as caught:
        select(("g",), groups(g=("h",), h=("g",)), TARGETS)
    assert caught.value.detail == "g -> h -> g."


def test_null_members_stay_null() -> None:
    selection = select((), groups(default=None), ())
    assert selection.groups["default"].targets is None
    assert selection.targets == ()


def test_a_description_is_kept() -> None:
    group = Group(name="default", targets=("a",), description="all of it")
    assert select((), {"default": group}, TARGETS).groups["default"].description == "all of it"


@pytest.mark.parametrize("name", ["nope", "", "z*", "["])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UnknownTargetError):
        select((name,), {}, TARGETS)


def test_a_pattern_without_targets() -> None:
    with pytest.raises(UnknownTargetError) as caught:
        select(("z*",), {}, ())
    assert caught.value.detail == ""


def test_an_unknown_member_only_counts_when_selected() -> None:
    assert select(("a",), groups(g=("nope",)), TARGETS).targets == ("a",)
    with pytest.raises(UnknownTargetError, match="nope"):
        select(("g",), groups(g=("nope",)), TARGETS)


def test_the_error_lists_what_there_is_and_suggests() -> None:
    error = unknown("ap", ("all",), ("app", "db"))
    assert error.detail == "There are all, app, db."
    assert error.hint == "did you mean 'app'?"
    assert unknown("x", (), ()).detail == "The files define no target."


PLATFORMS = """
  target "app" { platforms = ["linux/amd64", "linux/arm64/v8,linux/arm"] }
  target "tool" {
    platforms = ["linux/amd64"]
    contexts  = { app = "target:app" }
  }
  target "plain" {}
  group "arm" {
    targets   = ["app"]
    platforms = ["linux/arm64", "linux/s390x"]
  }
  group "armv7" {
    targets   = ["app"]
    platforms = ["linux/arm/v7", "arm64", "linux/arm"]
  }
  group "both" {
    targets   = ["arm"]
    platforms = ["linux/arm64"]
  }
  group "neither" {
    targets   = ["arm"]
    platforms = ["linux/arm/v7"]
  }
  group "nothing" {
    targets   = ["tool", "app"]
    platforms = ["linux/arm64"]
  }
  group "unknown" {
    targets   = ["plain"]
    platforms = ["linux/arm64"]
  }
"""


def built(define: Define, *names: str, overrides: tuple[str, ...] = ()) -> tuple[str, ...]:
    return resolve(define(PLATFORMS), names, overrides).targets["app"].platforms


@pytest.mark.parametrize(
    ("names", "platforms"),
    [
        (("app",), ("linux/amd64", "linux/arm64/v8,linux/arm")),
        (("arm",), ("linux/arm64/v8",)),
        (("armv7",), ("linux/arm64/v8", "linux/arm")),
        (("both",), ("linux/arm64/v8",)),
        (("arm", "armv7"), ("linux/arm64/v8", "linux/arm")),
        (("arm", "app"), ("linux/amd64", "linux/arm64/v8,linux/arm")),
        (("app", "arm"), ("linux/amd64", "linux/arm64/v8,linux/arm")),
        (("arm", "app", "arm"), ("linux/amd64", "linux/arm64/v8,linux/arm")),
    ],
)
def test_a_group_for_some_platforms(
    define: Define, names: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    assert built(define, *names) == platforms


@pytest.mark.parametrize("name", ["neither", "nothing", "unknown"])
def test_a_member_for_no_platform_of_the_group(define: Define, name: str) -> None:
    with pytest.raises(DefinitionError, match="no platform that its groups are for") as caught:
        built(define, name)
    assert name in caught.value.detail


def test_platforms_on_the_command_line_win(define: Define) -> None:
    assert built(define, "arm", overrides=("*.platform=linux/386",)) == ("linux/386",)


def test_groups_of_limited_groups_may_share_members(define: Define) -> None:
    # Each level doubles the paths; the walk must not.
    levels = "\n".join(
        f'group "g{i}" {{\n targets = ["a{i}", "b{i}"] \n}}\n'
        f'group "a{i}" {{\n targets = ["g{i + 1}"]\n platforms = ["linux/arm64"]\n}}\n'
        f'group "b{i}" {{\n targets = ["g{i + 1}"]\n platforms = ["linux/arm64"]\n}}'
        for i in range(40)
    )
    text = f'{PLATFORMS}\n{levels}\ngroup "g40" {{ targets = ["app"] }}'
    assert resolve(define(text), ["g0"]).targets["app"].platforms == ("linux/arm64/v8",)


def test_what_is_linked_to_is_narrowed_along(define: Define) -> None:
    text = """
      target "app" {
        platforms = ["linux/amd64", "linux/arm64"]
        contexts  = { b = "target:base" }
      }
      target "base" {
        platforms = ["linux/amd64", "linux/arm64", "linux/s390x"]
        contexts  = { b = "target:data" }
      }
      target "data" { platforms = ["linux/amd64"] }
      target "other" {
        platforms = ["linux/s390x"]
        contexts  = { b = "target:base" }
      }
      target "local" {
        platforms = ["local", "linux/arm64"]
        contexts  = { b = "target:base" }
      }
      group "arm" {
        targets   = ["app"]
        platforms = ["linux/arm64"]
      }
      group "here" {
        targets   = ["local"]
        platforms = ["local"]
      }
    """
    definition = define(text)

    def platforms(*names: str) -> dict[str, tuple[str, ...]]:
        return {k: t.platforms for k, t in resolve(definition, names).targets.items()}

    everything = ("linux/amd64", "linux/arm64", "linux/s390x")
    assert platforms("arm") == {
        "app": ("linux/arm64",), "base": ("linux/arm64",), "data": ("linux/amd64",)
    }  # fmt: skip
    assert platforms("app")["base"] == everything
    assert platforms("arm", "other")["base"] == everything
    assert platforms("arm", "base")["base"] == everything
    assert platforms("here") == {
        "local": ("local",), "base": everything, "data": ("linux/amd64",)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "summary"),
    [('["x"]', "invalid platform"), ("[]", "for no platform"), ('""', "a list"), ("x", "x")],
)
def test_malformed_platforms(define: Define, value: str, summary: str) -> None:
    with pytest.raises(DefinitionError, match=summary) as caught:
        define(f'group "g" {{\n  targets = []\n  platforms = {value}\n}}')
    assert str(caught.value.span) == "0.hcl:3:15"


def test_null_means_all_platforms(define: Define) -> None:
    found = define('group "g" {\n  targets = []\n  platforms = null\n}')
    assert found.groups["g"].platforms == ()
    assert found.extensions == ()


def test_the_platforms_of_a_group_are_an_extension(define: Define) -> None:
    found = define('group "g" {\n  targets = []\n  platforms = ["linux/arm64"]\n}')
    assert [str(extension.span) for extension in found.extensions] == ["0.hcl:3:3"]
    # References see what the reference has.
    text = 'group "g" {\n  targets = []\n  platforms = ["linux/arm64"]\n}\nx = group.g.platforms'
    with pytest.raises(DefinitionError, match="no attribute"):
        define(text)


def test_the_print_shows_the_platforms_that_are_left(define: Define) -> None:
    resolution = resolve(define(PLATFORMS), ["arm"])
    document = show.document(resolution)
    assert document["group"] == {"arm": {"targets": ["app"]}, "default": {"targets": ["arm"]}}
    again = resolve(define(show.text(resolution)), ["arm"])
    assert show.text(again) == show.text(resolution)
