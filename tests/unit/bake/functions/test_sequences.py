from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.bake.functions.conftest import Refuse, Run


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("length([1, 2])", "2"),
        ("length(setunion([1, 1]))", "1"),
        ("length(convert({a = 1}, map(number)))", "1"),
        ("element([1, 2, 3], 4)", "2"),
        ("element([1, 2, 3], -1)", "3"),
        ('index(["a", "b"], 1)', '"b"'),
        ('index(convert({a = 1}, map(number)), "a")', "1"),
        ("hasindex([1], 0)", "true"),
        ("hasindex([1], 1)", "false"),
        ('hasindex([1], "0")', "false"),
        ('hasindex(convert({a = 1}, map(number)), "a")', "true"),
        ("hasindex(convert({a = 1}, map(number)), 1)", "false"),
        ('indexof([1, "1"], "1")', "1"),
        ("contains([[1]], [1])", "true"),
        ('contains(["1"], 1)', "false"),
        ('concat(split(",", "a"), split(",", "b"))', '["a","b"]'),
        ('concat(convert([1], list(number)), split(",", "a"))', '["1","a"]'),
        ('concat(split(",", "a"), [1])', '["a",1]'),
        ('concat(regexall("(a)", "a"), convert([true], list(bool)))', '[["a"],true]'),
        ("flatten([1, [2, [3, null], {a = [4]}], setunion([5])])", '[1,2,3,null,{"a":[4]},5]'),
        ('distinct([1, 2, 1, "1"])', '["1","2"]'),
        ("distinct([null, null, 1])", "[null,1]"),
        ('compact(["a", "", null, "b"])', '["a","b"]'),
        ('coalesce(null, 1, "a")', '"1"'),
        ('coalesce("", "b")', '""'),
        ("coalescelist([], [1])", "[1]"),
        ("chunklist([1, 2, 3], 2)", "[[1,2],[3]]"),
        ("chunklist([1, 2], 0)", "[[1,2]]"),
        ("chunklist([], 2)", "[]"),
        ("reverselist([1, 2])", "[2,1]"),
        ("reverselist(setunion([1, 2]))", "[2,1]"),
        ('reverselist(split(",", "a,b"))', '["b","a"]'),
        ("slice([1, 2, 3], 1, 2)", "[2]"),
        ("slice([1, 2], 1, 1)", "[]"),
        ('sort([10, 2, "B", "a"])', '["10","2","B","a"]'),
        ('setproduct([1, "a"], [true])', '[["1",true],["a",true]]'),
        ('setproduct(setunion([2, 1]), setunion(["x"]))', '[[1,"x"],[2,"x"]]'),
        ("setproduct([], [1])", "[]"),
    ],
)
def test_value(run: Run, text: str, value: str) -> None:
    assert run(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('length("abc")', "a list, map, set or tuple is required, but this is a string"),
        ("length({a = 1})", "but this is an object"),
        ("length(1)", "but this is a number"),
        ("element([], 0)", "an empty list has no elements"),
        ("element({a = 1}, 0)", '"list" must be a list or tuple'),
        ('index({a = 1}, "a")', "a list, map or tuple is required"),
        ('index(["a"], "a")', "the key must be a whole number"),
        ("index([1], 0.5)", "the key must be a whole number"),
        ("index(convert({a = 1}, map(number)), 1)", "the key must be a string"),
        ('index(convert({a = 1}, map(number)), "b")', 'the map has no element "b"'),
        ("index([1], 1)", "there is no element 1"),
        ("indexof([1], 2)", "the list has no such element"),
        ('contains("abc", "a")', "must be a list, tuple or set"),
        ("concat()", "at least one list"),
        ("concat([1], setunion([1]))", "must be a list or tuple, but this is a set"),
        ("coalesce()", "types that fit together"),
        ("coalesce(true, 1)", "types that fit together"),
        ("coalesce(null, null)", "all arguments are null"),
        ("coalescelist([], [])", "all lists are empty"),
        ("coalescelist(null, [1])", "must be lists or tuples"),
        ("chunklist([1], -1)", "cannot be negative"),
        ("slice([1, 2], 2, 1)", "behind the end 1"),
        ("slice([1, 2], -1, 1)", "cannot be negative"),
        ("slice([1], 0, 2)", "there are 1 elements"),
        ('sort(["a", null])', "element 1 is null"),
        ("setproduct([1])", "at least two lists"),
        ("setproduct([1, [2]], [1])", "types that fit together"),
        ("setproduct({}, [1])", "must be a list, tuple or set"),
        ("setproduct(range(1000), range(1000), range(1000))", "too large"),
    ],
)
def test_refusal(refuse: Refuse, text: str, reason: str) -> None:
    assert reason in refuse(text).summary


def test_length_hints_at_the_right_function(refuse: Refuse) -> None:
    assert "strlen" in refuse('length("abc")').hint
    assert "keys" in refuse("length({})").hint
