from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.groups import Group, select, unknown
from bakex.errors import CycleError, UnknownTargetError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
