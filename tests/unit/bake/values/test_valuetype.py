from __future__ import annotations

import pytest

from bakex.bake.values.valuetype import (
    ANY,
    BOOL,
    BYTES,
    NUMBER,
    STRING,
    CollectionType,
    ObjectType,
    TupleType,
    Type,
    describe,
    has_any,
    list_of,
    map_of,
    set_of,
    without_optional,
)

OPTIONAL = ObjectType({"a": NUMBER, "b": STRING}, frozenset({"b"}))


@pytest.mark.parametrize(
    ("type_", "text", "described"),
    [
        (STRING, "string", "a string"),
        (BOOL, "bool", "a bool"),
        (ANY, "any", "null"),
        (list_of(set_of(NUMBER)), "list(set(number))", "a list of sets of numbers"),
        (map_of(ANY), "map(any)", "a map"),
        (list_of(list_of(ANY)), "list(list(any))", "a list of lists of anything"),
        (set_of(BYTES), "set(bytes)", "a set of bytes"),
        (TupleType([STRING, BOOL]), "tuple([string, bool])", "a tuple"),
        (OPTIONAL, "object({a=number, b=optional(string)})", "an object"),
    ],
)
def test_texts(type_: Type, text: str, described: str) -> None:
    assert str(type_) == text
    assert describe(type_) == described
    assert repr(type_) == f"<type {text}>"


def test_equality() -> None:
    pairs = [
        (list_of(STRING), list_of(STRING)),
        (TupleType([NUMBER]), TupleType([NUMBER])),
        (OPTIONAL, ObjectType({"b": STRING, "a": NUMBER}, frozenset({"b"}))),
        (Type("string"), STRING),
    ]
    for left, right in pairs:
        assert left == right
        assert hash(left) == hash(right)
    different: list[object] = [
        STRING, NUMBER, list_of(STRING), list_of(NUMBER), set_of(STRING), TupleType([]),
        TupleType([STRING]), OPTIONAL, ObjectType({}), "string",
    ]  # fmt: skip
    for at, one in enumerate(different):
        assert all(one != other for other in different[at + 1 :])


def test_has_any() -> None:
    assert has_any(ANY)
    assert has_any(list_of(ANY))
    assert has_any(TupleType([STRING, ANY]))
    assert has_any(ObjectType({"a": list_of(ANY)}))
    assert not has_any(ObjectType({"a": list_of(STRING)}))


def test_without_optional() -> None:
    plain = ObjectType({"a": NUMBER, "b": STRING})
    assert without_optional(TupleType([list_of(OPTIONAL)])) == TupleType([list_of(plain)])
    assert isinstance(without_optional(list_of(OPTIONAL)), CollectionType)
