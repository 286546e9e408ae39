from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex._util.suggest import closest, distance


@pytest.mark.parametrize(
    ("left", "right", "edits"),
    [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("abc", "acb", 2), ("tag", "tags", 1)],
)
def test_distance(left: str, right: str, edits: int) -> None:
    assert distance(left, right) == edits


def test_the_nearest_wins_and_then_the_alphabet() -> None:
    assert closest("app", ["ap", "apps", "apple"]) == "ap"
    assert closest("app", ["apps", "appx"]) == "apps"
    assert closest("app", ["appx", "apps"]) == "apps"


def test_long_words_are_not_compared() -> None:
    assert closest("a" * 65, ["a" * 65]) is None


def test_nothing_near() -> None:
    assert closest("app", ["database"]) is None
    assert closest("app", []) is None


@given(st.text(max_size=8), st.text(max_size=8))
def test_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    assert distance(left, right) == distance(right, left)
    assert abs(len(left) - len(right)) <= distance(left, right) <= max(len(left), len(right))
