from __future__ import annotations

import json
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.values.jsonsyntax import (
    MAX_DEPTH,
    MAX_VALUES,
    JsonArray,
    JsonObject,
    JsonSyntaxError,
    JsonText,
    read,
)
from bakex.bake.values.jsontext import from_json
from bakex.bake.values.reading import to_python
from bakex.errors import BakexError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_agrees_with_the_standard_library(value: object, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert to_python(from_json(text)) == normalised(value)


def normalised(value: object) -> object:
    if isinstance(value, str):
        return normalize("NFC", value)
    if isinstance(value, list):
        return [normalised(item) for item in value]
    if isinstance(value, dict):
        return {normalize("NFC", key): normalised(item) for key, item in value.items()}
    return value


@given(st.text(st.sampled_from('{}[]",:\\u0d8e1.-+truefalsn \n')))
def test_every_text_is_read_or_refused(text: str) -> None:
    try:
        from_json(text)
    except BakexError:
        with pytest.raises(ValueError, match=r"."):
            json.loads(text, parse_constant=lambda word: int(word, 2))
    else:
        json.loads(text)


@pytest.mark.parametrize(
    ("text", "summary", "start"),
    [
        ("", "unexpected end of JSON", 0),
        ("[1,]", "trailing comma in an array", 2),
        ('{"a":1,}', "trailing comma in an object", 6),
        ("[1 2]", "missing comma between the items of an array", 3),
        ("[1", "unclosed array", 2),
        ('{"a" 1}', 'missing ":" behind the name of a property', 5),
        ("{a: 1}", "expected the name of a property", 1),
        ("{", "expected the name of a property", 1),
        ("1 2", 'unexpected "2" behind the JSON value', 2),
        ("nul", 'expected a JSON value, but found "nul"', 0),
        ("'a'", 'expected a JSON value, but found "\'"', 0),
        ("# x", 'expected a JSON value, but found "#"', 0),
        ("01", '"01" is not a number in JSON', 0),
        ("-", '"-" is not a number in JSON', 0),
        ("1.", '"1." is not a number in JSON', 0),
        ('"a', "unterminated string", 0),
        ('"\t"', "unterminated string", 0),
        (r'"\x"', r'unknown escape "\x" in a string', 1),
        (r'"\u12"', r'unknown escape "\u" in a string', 1),
        ("[" * (MAX_DEPTH + 5), "JSON nested too deeply", MAX_DEPTH + 1),
    ],
)
def test_faults(text: str, summary: str, start: int) -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        read(text)
    assert (caught.value.summary, caught.value.start) == (summary, start)


def test_comments_are_explained() -> None:
    with pytest.raises(JsonSyntaxError) as caught:
        read("[1, // x\n2]")
    assert "no comments" in caught.value.hint


def test_positions_and_repeated_keys() -> None:
    root = read('\ufeff{"a": [true], "a": 2}')
    assert isinstance(root, JsonObject)
    assert [(key.text, key.start, key.end) for key, _ in root.entries] == [
        ("a", 2, 5),
        ("a", 15, 18),
    ]
    array = root.entries[0][1]
    assert isinstance(array, JsonArray)
    assert (array.start, array.end) == (7, 13)


def test_surrogates() -> None:
    pair, half = read(r'"\ud83d\ude00"'), read(r'"x\ud800y"')
    assert isinstance(pair, JsonText)
    assert isinstance(half, JsonText)
    assert (pair.text, half.text) == ("😀", "x\ufffdy")


@pytest.mark.slow
def test_a_text_without_an_end() -> None:
    assert isinstance(read(f"[{'1,' * (MAX_VALUES - 2)}1]"), JsonArray)
    with pytest.raises(JsonSyntaxError, match="the JSON is too long"):
        read(f"[{'1,' * MAX_VALUES}1]")
