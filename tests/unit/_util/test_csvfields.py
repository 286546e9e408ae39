from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex._util import csvfields


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (",", ("", "")),
        (" a , b ", (" a ", " b ")),
        ('"a,b",c', ("a,b", "c")),
        ('"a""b"', ('a"b',)),
        ('""', ("",)),
        ("a\n", ("a",)),
        ("a\r\nb", ("a\r\nb",)),
        ('"a\n",b', ("a\n", "b")),
    ],
)
def test_split(text: str, fields: tuple[str, ...]) -> None:
    assert csvfields.split(text) == fields


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n", "empty"),
        ('a"b', "character 2"),
        ('x,a"b', "character 4"),
        ('"a', "character 1 is not closed"),
        ('"a"b', "character 4"),
    ],
)
def test_what_is_no_record(text: str, message: str) -> None:
    with pytest.raises(csvfields.CsvError, match=message):
        csvfields.split(text)


def test_another_separator() -> None:
    assert csvfields.split('k:"v:1"', ":") == ("k", "v:1")


def test_pairs_split_at_the_first_equals_sign() -> None:
    assert csvfields.pairs("a=1=2,b") == (("a", "1=2"), ("b", None))


def test_join_needs_a_field() -> None:
    with pytest.raises(ValueError, match="at least one"):
        csvfields.join([])


@given(st.lists(st.text(alphabet='ab,"\n\r =é'), min_size=1))
def test_join_and_split_are_inverse(fields: list[str]) -> None:
    assert csvfields.split(csvfields.join(fields)) == tuple(fields)
