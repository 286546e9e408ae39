from __future__ import annotations

import pytest

from bakex.bake.values.unify import convertible, unify
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


def obj(**attributes: Type) -> ObjectType:
    return ObjectType(attributes)


def tup(*elements: Type) -> TupleType:
    return TupleType(elements)


@pytest.mark.parametrize(
    ("types", "common"),
    [
        ([], ANY),
        ([ANY, NUMBER], NUMBER),
        ([NUMBER, NUMBER], NUMBER),
        ([NUMBER, STRING], STRING),
        ([NUMBER, BOOL, STRING], STRING),
        ([NUMBER, BOOL], None),
        ([tup(NUMBER), tup(STRING)], tup(STRING)),
        ([tup(NUMBER), tup(BOOL)], None),
        ([tup(NUMBER), tup()], list_of(NUMBER)),
        ([tup(NUMBER, BOOL), tup(STRING)], list_of(STRING)),
        ([tup(NUMBER, BOOL), tup()], None),
        ([tup(NUMBER), list_of(STRING)], list_of(STRING)),
        ([tup(list_of(BOOL)), list_of(STRING)], None),
        ([tup(NUMBER), set_of(NUMBER)], set_of(NUMBER)),
        ([list_of(NUMBER), set_of(NUMBER)], list_of(NUMBER)),
        ([list_of(NUMBER), list_of(STRING)], list_of(STRING)),
        ([obj(a=NUMBER), obj(a=STRING)], obj(a=STRING)),
        ([obj(a=NUMBER), obj(a=BOOL)], None),
        ([obj(a=NUMBER), obj(b=STRING)], map_of(STRING)),
        ([obj(a=NUMBER), obj()], map_of(NUMBER)),
        ([obj(a=NUMBER), map_of(STRING)], map_of(STRING)),
        ([obj(a=tup()), map_of(STRING)], None),
        ([obj(), tup()], None),
        ([obj(), STRING], None),
        ([tup(), STRING], None),
    ],
)
def test_unify(types: list[Type], common: Type | None) -> None:
    assert unify(types) == common
    assert unify(reversed(types)) == common


@pytest.mark.parametrize(
    ("source", "target", "fits"),
    [
        (NUMBER, ANY, True),
        (ANY, NUMBER, True),
        (NUMBER, STRING, True),
        (STRING, BOOL, True),
        (NUMBER, BOOL, False),
        (tup(), STRING, False),
        (obj(a=NUMBER), obj(a=STRING), True),
        (obj(), obj(a=STRING), False),
        (obj(), ObjectType({"a": STRING}, frozenset({"a"})), True),
        (map_of(NUMBER), obj(a=STRING), True),
        (list_of(NUMBER), obj(a=STRING), False),
        (tup(NUMBER), tup(STRING), True),
        (tup(NUMBER), tup(STRING, STRING), False),
        (list_of(NUMBER), tup(NUMBER), False),
        (obj(a=NUMBER, b=BOOL), map_of(ANY), False),
        (obj(a=NUMBER), map_of(ANY), True),
        (obj(a=NUMBER), list_of(NUMBER), False),
        (STRING, list_of(STRING), False),
        (list_of(BOOL), set_of(NUMBER), False),
        (STRING, Type("bytes"), False),
    ],
)
def test_convertible(source: Type, target: Type, fits: bool) -> None:
    assert convertible(source, target) is fits
