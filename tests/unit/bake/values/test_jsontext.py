from __future__ import annotations

import pytest

from bakex.bake.values.jsontext import from_json, from_json_as, to_json
from bakex.bake.values.problems import ConversionError, LimitError, ValueProblem
from bakex.bake.values.value import Value, number, string, tuple_value
from bakex.bake.values.valuetype import (
    ANY,
    BOOL,
    BYTES,
    NUMBER,
    STRING,
    ObjectType,
    TupleType,
    Type,
    list_of,
    map_of,
    set_of,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"b": [1.50, 1e9], "a": {}, "c": []}', '{"a":{},"b":[1.5,1000000000],"c":[]}'),
        ('[null, true, false, "x"]', '[null,true,false,"x"]'),
        ('"<>&\\u2028\\n\\t\\"\\\\/\\u007f"', '"\\u003c\\u003e\\u0026\\u2028\\n\\t\\"\\\\/\x7f"'),
        ('{"a": 1, "a": 2}', '{"a":2}'),
    ],
)  # fmt: skip
def test_there_and_back(text: str, written: str) -> None:
    assert to_json(from_json(text)) == written


def test_infinity_has_no_json() -> None:
    with pytest.raises(ValueProblem, match="infinity"):
        to_json(number(float("inf")))


def test_deep_values_are_refused() -> None:
    value: Value = string("x")
    for _ in range(5000):
        value = tuple_value([value])
    with pytest.raises(LimitError, match="nested too deeply"):
        to_json(value)


def test_numbers_have_limits() -> None:
    with pytest.raises(LimitError):
        from_json("1e99999")


@pytest.mark.parametrize(
    ("text", "type_", "written"),
    [
        ("1", STRING, '"1"'),
        ("true", STRING, '"true"'),
        ('"2"', NUMBER, "2"),
        ('"true"', BOOL, "true"),
        ("null", NUMBER, "null"),
        ('["a", 1]', list_of(STRING), '["a","1"]'),
        ("[2, 1, 2]", set_of(NUMBER), "[1,2]"),
        ('{"k": 1}', map_of(STRING), '{"k":"1"}'),
        ('[1, "x"]', TupleType([STRING, STRING]), '["1","x"]'),
        ('{"b": 1}', ObjectType({"a": STRING, "b": NUMBER}), '{"a":null,"b":1}'),
        ('{"value": "y", "type": "string"}', ANY, '"y"'),
        ('{"value": [1, true], "type": ["tuple", ["number", "bool"]]}', ANY, "[1,true]"),
        ('{"value": {"a": 1}, "type": ["object", {"a": "dynamic"}]}', ANY, None),
        ('{"value": {"a": 1}, "type": ["map", "number"]}', ANY, '{"a":1}'),
        ('{"value": [1], "type": ["set", "number"]}', ANY, "[1]"),
        ('{"value": [1], "type": ["list", "number"]}', ANY, "[1]"),
    ],
)
def test_read_into_a_type(text: str, type_: Type, written: str | None) -> None:
    if written is None:
        with pytest.raises(ConversionError, match="an object is required"):
            from_json_as(text, type_)
    else:
        assert to_json(from_json_as(text, type_)) == written


@pytest.mark.parametrize(
    ("text", "type_", "reason"),
    [
        ("[1]", STRING, "a string is required"),
        ('"x"', NUMBER, "a number is required"),
        ("1", list_of(STRING), "an array is required"),
        ("1", map_of(STRING), "an object is required"),
        ("[1]", TupleType([NUMBER, NUMBER]), "a tuple of 2 elements is required"),
        ('{"c": 1}', ObjectType({"a": STRING}), 'there is no attribute "c"'),
        ('[[1, "x"]]', list_of(list_of(NUMBER)), "[0][1]: a number is required"),
        ('{"value": 1}', ANY, "a value of any type is required"),
        ('{"value": 1, "type": "strin"}', ANY, "the type is not one"),
        ('{"value": 1, "type": ["list", "x", "y"]}', ANY, "the type is not one"),
        ("1", BYTES, "cannot be written in JSON"),
    ],
)
def test_what_does_not_fit_the_type(text: str, type_: Type, reason: str) -> None:
    with pytest.raises(ConversionError) as caught:
        from_json_as(text, type_)
    assert reason in caught.value.summary
