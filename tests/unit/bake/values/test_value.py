from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.limits import MAX_TEXT, MAX_WEIGHT
from bakex.bake.values.problems import LimitError
from bakex.bake.values.value import (
    FALSE,
    NULL,
    TRUE,
    UNKNOWN,
    boolean,
    list_value,
    map_value,
    number,
    object_value,
    string,
    tuple_value,
)
from bakex.bake.values.valuetype import ANY, NUMBER, STRING, ObjectType, TupleType, list_of, map_of


def test_types_of_what_is_built() -> None:
    one, text = number(1), string("a")
    assert tuple_value([one, text]).type == TupleType([NUMBER, STRING])
    assert list_value(NUMBER, [one]).type == list_of(NUMBER)
    assert object_value({"a": one}).type == ObjectType({"a": NUMBER})
    assert map_value(NUMBER, {"a": one}).type == map_of(NUMBER)
    assert NULL.type is ANY
    assert boolean(True) is TRUE
    assert boolean(False) is FALSE


def test_keys_are_sorted() -> None:
    assert list(object_value({"b": TRUE, "a": TRUE, "B": TRUE}).mapping) == ["B", "a", "b"]
    assert list(map_value(TRUE.type, {"é": TRUE, "z": TRUE}).mapping) == ["z", "é"]


def test_strings_are_normalised() -> None:
    assert string("e\u0301").text == "\xe9"
    assert string("a\udcffb").text == "a\ufffdb"


@given(st.text(st.characters()))
def test_strings_can_be_encoded(text: str) -> None:
    string(text).text.encode()


def test_what_is_known() -> None:
    assert NULL.is_null
    assert NULL.is_known
    assert not UNKNOWN.is_known
    assert not UNKNOWN.is_null
    assert "unknown" in repr(UNKNOWN)


def test_long_texts_are_refused() -> None:
    with pytest.raises(LimitError):
        string("x" * (MAX_TEXT + 1))


def test_weight_counts_shared_parts_each_time() -> None:
    value = tuple_value([TRUE, TRUE])
    assert value.weight == 3
    while value.weight < MAX_WEIGHT // 2:
        value = tuple_value([value, value])
    with pytest.raises(LimitError):
        tuple_value([value, value])
    long = string("x" * 6400)
    assert object_value({"a": long}).weight == 102
