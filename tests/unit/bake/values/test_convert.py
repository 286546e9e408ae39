from __future__ import annotations

import pytest

from bakex.bake.values.compare import set_value
from bakex.bake.values.convert import convert, unified
from bakex.bake.values.jsontext import from_json, to_json
from bakex.bake.values.problems import ConversionError, LimitError
from bakex.bake.values.value import (
    NULL,
    TRUE,
    UNKNOWN,
    Value,
    list_value,
    map_value,
    null,
    number,
    string,
    tuple_value,
)
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

A_NUMBER = ObjectType({"a": NUMBER})


@pytest.mark.parametrize(
    ("text", "type_", "result"),
    [
        ("1.50", STRING, '"1.5"'),
        ("true", STRING, '"true"'),
        ('"1e2"', NUMBER, "100"),
        ('"1"', BOOL, "true"),
        ('"false"', BOOL, "false"),
        ('[1, "a"]', ANY, '[1,"a"]'),
        ("[1, 1]", set_of(NUMBER), "[1]"),
        ('[1, "a"]', list_of(STRING), '["1","a"]'),
        ('[1, "a"]', list_of(ANY), '["1","a"]'),
        ('[[1], ["a", 2]]', list_of(list_of(ANY)), '[["1"],["a","2"]]'),
        ("[null, 1]", list_of(ANY), "[null,1]"),
        ("[]", list_of(ANY), "[]"),
        ('{"a": 1}', map_of(STRING), '{"a":"1"}'),
        ('{"a": 1, "b": "x"}', map_of(ANY), '{"a":"1","b":"x"}'),
        ('{"b": 2, "a": "1"}', A_NUMBER, '{"a":1}'),
        ("{}", ObjectType({"a": NUMBER}, frozenset({"a"})), '{"a":null}'),
        ("[1, 2]", TupleType([STRING, NUMBER]), '["1",2]'),
        ("null", list_of(STRING), "null"),
    ],
)
def test_conversion(text: str, type_: Type, result: str) -> None:
    converted = convert(from_json(text), type_)
    assert to_json(converted) == result
    if type_ is not ANY and "any" not in str(type_) and "optional" not in str(type_):
        assert converted.type == type_


@pytest.mark.parametrize(
    ("text", "type_", "reason"),
    [
        ("1", BOOL, "a bool is required, but this is a number"),
        ("true", NUMBER, "a number is required, but this is a bool"),
        ("[1]", STRING, "a string is required, but this is a tuple"),
        ('"x"', NUMBER, 'a number is required, but this is the text "x"'),
        ('"yes"', BOOL, 'true or false is required, but this is the text "yes"'),
        ("1", list_of(NUMBER), "a list of numbers is required, but this is a number"),
        ("1", map_of(NUMBER), "a map of numbers is required, but this is a number"),
        ("1", A_NUMBER, "an object is required, but this is a number"),
        ("{}", A_NUMBER, 'the attribute "a" is required'),
        ('{"a": "x"}', A_NUMBER, '.a: a number is required, but this is the text "x"'),
        ('{"a": [1, "x"]}', map_of(list_of(NUMBER)), ".a[1]: a number is required"),
        ("[1]", TupleType([NUMBER, NUMBER]), "a tuple of 2 elements is required"),
        ("1", TupleType([NUMBER]), "a tuple is required"),
        ("[true]", TupleType([NUMBER]), "[0]: a number is required"),
        ("[1, true]", list_of(ANY), "all elements of a list must have the same type"),
        ('"x"', BYTES, "a bytes value is required, but this is a string"),
    ],
)
def test_what_cannot_be_converted(text: str, type_: Type, reason: str) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(from_json(text), type_)
    assert caught.value.summary.startswith(reason)
    assert caught.value.span is None


def test_truth_in_upper_case_is_explained() -> None:
    with pytest.raises(ConversionError) as caught:
        convert(string("True"), BOOL)
    assert caught.value.hint == 'write "true" in lower case'


def test_long_texts_are_cut_in_messages() -> None:
    with pytest.raises(ConversionError) as caught:
        convert(string("x" * 1000), NUMBER)
    assert len(caught.value.summary) < 100


def test_nulls_have_types() -> None:
    assert convert(NULL, STRING).type == STRING
    assert convert(null(NUMBER), STRING).type == STRING
    with pytest.raises(ConversionError):
        convert(null(NUMBER), list_of(NUMBER))
    optional = ObjectType({"a": NUMBER}, frozenset({"a"}))
    assert convert(NULL, optional).type == A_NUMBER


def test_the_unknown_stays() -> None:
    assert convert(UNKNOWN, NUMBER) is UNKNOWN


def test_empty_collections_still_need_fitting_types() -> None:
    with pytest.raises(ConversionError):
        convert(list_value(BOOL, ()), list_of(NUMBER))
    assert convert(list_value(NUMBER, ()), list_of(STRING)).type == list_of(STRING)
    assert convert(list_value(NUMBER, ()), set_of(ANY)).type == set_of(NUMBER)


def test_collections_between_one_another() -> None:
    pair = set_value(NUMBER, [number(2), number(1)])
    assert to_json(convert(pair, list_of(STRING))) == '["1","2"]'
    entries = map_value(NUMBER, {"a": number(1), "b": number(2)})
    assert to_json(convert(entries, A_NUMBER)) == '{"a":1}'
    with pytest.raises(ConversionError):
        convert(pair, TupleType([NUMBER, NUMBER]))


def test_the_path_grows_outwards() -> None:
    inner = ConversionError("wrong", path="[1]", hint="so")
    outer = inner.within(".a")
    assert (outer.summary, outer.path, outer.hint) == (".a[1]: wrong", ".a[1]", "so")


def test_deep_values_are_refused() -> None:
    value: Value = TRUE
    for _ in range(5000):
        value = tuple_value([value])
    type_: Type = STRING
    for _ in range(5000):
        type_ = list_of(type_)
    with pytest.raises(LimitError, match="nested too deeply"):
        convert(value, type_)


def test_unified() -> None:
    found = unified([number(1), string("a"), UNKNOWN, NULL])
    assert found is not None
    assert [to_json(value) for value in (found[0], found[1], found[3])] == ['"1"', '"a"', "null"]
    assert found[2] is UNKNOWN
    assert unified([number(1), TRUE]) is None
