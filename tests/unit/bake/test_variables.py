from __future__ import annotations

import pytest

from bakex.bake.values.jsontext import to_json
from bakex.bake.values.problems import ValueProblem
from bakex.bake.values.value import NULL, number, string, tuple_value
from bakex.bake.values.valuetype import (
    ANY,
    BOOL,
    NUMBER,
    STRING,
    ObjectType,
    TupleType,
    Type,
    list_of,
    map_of,
    set_of,
)
from bakex.bake.variables import parse, valued


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("x", STRING, '"x"'),
        ("", STRING, '""'),
        ("1e2", NUMBER, "100"),
        ("+5", NUMBER, "5"),
        ("1_000", NUMBER, "1000"),
        ("0x1p4", NUMBER, "16"),
        (".5", NUMBER, "0.5"),
        ("5.", NUMBER, "5"),
        ("-0.25", NUMBER, "-0.25"),
        ("t", BOOL, "true"),
        ("FALSE", BOOL, "false"),
        ("3,4.5", list_of(NUMBER), "[3,4.5]"),
        (",", list_of(STRING), '["",""]'),
        ('"a""b",c', list_of(STRING), '["a\\"b","c"]'),
        ("1,1.0,2", set_of(NUMBER), "[1,2]"),
        ("1,f", set_of(BOOL), "[false,true]"),
        ("a,1", TupleType([STRING, NUMBER]), '["a",1]'),
        ('k:v,"a:b,c"', map_of(STRING), '{"a":"b,c","k":"v"}'),
        ('"k:""v:1"""', map_of(STRING), '{"k":"v:1"}'),
        ("k:v,k:w", map_of(STRING), '{"k":"w"}'),
        ("k:", map_of(STRING), '{"k":""}'),
        (":v", map_of(STRING), '{"":"v"}'),
        ("k:v, d : e", map_of(STRING), '{" d ":" e","k":"v"}'),
    ],
)
def test_parse(text: str, type_: Type, value: str) -> None:
    assert to_json(parse(text, type_)) == value


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("", NUMBER),
        (" 5", NUMBER),
        ("0x10", NUMBER),
        ("1e400", NUMBER),
        ("0x1p99999", NUMBER),
        ("inf", NUMBER),
        ("nan", NUMBER),
        ("1__0", NUMBER),
        ("1_", NUMBER),
        ("٣", NUMBER),
        ("yes", BOOL),
        ("", list_of(STRING)),
        ('"a"b', list_of(STRING)),
        ("a", list_of(NUMBER)),
        ("a,1,2", TupleType([STRING, NUMBER])),
        ("a:b:c", map_of(STRING)),
        ("a", map_of(STRING)),
        ("", map_of(STRING)),
        ("a:no", map_of(BOOL)),
        ("x", ANY),
        ("x", ObjectType({"a": STRING})),
        ("x", list_of(list_of(STRING))),
        ("x", TupleType([list_of(STRING)])),
    ],
)
def test_what_cannot_be_parsed(text: str, type_: Type) -> None:
    with pytest.raises(ValueProblem):
        parse(text, type_)


def test_typed_variables() -> None:
    assert valued(STRING, None, None, None).is_null
    assert to_json(valued(STRING, number(5), None, None)) == '"5"'
    assert to_json(valued(NUMBER, number(5), "6", None)) == "6"
    assert to_json(valued(NUMBER, number(5), "6", "7")) == "7"
    assert to_json(valued(list_of(NUMBER), None, None, "[1]")) == "[1]"


def test_a_default_must_fit_the_type_even_if_it_is_not_used() -> None:
    with pytest.raises(ValueProblem):
        valued(NUMBER, string("x"), "6", None)


def test_untyped_variables() -> None:
    assert to_json(valued(None, None, None, None)) == '""'
    assert valued(None, NULL, None, None).is_null
    assert to_json(valued(None, NULL, "x", None)) == '"x"'
    assert to_json(valued(None, number(5), "6", None)) == "6"
    assert to_json(valued(None, None, "6", None)) == '"6"'
    assert to_json(valued(None, None, "x", '"y"')) == '"x"'


def test_json_for_an_untyped_variable_is_decoded() -> None:
    assert to_json(valued(None, None, None, '"b"')) == '"b"'
    assert to_json(valued(None, None, None, '{"a":[1]}')) == '{"a":[1]}'


def test_an_untyped_list_cannot_be_given_as_text() -> None:
    with pytest.raises(ValueProblem) as caught:
        valued(None, tuple_value([string("a")]), "x", None)
    assert "type" in caught.value.hint
