from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bakex.bake.values.jsontext import from_json
from bakex.bake.values.problems import ConversionError
from bakex.bake.values.reading import (
    as_bool,
    as_int,
    as_list,
    as_mapping,
    as_string,
    as_string_map,
    as_strings,
    to_python,
)
from bakex.bake.values.value import NULL, Value

if TYPE_CHECKING:
    from collections.abc import Callable

READERS = [as_bool, as_int, as_list, as_mapping, as_string, as_string_map, as_strings]


@pytest.mark.parametrize("reader", READERS)
def test_null_is_none(reader: Callable[[Value], object]) -> None:
    assert reader(NULL) is None


@pytest.mark.parametrize(
    ("reader", "text", "result"),
    [
        (as_string, "1.50", "1.5"),
        (as_bool, '"1"', True),
        (as_int, '"12"', 12),
        (as_strings, '["a", null, 1]', ["a", None, "1"]),
        (as_string_map, '{"b": true, "a": null}', {"a": None, "b": "true"}),
    ],
)
def test_reading(reader: Callable[[Value], object], text: str, result: object) -> None:
    assert reader(from_json(text)) == result


def test_elements_and_entries() -> None:
    items = as_list(from_json("[1, 2]"))
    entries = as_mapping(from_json('{"a": 1}'))
    assert items is not None
    assert entries is not None
    assert [to_python(item) for item in items] == [1, 2]
    assert list(entries) == ["a"]


@pytest.mark.parametrize(
    ("reader", "text", "reason"),
    [
        (as_string, "[1]", "a string is required"),
        (as_int, "1.5", "a whole number is required, but this is 1.5"),
        (as_list, '{"a": 1}', "a list is required, but this is an object"),
        (as_mapping, "[1]", "a map is required, but this is a tuple"),
        (as_strings, '["a", [1]]', "[1]: a string is required"),
        (as_string_map, '{"k": [1]}', ".k: a string is required"),
    ],
)
def test_what_cannot_be_read(reader: Callable[[Value], object], text: str, reason: str) -> None:
    with pytest.raises(ConversionError) as caught:
        reader(from_json(text))
    assert caught.value.summary.startswith(reason)


def test_to_python() -> None:
    value = from_json('{"a": [1, 2.5, "x", true, null]}')
    assert to_python(value) == {"a": [1, 2.5, "x", True, None]}
    assert to_python(NULL) is None
