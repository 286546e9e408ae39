from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakex.bake.hcl.source import Source, decode
from bakex.bake.values.graphemes import length
from bakex.errors import SyntaxDefinitionError


def test_lines_and_columns() -> None:
    source = Source("a.hcl", "ab\ncd\r\n\nef")
    places = [source.location(offset) for offset in range(11)]
    assert places[:5] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    assert places[7:] == [(3, 1), (4, 1), (4, 2), (4, 3)]
    assert source.line(9) == 4


def test_columns_count_what_a_reader_sees() -> None:
    text = 'x = "👨\u200d👩\u200d👧e\u0301" y'
    assert Source("a.hcl", text).location(text.index("y")) == (1, 10)


def test_span() -> None:
    span = Source("a.hcl", "ab\ncd").span(1, 4)
    assert str(span) == "a.hcl:1:2"
    assert (span.end_line, span.end_column) == (2, 2)
    assert repr(Source("a.hcl", "x")) == "Source('a.hcl')"


@given(st.text())
def test_every_offset_has_a_place(text: str) -> None:
    source = Source("a", text)
    for offset in range(len(text) + 1):
        line, column = source.location(offset)
        assert 1 <= line <= text.count("\n") + 1
        assert 1 <= column <= len(text) + 1


def test_decode() -> None:
    assert decode("a.hcl", "é = 1".encode()).text == "é = 1"
    with pytest.raises(SyntaxDefinitionError) as caught:
        decode("a.hcl", b"a = 1\nb = \xff")
    assert str(caught.value.span) == "a.hcl:2:5"
    assert "0xff" in caught.value.detail


@given(st.text(alphabet="ab é\u0301\u200d👧\r\n"))
def test_columns_are_the_same_in_any_order(text: str) -> None:
    source = Source("a", text)
    places = [source.location(offset) for offset in range(len(text) + 1)]
    assert [source.location(o) for o in reversed(range(len(text) + 1))] == places[::-1]
    for offset, (line, column) in enumerate(places):
        start = text.rfind("\n", 0, offset) + 1
        assert column == length(text[start:offset]) + 1
        assert line == text.count("\n", 0, offset) + 1


def test_a_name_that_tells_no_syntax_gets_an_ending() -> None:
    source = Source("-", "x", read_as=".hcl")
    assert (source.name, source.shown, source.span(0, 1).file) == ("-", "-.hcl", "-.hcl")
