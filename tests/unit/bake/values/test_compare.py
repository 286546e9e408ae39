from __future__ import annotations

import pytest

from bakex.bake.values.compare import equal, identity, set_value
from bakex.bake.values.convert import convert
from bakex.bake.values.jsontext import from_json, to_json
from bakex.bake.values.number import Number
from bakex.bake.values.value import FALSE, NULL, TRUE, Value, null, number, string
from bakex.bake.values.valuetype import BOOL, NUMBER, STRING, ObjectType, list_of, map_of, set_of


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("1", "1.0", True),
        ("1", '"1"', False),
        ("0.1", "0.10", True),
        ("-0", "0", True),
        ("true", '"true"', False),
        ("null", "null", True),
        ("null", "0", False),
        ("[1, [2]]", "[1, [2]]", True),
        ("[1]", '["1"]', False),
        ('{"a": 1}', '{"a": 1}', True),
        ('{"a": 1}', '{"a": 1, "b": null}', False),
        ('{"a": null}', '{"a": null}', True),
    ],
)
def test_equality(left: str, right: str, same: bool) -> None:
    assert equal(from_json(left), from_json(right)) is same


def test_nulls_are_equal_whatever_their_types() -> None:
    assert equal(NULL, null(NUMBER))


def test_a_list_is_no_tuple() -> None:
    assert not equal(convert(from_json("[1]"), list_of(NUMBER)), from_json("[1]"))


def test_large_whole_numbers_are_compared_exactly() -> None:
    double = number(Number.from_float(2.0**64))
    printed = from_json(str(double.number))
    assert not equal(double, printed)
    assert equal(double, number(2**64))
    assert identity(number(-2)) != identity(number(2))


@pytest.mark.parametrize(
    ("text", "type_", "ordered"),
    [
        ("[10, 9, 8.5, -1, 9]", NUMBER, "[-1,8.5,9,10]"),
        ('["b", "a", "B", "é", "a"]', STRING, '["B","a","b","é"]'),
        ("[true, false, null, true]", BOOL, "[false,true,null]"),
        ('[["2"], ["1"], ["10"]]', list_of(NUMBER), "[[10],[1],[2]]"),
        ('[{"a": 2}, {"a": 10}]', ObjectType({"a": NUMBER}), '[{"a":10},{"a":2}]'),
        ('[{"b": true}, {"a": false}, null]', map_of(BOOL), '[{"a":false},{"b":true},null]'),
        ("[[null], [1e30, 2]]", list_of(NUMBER), "[[1000000000000000000000000000000,2],[null]]"),
        ('["a\\u0001\\u200b\\"", "a"]', STRING, '["a","a\\u0001\u200b\\""]'),
        ('[["\\u0007\\u0001\\u200b\\udb40\\udc01\\""], ["z"]]', list_of(STRING), None),
    ],
)  # fmt: skip
def test_sets_are_ordered(text: str, type_: object, ordered: str | None) -> None:
    assert isinstance(type_, (ObjectType, type(NUMBER)))
    found = convert(from_json(text), set_of(type_))
    assert ordered is None or to_json(found) == ordered
    assert found.type == set_of(type_)


def test_tuples_and_infinities_in_sets() -> None:
    pairs = from_json('[[1, "b"], [1, "a"]]').items
    assert to_json(set_value(pairs[0].type, pairs)) == '[[1,"a"],[1,"b"]]'
    infinite = [Value(list_of(NUMBER), (number(float(text)),)) for text in ("inf", "-inf")]
    ordered = set_value(list_of(NUMBER), infinite).items
    assert [item.items[0].number.negative for item in ordered] == [False, True]


def test_sets_hold_each_element_once() -> None:
    assert len(set_value(BOOL, [TRUE, FALSE, TRUE]).items) == 2
    assert len(set_value(STRING, [string("e\u0301"), string("\xe9")]).items) == 1
