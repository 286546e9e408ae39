from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run

MAP = "convert({b = 1, a = 2}, map(number))"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("keys({b = 1, a = 2})", '["a","b"]'),
        (f"keys({MAP})", '["a","b"]'),
        ('values({b = 1, a = "x"})', '["x",1]'),
        (f"values({MAP})", "[2,1]"),
        ('lookup({a = null}, "a", "d")', "null"),
        ('lookup({a = 1}, "b", "d")', '"d"'),
        (f'lookup({MAP}, "c", "7")', "7"),
        ("merge()", "{}"),
        ("merge(null)", "{}"),
        ('merge({a = 1}, null, {a = "x"})', '{"a":"x"}'),
        (f"merge({MAP}, {MAP})", '{"a":2,"b":1}'),
        (f'merge({MAP}, {{c = "x"}})', '{"a":2,"b":1,"c":"x"}'),
        ('zipmap(["a", "b"], [1, "x"])', '{"a":1,"b":"x"}'),
        ('zipmap(["a", "a"], split(",", "x,y"))', '{"a":"y"}'),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("keys([1])", "a map or object is required, but this is a tuple"),
        (f'lookup({MAP}, "c", "x")', "the default must have the type of the map's values"),
        ("merge({a = 1}, [1])", "a map or object is required"),
        ('zipmap(["a"], [1, 2])', "there are 1 keys, but 2 values"),
        ('zipmap(["a", null], [1, 2])', "key 1 is null"),
        ('zipmap(["a"], "x")', "a list is required"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary


def test_the_wrong_argument_is_shown(refuse: Refuse) -> None:
    span = refuse("merge({a = 1}, [1])").span
    assert span is not None
    assert span.column == 16
