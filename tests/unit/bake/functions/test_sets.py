from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("setunion([3, 1, 2, 1])", "[1,2,3]"),
        ('setunion([1], ["a"])', '["1","a"]'),
        ("setunion([], [])", "[]"),
        ('setintersection(["a"], [1])', "[]"),
        ("setintersection([1, 2, 3], [2, 3], [3])", "[3]"),
        ('setsubtract(["a", "b"], ["b"])', '["a"]'),
        ("setsymmetricdifference([1, 2], [2, 3])", "[1,3]"),
        ("sethaselement([1, 2], 1)", "true"),
        ('sethaselement([1, 2], "1")', "false"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


def test_sets_that_do_not_fit(refuse: Refuse) -> None:
    assert "fit together" in refuse("setunion([1], [true])").summary
    assert 'wrong argument "first_set"' in refuse('setunion("x")').summary
